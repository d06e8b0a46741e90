"""Every preset of `superion fit`, from labels to a model file that all commands read, on a toy salt."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from ase import Atoms
from ase.io import read, write
from toy_salt import CHARGES, FIT, TRUTH, crystal, frames, lone_atoms
from typer.testing import CliRunner, Result

from superion.cli.app import app
from superion.potentials import Calculator, Potential
from superion.recipes.registry import FIT_PRESETS
from superion.simulation import read_trajectory
from superion.study.dynamics import start_structure

Models = Callable[[str], tuple[Path, dict[str, Any]]]
POTENTIAL = {
    "symmetry": {"radial": 4, "angular": 0, "cutoff": 4.0},
    "hidden": [4],
    "accuracy": 1e-7,
    "linear": False,
}
NEURAL = {"potential": POTENTIAL, "training": {"adam_epochs": 3, "lbfgs_epochs": 2}}
KERNEL = {"cutoff": 4.0, "cutoff_width": 2.0, "n_max": 2, "l_max": 2, "sparse_points": 8}
KQEQ = {
    "electronegativity": [KERNEL | {"delta": 2.0}],
    "atomic_dipoles": [KERNEL | {"delta": 0.3}],
    "steps": 3,
    "cycles": 3,
    "accuracy": 1e-5,
}
SMALL: dict[str, dict[str, Any]] = {
    "gap": FIT,
    "es-gap": FIT,
    "qeq-gap": {"fit": FIT, "qeq": {"density": "gaussian", "accuracy": 1e-4, "bounded": False}},
    "kqeq": KQEQ,
    "kqeq-gap": {"charges": KQEQ, "fit": FIT},
    "2g": NEURAL,
    "3g": NEURAL,
    "cent": NEURAL,
    "4g": NEURAL,
    "latent-charges": NEURAL,
    "polarizable": {
        "charges": {"Li": 1.0, "Cl": -1.0},
        "polarizabilities": {"Cl": 1.0},
        "accuracy": 1e-4,
        "starts": 1,
        "iterations": 2,
    },
}
"""Settings of each preset that take next to no time."""
UNCHARGED = ("gap", "2g")
FIXED = ("es-gap", "polarizable")
"""Presets whose charges do not depend on the structure."""
ATOMIC_DIPOLES = ("polarizable", "kqeq", "kqeq-gap")


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


def succeeds(*arguments: object) -> Result:
    result = call(*arguments)
    assert result.exit_code == 0, result.output
    return result


def refused(*arguments: object) -> str:
    result = call(*arguments)
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    return result.output


def clusters(count: int, seed: int) -> list[Atoms]:
    """Labelled Li2Cl2 rings, distorted."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        atoms = Atoms("Li2Cl2", [[1.4, 0, 0], [-1.4, 0, 0], [0, 1.8, 0], [0, -1.8, 0]])
        atoms.positions += rng.normal(0, 0.15, (4, 3))
        made.append(charged(atoms))
    return made


def charged(atoms: Atoms) -> Atoms:
    """With all labels of the toy salt."""
    atoms.info.pop("total_charge", None)  # of what it was cut from
    found = TRUTH.evaluate(atoms)
    atoms.info |= {"REF_energy": found.energy, "total_charge": 0.0}
    atoms.arrays |= {"REF_forces": found.forces, "REF_charges": found.charges}
    if not atoms.pbc.any():
        atoms.info["REF_dipole"] = found.dipole
    return atoms


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """train.extxyz and test.extxyz (rings and crystals), and a YAML file for each preset."""
    root = tmp_path_factory.mktemp("presets")
    crystals = [charged(atoms) for atoms in frames(2, "ab")]
    write(root / "train.extxyz", clusters(5, 1) + crystals[:2] + lone_atoms(), format="extxyz")
    write(root / "test.extxyz", clusters(3, 2) + crystals[2:], format="extxyz")
    start = crystal()
    start.info["total_charge"] = 0.0
    write(root / "start.extxyz", start, format="extxyz")
    for name, value in SMALL.items():
        (root / f"{name}.yaml").write_text(yaml.safe_dump(value))
    return root


