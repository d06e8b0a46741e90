"""What packages of others bring, by the examples of CONTRIBUTING.md, installed as they stand there."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk
from ase.io import read, write
from plugin_package import CONTRIBUTING, REGISTRIES, documented, install, uninstall
from typer.testing import CliRunner

import superion
from superion.cli.app import app
from superion.electrostatics import CoulombTerm, FixedCharges, Point, Slater
from superion.electrostatics.charges import CHARGE_MODELS
from superion.electrostatics.densities import DENSITIES, density_pair
from superion.electrostatics.polarization import born_charges
from superion.errors import InputError, ModelError
from superion.files import read_json
from superion.potentials import Potential
from superion.potentials.repulsion import Repulsion
from superion.recipes.registry import FIT_PRESETS
from superion.registry import PluginWarning, Registry
from superion.structures import read_frames
from superion.study import read_study, run_study
from superion.terms import TERMS, Evaluation


def call(*words: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == code, (words, result.output, result.exception)
    assert "Traceback" not in result.output
    return " ".join(result.output.split())


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder of packages with the one of CONTRIBUTING.md; the working folder is another one."""
    folder = tmp_path / "site"
    install(folder, *documented())
    monkeypatch.syspath_prepend(str(folder))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    yield folder
    uninstall(folder, monkeypatch)


def salt(seed: int) -> Atoms:
    atoms = bulk("LiS", "rocksalt", a=5.0, cubic=True)
    atoms.rattle(0.15, seed=seed)
    return atoms


def write_frames(term) -> None:
    frames = []
    for seed in range(5):
        atoms = salt(seed)
        found = term.evaluate(atoms)
        atoms.info["REF_energy"] = found.energy
        atoms.arrays["REF_forces"] = found.forces
        frames.append(atoms)
    write("train.extxyz", frames, format="extxyz")


def check_derivatives(term, atoms: Atoms) -> None:
    """Forces and virial against differences of the energy."""
    found, step = term.evaluate(atoms), 1e-5

    def energy(positions, strain) -> float:
        moved = atoms.copy()
        moved.positions = positions
        moved.set_cell(atoms.cell.array @ (np.eye(3) + strain), scale_atoms=True)
        return term.evaluate(moved).energy

    still, zero = atoms.positions.copy(), np.zeros((3, 3))
    for i, c in ((0, 0), (3, 1), (5, 2)):
        shift = np.zeros_like(still)
        shift[i, c] = step
        slope = (energy(still + shift, zero) - energy(still - shift, zero)) / (2 * step)
        assert found.forces[i, c] == pytest.approx(-slope, abs=1e-7)
    for a, b in ((0, 0), (1, 2)):
        strain = zero.copy()
        strain[a, b] += 0.5 * step
        strain[b, a] += 0.5 * step
        slope = (energy(still, strain) - energy(still, -strain)) / (2 * step)
        assert found.virial[a, b] == pytest.approx(-slope, abs=1e-5)


def test_a_recipe_of_a_package_is_fitted_saved_loaded_and_run(site):
    write_frames(TERMS["morse"](0.31, 1.2, 2.9))
    call("fit", "train.extxyz", "--preset", "morse", "--output", "morse.safetensors")
    (term,) = superion.open_model("morse.safetensors").terms
    assert (term.depth, term.steepness, term.distance) == pytest.approx((0.31, 1.2, 2.9), abs=1e-4)
    call("evaluate", "morse.safetensors", "train.extxyz", "--json", "m.json")
    assert read_json("m.json")["test"]["force_rmse"] < 1e-4
    call("md", "morse.safetensors", "train.extxyz", "--temperature", 100, "--steps", 10, "--output", "run")
    assert "range of the potential" in call("schema", "fit", "--preset", "morse")
    assert "unknown preset 'morze'. Did you mean 'morse'?" in call(
        "fit", "train.extxyz", "--preset", "morze", "--output", "x.safetensors", code=2
    )


def test_its_forces_and_charges_are_derivatives_of_the_energy(site):
    check_derivatives(TERMS["morse"](), salt(0))
    charges = CHARGE_MODELS["neighbour-charges"]({"Li": 0.05, "S": 0.2})
    check_derivatives(CoulombTerm(charges, Slater.from_screening(2.0), accuracy=1e-9), salt(1))
    born = born_charges(salt(2), charges)
    assert np.abs(born.violation).max() < 1e-9
    assert charges.charges(salt(2)).sum() == pytest.approx(0.0, abs=1e-12)


def test_a_charge_model_of_a_package_stands_under_a_gaussian_process(site):
    write_frames(TERMS["morse"]())
    Path("small.yaml").write_text("soap: {n_max: 3, l_max: 2, sparse_points: 10}\nangle: null\n")
    call("fit", "train.extxyz", "--preset", "neighbour-gap", "--config", "small.yaml", "-o", "m.safetensors")
    model = superion.open_model("m.safetensors")
    assert [term.kind for term in model.terms] == ["coulomb", "gp"]
    found = model.evaluate(read("train.extxyz"))
    assert np.abs(found.charges).max() > 1e-3
    call("md", "m.safetensors", "train.extxyz", "--temperature", 50, "--steps", 4, "--output", "run",
         "--sample-every", 2, "--field", "0,0,0.01", "--record", "charges")  # fmt: skip


