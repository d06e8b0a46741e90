"""A model of somebody else under a correction: the sum, its file, and who may open it."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from ase.io import write
from command_line import refused, succeeds

import superion
from superion.conformance import check
from superion.electrostatics import CoulombTerm, FixedCharges, Slater
from superion.errors import InputError, ModelError
from superion.model import terms_of
from superion.potentials import Potential
from superion.potentials.gap.gaussian_process import SparseGP
from superion.recipes import on_base
from superion.recipes.on_base import less
from superion.study.models import read_model

LJ = "ase: ase.calculators.lj:LennardJones\narguments: {epsilon: 0.15, sigma: 2.3, rc: 6.0, smooth: true}\n"
FIT = {"pair": None, "angle": None, "soap": {"cutoff": 4.0, "n_max": 4, "l_max": 3, "sparse_points": 30}}


def _frames() -> list[Atoms]:
    frames = []
    for seed in range(8):
        atoms = bulk("Cu", cubic=True) * (2, 1, 1)
        atoms.set_cell(atoms.cell * (1 + 0.01 * (seed % 3 - 1)), scale_atoms=True)
        atoms.rattle(0.06, seed=seed)
        atoms.numbers[0] = 47
        calculator = EMT()
        atoms.info |= {"REF_energy": calculator.get_potential_energy(atoms) - 3.0 * len(atoms)}
        atoms.info |= {"REF_stress": calculator.get_stress(atoms), "trajectory": f"t{seed // 2}"}
        atoms.arrays["REF_forces"] = calculator.get_forces(atoms)
        frames.append(atoms)
    return frames


@pytest.fixture(scope="module")
def fitted(tmp_path_factory) -> Path:
    """A folder with labelled frames, settings of the base, and a correction fitted by the command."""
    folder = tmp_path_factory.mktemp("base")
    write(folder / "train.extxyz", _frames(), format="extxyz")
    (folder / "lj.yaml").write_text(LJ)
    (folder / "fit.yaml").write_text(yaml.safe_dump(FIT))
    succeeds("fit", folder / "train.extxyz", "--base", folder / "lj.yaml", "--config", folder / "fit.yaml",
             "-o", folder / "model.safetensors")  # fmt: skip
    return folder


def test_the_sum_is_that_of_base_and_correction_and_follows_the_labels(fitted: Path) -> None:
    model = superion.open_model(fitted / "model.yaml")
    *correction, base = terms_of(model)
    for atoms in _frames()[:2]:
        found, part = model.evaluate(atoms), Potential(correction).evaluate(atoms)
        calculator = LennardJones(epsilon=0.15, sigma=2.3, rc=6.0, smooth=True)
        assert found.energy == part.energy + calculator.get_potential_energy(atoms)
        assert np.array_equal(found.forces, part.forces + calculator.get_forces(atoms))
        assert found.energy == pytest.approx(atoms.info["REF_energy"], abs=0.02)
        np.testing.assert_allclose(found.forces, atoms.arrays["REF_forces"], atol=0.15)
        assert model.deviation(atoms).calibrated
    assert "energies" not in model.gives
    assert {"stress", "forces_std"} <= model.gives
    assert base.facts["labeller"] == "ase.calculators.lj:LennardJones"


def test_no_correction_is_the_base_bit_for_bit(fitted: Path) -> None:
    *_, local, base = terms_of(superion.open_model(fitted / "model.yaml"))
    nothing = SparseGP(local.blocks, np.zeros_like(local.weights), dict.fromkeys(local.baseline, 0.0))
    own, alone = superion.open_model(fitted / "lj.yaml"), Potential([nothing, base])
    for atoms in _frames():
        one, other = alone.evaluate(atoms), own.evaluate(atoms)
        assert one.energy == other.energy
        assert np.array_equal(one.forces, other.forces)
        assert np.array_equal(one.virial, other.virial)


def test_forces_and_stress_of_the_sum_are_derivatives(fitted: Path) -> None:
    charges = {"charges": {"Cu": 0.1, "Ag": -0.7}}
    charged = superion.fit(_frames(), "es-gap", FIT, electrostatics=charges, base=fitted / "lj.yaml")
    report = check(charged, _frames()[0], level="quick", only=("forces", "stress"))
    assert [one.status for one in report.checks] == ["pass", "pass"]
    assert charged.charge_model is not None


def test_what_a_frame_got_from_the_base_is_never_asked_again(fitted: Path, monkeypatch) -> None:
    calls, usual = [], LennardJones.calculate

    def counted(self, *arguments) -> None:
        calls.append(1)
        usual(self, *arguments)

    monkeypatch.setattr(LennardJones, "calculate", counted)
    before = (fitted / "model.safetensors").read_bytes()
    on_base._opened.cache_clear()
    succeeds("fit", fitted / "train.extxyz", "--base", fitted / "lj.yaml", "--config", fitted / "fit.yaml",
             "-o", fitted / "model.safetensors")  # fmt: skip
    assert len(calls) == 1, "the structure in the file alone"
    assert (fitted / "model.safetensors").read_bytes() == before


def test_a_file_says_what_to_pass_and_takes_no_other_engine(fitted: Path, tmp_path: Path) -> None:
    file = fitted / "model.safetensors"
    with pytest.raises(ModelError, match="a file names no code") as error:
        superion.open_model(file)
    assert "base=SETTINGS" in str(error.value)
    assert superion.open_model(file, base=fitted / "lj.yaml").evaluate(_frames()[0]).energy < 0
    other = tmp_path / "other.yaml"
    other.write_text(LJ.replace("0.15", "0.16"))
    with pytest.raises(ModelError, match="has other settings"):
        superion.open_model(file, base=other)
    (tmp_path / "pair.yaml").write_text(f"model: {file}\nbase: {other}\n")
    assert "has other settings" in refused("evaluate", tmp_path / "pair.yaml", fitted / "train.extxyz")
    assert (
        superion.open_model(fitted / "model.yaml").digest
        == superion.open_model(file, base=fitted / "lj.yaml").digest
    )


def test_another_version_must_say_the_same(fitted: Path, monkeypatch) -> None:
    monkeypatch.setattr("superion.potentials.external.versions_of", lambda *_: {"ase": "0.0"})
    file = fitted / "model.safetensors"
    assert superion.open_model(file, base=fitted / "lj.yaml").species
    usual = LennardJones.calculate

    def changed(self, *arguments) -> None:
        usual(self, *arguments)
        self.results["energy"] *= 1.01
        self.results["free_energy"] = self.results["energy"]

    monkeypatch.setattr(LennardJones, "calculate", changed)
    with pytest.raises(ModelError, match=r"is not what it was .*ase 0.0"):
        superion.open_model(file, base=fitted / "lj.yaml")


def test_what_nobody_could_open_is_not_saved(tmp_path: Path) -> None:
    model = superion.fit(_frames(), "gap", FIT, base=LennardJones(epsilon=0.15, sigma=2.3))
    with pytest.raises(ModelError, match="made in Python") as error:
        model.save(tmp_path / "model.safetensors")
    assert "settings file" in str(error.value)
    assert not list(tmp_path.iterdir())


def test_a_model_of_superion_is_a_base_that_is_kept_in_the_file(tmp_path: Path) -> None:
    first = superion.fit(_frames()[:4], "gap", FIT | {"seed": 3})
    first.save(tmp_path / "first.safetensors")
    second = superion.fit(_frames(), "gap", FIT, base=tmp_path / "first.safetensors")
    second.save(tmp_path / "second.safetensors")
    atoms, again = _frames()[5], superion.open_model(tmp_path / "second.safetensors")
    correction = Potential(terms_of(again)[:2])
    np.testing.assert_allclose(
        again.evaluate(atoms).forces,
        first.evaluate(atoms).forces + correction.evaluate(atoms).forces,
        atol=1e-12,
    )
    assert np.array_equal(again.deviation(atoms).forces, correction.deviation(atoms).forces)


def test_a_frame_that_the_base_cannot_take_is_named(fitted: Path, tmp_path: Path) -> None:
    (tmp_path / "emt.yaml").write_text("ase: ase.calculators.emt:EMT\n")
    frames = _frames()
    frames[3].numbers[1] = 3
    write(tmp_path / "train.extxyz", frames, format="extxyz")
    shown = refused("fit", tmp_path / "train.extxyz", "--base", tmp_path / "emt.yaml",
                    "-o", tmp_path / "m.safetensors")  # fmt: skip
    assert "cannot take 1 of 8 frames" in shown
    assert "is kept in" in shown


def test_charges_are_not_counted_twice(tmp_path: Path) -> None:
    charges = {"charges": {"Cu": 0.0, "Ag": 0.0}}
    first = superion.fit(_frames()[:4], "es-gap", FIT, electrostatics=charges)
    with pytest.raises(InputError, match="brings charges of its own"):
        superion.fit(_frames()[:4], "es-gap", FIT, electrostatics=charges, base=first)


def test_a_model_of_a_study_can_have_a_base(fitted: Path) -> None:
    model = read_model(("corrected", {"preset": "gap", "base": "lj.yaml", **FIT}))
    model = model.with_paths(lambda path: str(fitted / path))
    assert list(model.files()) == ["base lj.yaml"]
    assert model.identity()["base"] == "lj.yaml"
    job = model.job(_frames())
    assert job.options.base is not None
    assert superion.open_model(fitted / "model.safetensors").evaluate(_frames()[0]).energy < 0


def test_what_is_subtracted_and_a_model_of_the_rest_give_the_labels_again(
    tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    coulomb = CoulombTerm(FixedCharges({"Cu": 0.1, "Ag": -0.7}), Slater.from_screening(2.0))
    Potential([coulomb]).save("charges.safetensors")
    Path("emt.yaml").write_text("ase: ase.calculators.emt:EMT\n")
    Path("sum.yaml").write_text("model: fixed.safetensors\nbase: emt.yaml\n")
    frames, known = _frames()[:2], []
    for atoms in frames:
        atoms.info["REF_energy"] += 3.0 * len(atoms)
        known.append(less(atoms, Potential([coulomb]).evaluate(atoms)))
    write("frames.extxyz", frames, format="extxyz")
    succeeds(
        "subtract",
        "charges.safetensors",
        "frames.extxyz",
        "-o",
        "rest.extxyz",
        "--fixed",
        "fixed.safetensors",
    )
    for atoms, rest in zip(known, superion.read_frames("rest.extxyz"), strict=True):
        assert rest.info["REF_energy"] == pytest.approx(atoms.info["REF_energy"], abs=1e-8)
        np.testing.assert_allclose(rest.arrays["REF_forces"], atoms.arrays["REF_forces"], atol=1e-7)
        np.testing.assert_allclose(rest.info["REF_stress"], atoms.info["REF_stress"], atol=1e-8)
        together, own = superion.open_model("sum.yaml").evaluate(rest), EMT()
        summed = own.get_potential_energy(rest) + Potential([coulomb]).evaluate(rest).energy
        assert together.energy == pytest.approx(summed, abs=1e-9)
        plus = together.forces - own.get_forces(rest) + rest.arrays["REF_forces"]
        np.testing.assert_allclose(plus, own.get_forces(rest), atol=1e-7)  # labels are those of EMT
    succeeds("subtract", "sum.yaml", "frames.extxyz", "-o", "nothing.extxyz")
    assert "electrostatics" in refused("subtract", "emt.yaml", "frames.extxyz", "-o", "no.extxyz")