def fitted(data: Path, name: str, folder: Path, *more: object) -> tuple[Path, dict[str, Any]]:
    """A model file and the metrics of its fit."""
    model, found = folder / f"{name}.safetensors", folder / f"{name}.json"
    charges = ("--charges", ",".join(f"{s}={q}" for s, q in CHARGES.items())) if name == "es-gap" else ()
    succeeds(
        "fit", data / "train.extxyz", "--preset", name, "--config", data / f"{name}.yaml", "--test",
        data / "test.extxyz", "--output", model, "--json", found, *charges, *more,
    )  # fmt: skip
    return model, json.loads(found.read_text())


@pytest.fixture(scope="module")
def models(data: Path) -> Models:
    """Fits each preset once."""
    return cache(lambda name: fitted(data, name, data))


def test_every_preset_is_tested() -> None:
    assert set(SMALL) == set(FIT_PRESETS)


@pytest.mark.parametrize("name", SMALL)
def test_one_file_serves_evaluate_and_md_and_the_calculator(
    data: Path, models: Models, name: str, tmp_path: Path
) -> None:
    model, metrics = models(name)
    assert Potential.load(model).provenance["settings"]["preset"] == name
    assert (metrics["train"]["frames"], metrics["test"]["frames"]) == (7, 5)
    quantities = ("charge_rmse", "charge_rmse_by_species", "dipole_mae", "dipole_vector_error", "charges")
    for part in ("train", "test"):
        assert (metrics[part]["force_rmse"] is None) is (not FIT_PRESETS[name].potential)
        for quantity in quantities:
            assert (metrics[part][quantity] is None) is (name in UNCHARGED), quantity
    again, predictions = tmp_path / "again.json", tmp_path / "p.extxyz"
    shown = succeeds("evaluate", model, data / "test.extxyz", "--json", again, "--output", predictions).output
    assert ("test: charges (e): Cl" in shown) is (name not in UNCHARGED)
    again_metrics = json.loads(again.read_text())["test"]
    for quantity in ("force_rmse", *quantities[:4:2]):
        if metrics["test"][quantity] is not None:
            assert again_metrics[quantity] == pytest.approx(metrics["test"][quantity], rel=1e-6)
    ring = read(predictions, index=0)
    atoms = read(data / "test.extxyz", index=0)
    atoms.calc = Calculator(model)
    np.testing.assert_allclose(ring.info["superion_energy"], atoms.get_potential_energy(), atol=1e-6)
    np.testing.assert_allclose(ring.arrays["superion_forces"], atoms.get_forces(), atol=1e-6)
    assert ("superion_charges" in ring.arrays) is (name not in UNCHARGED)
    if name not in UNCHARGED:
        np.testing.assert_allclose(ring.arrays["superion_charges"], atoms.get_charges(), atol=1e-6)
        found = Potential.load(model).evaluate(atoms).dipole
        np.testing.assert_allclose(atoms.get_dipole_moment(), found, atol=1e-10)
        assert np.allclose(found, atoms.get_charges() @ atoms.positions) is (name not in ATOMIC_DIPOLES)
        assert metrics["test"]["charges"]["total_error"] < 1e-9
    record = () if name in UNCHARGED else ("--record", "charges", "--record", "dipole")
    succeeds(
        "md", model, data / "start.extxyz", "--output", tmp_path / "run", "--temperature", 300, "--steps", 4,
        "--ensemble", "nve", "--timestep", 0.5, "--sample-every", 2, *record,
    )  # fmt: skip
    if name not in UNCHARGED:
        trajectory, kinds = read_trajectory(tmp_path / "run"), read(data / "start.extxyz").numbers
        assert trajectory.charges.shape == (3, 8)
        potential = Potential.load(model)
        for k in range(3):
            snapshot = Atoms(kinds, trajectory.positions[k], cell=trajectory.cells[k], pbc=True)
            snapshot.info["total_charge"] = 0.0
            expected = potential.evaluate(snapshot)
            np.testing.assert_allclose(trajectory.charges[k], expected.charges, atol=1e-6)
            np.testing.assert_allclose(trajectory.dipole[k], expected.dipole, atol=1e-5)
        moved = np.abs(np.diff(trajectory.charges, axis=0)).max()
        assert bool(moved > 1e-9) is (name not in FIXED)