def test_whoever_lacks_the_package_is_told_to_install_it(site, monkeypatch):
    charges = CHARGE_MODELS["neighbour-charges"]({"Li": 0.0, "S": 0.1})
    Potential([TERMS["morse"]()]).save("term.safetensors")
    Potential([CoulombTerm(charges, Slater.from_screening(2.0))]).save("charges.safetensors")
    uninstall(site, monkeypatch)
    for name, kind in (("term", "term 'morse'"), ("charges", "charge model 'neighbour-charges'")):
        shown = call("evaluate", f"{name}.safetensors", "none.extxyz", code=2)
        assert f"unknown {kind}" in shown
        assert "brought by the package battery-plugins 0.1. Remedy: pip install battery-plugins" in shown


def test_a_labeller_of_a_package_is_a_model(site):
    write("start.extxyz", salt(0), format="extxyz")
    Path("stiff.yaml").write_text("toy: {strength: 2.0}\n")
    soft, stiff = superion.open_model("toy"), superion.open_model("stiff.yaml")
    np.testing.assert_allclose(stiff.evaluate(salt(1)).forces, 2 * soft.evaluate(salt(1)).forces)
    assert stiff.identity["settings"] == {"strength": 2.0}
    assert stiff.identity["versions"]["battery-plugins"] == "0.1"
    check = soft.evaluate(salt(0))
    assert abs(check.forces.sum(axis=0)).max() < 1e-12
    call("label", "start.extxyz", "--labeller", "stiff.yaml", "--store", "store", "--executor", "threads:1",
         "--output", "out.extxyz")  # fmt: skip
    assert read("out.extxyz").info["REF_energy"] == pytest.approx(stiff.evaluate(salt(0)).energy)
    Path("bad.yaml").write_text("toy: {strength: hard}\n")
    assert "strength" in call("evaluate", "bad.yaml", "start.extxyz", code=2)


def test_a_broken_package_is_named_and_harms_nothing_else(site, monkeypatch):
    install(
        site,
        {"other_plugins.py": "raise RuntimeError('half installed')\n"},
        {
            "superion.terms": {"broken": "other_plugins:Term"},
            "superion.recipes": {"bad": "other_plugins:BAD"},
        },
        name="other-plugins",
    )
    monkeypatch.syspath_prepend(str(site))
    with pytest.raises(InputError, match="'broken' of the package other-plugins cannot be imported"):
        TERMS.find("broken")
    assert "bad" in FIT_PRESETS
    with pytest.warns(PluginWarning, match="other-plugins"):
        assert "morse" in FIT_PRESETS.working()
    Potential([TERMS["morse"]()]).save("fine.safetensors")
    assert Potential.load("fine.safetensors").evaluate(salt(0)).energy < 0


def test_names_are_taken_once(site, monkeypatch):
    install(
        site,
        {"other_plugins.py": "class Morse:\n    kind = 'morse'\n"},
        {"superion.terms": {"morse": "other_plugins:Morse", "repulsion": "other_plugins:Morse"}},
        name="other-plugins",
    )
    monkeypatch.syspath_prepend(str(site))
    with pytest.raises(InputError, match="battery-plugins and other-plugins both bring a term 'morse'"):
        TERMS["morse"]
    assert TERMS["repulsion"] is Repulsion

    class Other:
        kind = "repulsion"

    with pytest.raises(InputError, match="there is a term 'repulsion' already, of superion"):
        TERMS.add(Other)


class Tether:
    """A term that a notebook may define."""

    kind = "tether"

    def __init__(self, strength: float) -> None:
        self.strength = strength

    def evaluate(self, atoms: Atoms) -> Evaluation:
        away = atoms.positions - atoms.positions.mean(axis=0)
        each = 0.5 * self.strength * (away**2).sum(axis=1)
        return Evaluation(float(each.sum()), each, -self.strength * away, -self.strength * away.T @ away)

    def settings(self) -> dict:
        return {"strength": self.strength}

    def arrays(self) -> dict:
        return {}

    @classmethod
    def restore(cls, settings, arrays):
        return cls(**settings)


def test_a_term_of_a_notebook_is_registered_by_a_decorator(site):
    own = Potential([Tether(0.2)])
    with pytest.raises(ModelError, match=r"Tether is not registered under 'tether'.*TERMS.add\(Tether\)"):
        own.save("tether.safetensors")
    assert not Path("tether.safetensors").exists()
    assert TERMS.add(Tether) is Tether
    own.save("tether.safetensors")
    again = superion.open_model("tether.safetensors")
    assert again.evaluate(salt(0)).energy == own.evaluate(salt(0)).energy


def test_what_has_no_name_is_refused():
    with pytest.raises(InputError, match="has no name"):
        Registry("thing", "superion.things").add(object())


def test_contributing_names_every_group():
    text = CONTRIBUTING.read_text()
    for group in (registry.group for registry in REGISTRIES):
        assert group in text


def test_a_density_of_a_package_stands_in_a_model(site, monkeypatch):
    yukawa = DENSITIES["yukawa"](0.6)
    r = torch.linspace(0.3, 6, 20, dtype=torch.float64)
    k = torch.linspace(0, 2000, 2_000_001, dtype=torch.float64)  # φ = (2/π) ∫ ρ_a ρ_b sin(kr)/(kr) dk
    cloud = 1 / (1 + (0.6 * k) ** 2)
    for other, power in ((Point(), 1), (yukawa, 2)):
        pair = density_pair(other, yukawa)
        exact = [2 / np.pi * torch.trapezoid(cloud**power * torch.sinc(k * x / np.pi), k) for x in r]
        np.testing.assert_allclose(pair.interaction(r), exact, atol=2e-6)
        np.testing.assert_allclose(1 - r * pair.interaction(r), pair.penetration(r), atol=1e-14)
    term = CoulombTerm(FixedCharges({"Li": 0.8, "S": -0.8}), {"Li": Point(), "S": yukawa}, accuracy=1e-9)
    check_derivatives(term, salt(0))
    Potential([term]).save("yukawa.safetensors")
    again = superion.open_model("yukawa.safetensors")
    assert again.evaluate(salt(0)).energy == term.evaluate(salt(0)).energy
    uninstall(site, monkeypatch)
    with pytest.raises(ModelError, match=r"unknown charge density 'yukawa'.*pip install battery-plugins"):
        superion.open_model("yukawa.safetensors")


def test_a_check_and_a_format_of_a_package(site):
    morse, numbers = TERMS["morse"](), []
    for distance in (2.0, 3.2):
        Path("pair.columns").write_text(f"Li 0 0 0\nS {distance} 0 0\n")
        (atoms,) = read_frames("pair.columns")
        assert str(atoms.symbols) == "LiS"
        (found,) = superion.check(morse, atoms, only=("pull on a pair",), rattle=0.0).checks
        numbers.append(found.number)
    assert numbers == [0.0, pytest.approx(2 * morse.evaluate(atoms).forces[0, 0])]
    with pytest.raises(InputError, match=r"unknown check 'pull on a pear'. Did you mean 'pull on a pair'"):
        superion.check(TERMS["morse"](), salt(0), only=("pull on a pear",))


def test_an_analysis_of_a_package_is_a_command_for_any_trajectory(site):
    rng = np.random.default_rng(0)
    frames = [salt(0) for _ in range(20)]
    walk = np.cumsum(rng.normal(0, 0.3, (20, len(frames[0]), 3)), axis=0)
    for atoms, steps in zip(frames, walk, strict=True):
        atoms.positions += steps
        atoms.wrap()
    write("walk.extxyz", frames, format="extxyz")
    lithium = np.asarray(frames[0].symbols) == "Li"
    far = np.linalg.norm((walk - walk[0])[:, lithium], axis=2).max(axis=1)
    shown = call("farthest", "walk.extxyz", "--timestep", 50, "--species", "Li", "--json", "far.json")
    assert f"Li: {far.max():.3g} Å" in shown
    found = read_json("far.json")
    assert found["distance"] == pytest.approx(far.max(), abs=1e-6)
    assert found["time"] == pytest.approx(0.05 * far.argmax())
    assert "farthest" in call("--help")
    assert "there is no Na. Remedy: choose of Li, S." in call(
        "farthest", "walk.extxyz", "--timestep", 50, "--species", "Na", code=2
    )
    assert "--timestep" in call("farthest", "walk.extxyz", code=2)


def test_a_property_of_a_package_is_computed_and_compared(site, monkeypatch):
    paths = [str(site), os.environ.get("PYTHONPATH", "")]  # of the processes that dynamics runs in
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in paths if path))
    assert "by which every edge is shortened" in call("schema", "study")
    write_frames(TERMS["morse"]())
    Path("study.yaml").write_text(
        "name: squeezed\ndata: {files: [train.extxyz], test: null}\nstructure: {file: train.extxyz}\n"
        "models: {morse: {}, small: {preset: morse, cutoff: 4.0}}\nproperties: {squeeze: {strain: 0.03}}\n"
        "dynamics: {temperatures: [50], steps: 200, sample_every: 2}\nparallel: 1\n"
    )
    folder = run_study("study.yaml", "out", progress=False)
    (row,) = [r for r in read_json(folder / "verdict.json")["rows"] if r["property"] == "squeeze"]
    atoms = read("train.extxyz", "-1")
    atoms.set_cell(atoms.cell * 0.97, scale_atoms=True)
    atoms.calc = superion.open_model(folder / "models" / "morse.safetensors").calculator()
    assert row["baseline"] == pytest.approx(-atoms.get_stress()[:3].mean() / 0.006241509, rel=1e-5)
    Path("study.yaml").write_text(Path("study.yaml").read_text().replace("strain", "stran"))
    with pytest.raises(InputError, match=r"properties\.squeeze\.stran: unknown key\. Did you mean 'strain'"):
        read_study("study.yaml")