@pytest.mark.parametrize("name", ["qeq-gap", "kqeq", "cent", "4g", "latent-charges", "polarizable"])
def test_the_electrostatics_of_every_model_can_stand_under_the_local_term(
    data: Path, models: Models, name: str, tmp_path: Path
) -> None:
    source, _ = models(name)
    model = tmp_path / "es-gap.safetensors"
    succeeds(
        "fit", data / "train.extxyz", "--preset", "es-gap", "--config", data / "es-gap.yaml", "--charges",
        source, "--output", model,
    )  # fmt: skip
    potential, original = Potential.load(model), Potential.load(source)
    assert potential.terms[-1].kind == "gp"
    assert f"electrostatics {source.name}" in potential.provenance["data"]
    for atoms in (read(data / "test.extxyz", index=0), read(data / "test.extxyz", index=-1)):
        found, expected = potential.evaluate(atoms), original.evaluate(atoms)
        np.testing.assert_allclose(found.charges, expected.charges)
        np.testing.assert_allclose(found.dipole, expected.dipole)
    term = potential.terms[0]

    def energy(shift: float) -> float:
        moved = atoms.copy()
        moved.positions[0, 0] += shift
        return term.evaluate(moved).energy

    slope = (energy(1e-4) - energy(-1e-4)) / 2e-4
    assert term.evaluate(atoms).forces[0, 0] == pytest.approx(-slope, abs=1e-5)


def test_the_total_charge_grows_with_the_supercell(tmp_path: Path) -> None:
    atoms = crystal()
    atoms.info["total_charge"] = 0.5
    write(tmp_path / "start.extxyz", atoms, format="extxyz")
    whole = start_structure(tmp_path / "start.extxyz", (2, 1, 3))
    assert whole.info["total_charge"] == 3.0
    assert len(whole) == 48


def test_an_unknown_preset_is_refused_with_a_suggestion(data: Path, tmp_path: Path) -> None:
    message = refused("fit", data / "train.extxyz", "--preset", "4gg", "--output", tmp_path / "m.safetensors")
    assert "unknown preset '4gg'. Did you mean '4g'?" in message


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("4g", {"potential": {"generation": "3g"}}, "potential.generation: expected '4g', found '3g'"),
        (
            "3g",
            {"training": {"adam_epoch": 3}},
            "training.adam_epoch: unknown key. Did you mean 'adam_epochs'?",
        ),
        ("2g", {"soap": {}}, "soap: unknown key"),
    ],
)
def test_settings_of_another_preset_are_refused(data, tmp_path, name, given, expected) -> None:
    (tmp_path / "s.yaml").write_text(yaml.safe_dump(given))
    message = refused(
        "fit", data / "train.extxyz", "--preset", name, "--config", tmp_path / "s.yaml", "--output",
        tmp_path / "m.safetensors",
    )  # fmt: skip
    assert expected in message


def test_options_of_no_effect_are_named(data: Path, tmp_path: Path) -> None:
    shown = succeeds(
        "fit", data / "train.extxyz", "--preset", "2g", "--config", data / "2g.yaml", "--output",
        tmp_path / "m.safetensors", "--charges", "Li=1,Cl=-1", "--workers", 2,
    ).output  # fmt: skip
    assert "warning: --charges and --workers have no effect on the preset 2g." in shown


def test_unknown_total_charges_are_refused_before_anything_is_fitted(data: Path, tmp_path: Path) -> None:
    atoms = read(data / "train.extxyz", index=0)
    del atoms.info["total_charge"]
    write(tmp_path / "t.extxyz", atoms, format="extxyz")
    message = refused(
        "fit", tmp_path / "t.extxyz", "--preset", "4g", "--config", data / "4g.yaml", "--output",
        tmp_path / "m.safetensors",
    )  # fmt: skip
    assert "total charge" in message
    assert "t.extxyz#0" in message


def test_charges_alone_need_labels_of_charges_and_no_others(data: Path, tmp_path: Path) -> None:
    frames = read(data / "train.extxyz", ":5")
    for atoms in frames:
        del atoms.info["REF_energy"], atoms.arrays["REF_forces"]
    write(tmp_path / "charges.extxyz", frames, format="extxyz")
    arguments = ("--config", data / "kqeq.yaml", "--output", tmp_path / "m.safetensors")
    shown = succeeds("fit", tmp_path / "charges.extxyz", "--preset", "kqeq", *arguments).output
    assert "train: 5 frames, RMSE charges" in shown
    assert "dipole" in shown
    for atoms in frames:
        del atoms.info["REF_dipole"], atoms.arrays["REF_charges"]
    write(tmp_path / "bare.extxyz", frames, format="extxyz")
    message = refused("fit", tmp_path / "bare.extxyz", "--preset", "kqeq", *arguments)
    assert "no frame carries a label among REF_dipole" in message
    assert "--key dipole=dipole_vector:e*bohr" in message


def test_the_energy_of_charges_alone_is_not_compared(models: Models, data: Path) -> None:
    model, metrics = models("kqeq")
    assert metrics["train"]["energy_rmse_per_atom"] is None
    assert metrics["train"]["stress_rmse"] is None
    assert "energy" not in succeeds("evaluate", model, data / "test.extxyz").output


def test_dipoles_beside_charges_leave_out_born_charges_and_nothing_else(
    models: Models, data: Path, tmp_path: Path
) -> None:
    model, _ = models("kqeq-gap")
    atoms = read(data / "start.extxyz")
    atoms.arrays["REF_bec"] = np.tile(np.eye(3).ravel(), (8, 1))
    write(tmp_path / "born.extxyz", atoms, format="extxyz")
    found = tmp_path / "born.json"
    shown = succeeds("evaluate", model, tmp_path / "born.extxyz", "--json", found).output
    assert "Born charges are not compared: the atoms of this potential have dipoles" in shown
    assert json.loads(found.read_text())["test"]["born_charges"] is None
    vacancy = tmp_path / "vacancy"
    succeeds(
        "defect", model, data / "start.extxyz", "--species", "Li", "--kind", "vacancy", "--supercell",
        "1x1x1", "--count", 1, "--fmax", 9, "--output", vacancy,
    )  # fmt: skip
    assert all(a.info["total_charge"] == 0 for a in read(vacancy / "defects.extxyz", ":"))


def test_charges_first_and_the_local_term_from_what_they_leave(data: Path, tmp_path: Path) -> None:
    (data / "apart.yaml").write_text(yaml.safe_dump(SMALL["kqeq-gap"] | {"joint": False}))
    model = tmp_path / "m.safetensors"
    succeeds(
        "fit",
        data / "train.extxyz",
        "--preset",
        "kqeq-gap",
        "--config",
        data / "apart.yaml",
        "--output",
        model,
    )
    apart = Potential.load(model)
    assert [term.kind for term in apart.terms] == ["equilibration", "atomic-dipoles", "repulsion", "gp"]
    atoms = read(data / "test.extxyz", index=0)
    alone = Potential(apart.terms[:2]).evaluate(atoms)
    np.testing.assert_allclose(apart.evaluate(atoms).dipole, alone.dipole)


def test_charged_cells_are_refused_by_name(data: Path, tmp_path: Path) -> None:
    atoms = read(data / "train.extxyz", index=-3)
    atoms.info["total_charge"] = 1.0
    write(tmp_path / "t.extxyz", atoms, format="extxyz")
    message = refused(
        "fit", tmp_path / "t.extxyz", "--preset", "qeq-gap", "--config", data / "qeq-gap.yaml", "--output",
        tmp_path / "m.safetensors", "--charged-cells", "refuse",
    )  # fmt: skip
    assert "t.extxyz#0" in message
    assert "total charge of +1 e" in message


def test_charged_structures_are_named_by_a_force_field_of_formal_charges(data: Path, tmp_path: Path) -> None:
    frames = read(data / "train.extxyz", ":2")
    write(tmp_path / "t.extxyz", [frames[0], charged(frames[1][[0, 1, 2]])], format="extxyz")
    message = refused(
        "fit", tmp_path / "t.extxyz", "--preset", "polarizable", "--config", data / "polarizable.yaml",
        "--output", tmp_path / "m.safetensors",
    )  # fmt: skip
    assert "t.extxyz#1" in message
    assert "leave out structures with a charge" in " ".join(message.split())


def test_a_killed_training_goes_on_from_its_checkpoint(data: Path, tmp_path: Path) -> None:
    kept = ("--checkpoint", tmp_path / "training.checkpoint", "--no-repulsion", "--seed", 2)
    model, _ = fitted(data, "3g", tmp_path, *kept)
    assert (tmp_path / "training.checkpoint").exists()
    content = model.read_bytes()
    fitted(data, "3g", tmp_path, *kept)
    assert model.read_bytes() == content
    assert [term.kind for term in Potential.load(model).terms] == ["neural"]
    assert Potential.load(model).provenance["settings"]["fit"]["training"]["seed"] == 2


def test_the_schema_lists_every_preset(data: Path) -> None:
    every = json.loads(succeeds("schema", "fit").stdout)
    assert set(every["presets"]) | {"gap", "es-gap"} == set(FIT_PRESETS)
    assert "soap" in every["properties"]
    one = json.loads(succeeds("schema", "fit", "--preset", "4g").stdout)
    assert one == every["presets"]["4g"]
    assert set(one["properties"]) == {"potential", "training"}
    assert "no effect" in refused("schema", "study", "--preset", "4g")
    assert "'4g'" in refused("schema", "fit", "--preset", "4gg")


def test_dipoles_of_molecules_need_no_settings_and_parts_of_them_stay_neutral(tmp_path: Path) -> None:
    """From a file of dipoles to a file with two molecules side by side, and their charges."""
    molecules = Path(__file__).parents[2] / "data/molecules/dipoles.extxyz"
    first, second = tmp_path / "train.extxyz", tmp_path / "pair.extxyz"
    train = read(molecules, ":8")
    write(first, train, format="extxyz")
    together = Atoms(train[0].symbols, train[0].positions)
    other = Atoms(train[1].symbols, train[1].positions)
    other.translate([25.0, 0, 0])
    together += other
    together.info = {"total_charge": 0.0}
    write(second, together, format="extxyz")
    model = tmp_path / "m.safetensors"
    succeeds("fit", first, "--preset", "kqeq", "--output", model)
    settings = Potential.load(model).provenance["settings"]["fit"]
    assert settings["neutral_parts"] is True
    assert len(settings["electronegativity"]) == 4
    predicted = tmp_path / "predicted.extxyz"
    succeeds("evaluate", model, second, "--output", predicted)
    found = read(predicted)
    charges = found.arrays["superion_charges"]
    assert abs(charges[: len(train[0])].sum()) < 1e-6  # digits of the file
    assert np.abs(charges).max() > 0.05
    dipole = Potential.load(model).evaluate(together).dipole
    np.testing.assert_allclose(found.info["superion_dipole"], dipole, atol=1e-9)
