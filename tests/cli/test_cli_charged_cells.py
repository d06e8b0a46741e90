"""A crystal with a vacancy, whose charges do not add up to zero, through every command that takes a model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import toy_salt
from ase import Atoms
from ase.io import read, write
from ase.mep import NEB
from ase.optimize import FIRE
from command_line import refused, succeeds

from superion import Calculator, Potential
from superion.electrostatics import ChargedCellWarning, MakovPayne
from superion.simulation import read_trajectory
from superion.structures import read_frames

CHOSEN = ("--charged-cells", "makov-payne:3")
SAID = r"total charge of -0\.7 e, which a uniform background neutralises.*--charged-cells"


def vacancy(edge: float = toy_salt.RELAXED, site: int = 0) -> Atoms:
    atoms = toy_salt.crystal(edge)
    del atoms[int(np.flatnonzero(atoms.numbers == 3)[site])]
    return atoms


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    toy_salt.FIRM.save(path)
    return path


@pytest.fixture
def structure(tmp_path) -> Path:
    write(tmp_path / "vacancy.extxyz", vacancy())
    return tmp_path / "vacancy.extxyz"


def energy(chosen: str, atoms: Atoms) -> float:
    return toy_salt.FIRM.with_charged_cells(chosen).evaluate(atoms).energy


def test_dynamics(tmp_path, model, structure):
    run = ("md", model, structure, "--temperature", 200, "--steps", 20, "--sample-every", 10)
    with pytest.warns(ChargedCellWarning, match=SAID):
        succeeds(*run, "-o", tmp_path / "warned")
    succeeds(*run, "-o", tmp_path / "corrected", *CHOSEN)
    warned, corrected = (read_trajectory(tmp_path / name) for name in ("warned", "corrected"))
    np.testing.assert_array_equal(warned.positions, corrected.positions)
    shift = energy("makov-payne:3", vacancy()) - energy("background", vacancy())
    assert shift > 0.1
    np.testing.assert_allclose(corrected.potential_energy - warned.potential_energy, shift, atol=1e-9)
    assert corrected.meta["provenance"]["charged_cells"] == "makov-payne:3"
    assert "charged cells are to be refused" in refused(
        *run, "-o", tmp_path / "refused", "--charged-cells", "refuse"
    )


def test_evaluation_and_its_remedy(tmp_path, model, structure):
    message = refused("evaluate", model, structure, "--charged-cells", "refuse")
    assert "vacancy.extxyz#0: the periodic cell has a total charge of -0.7 e" in message
    assert "Remedy:" in message
    assert "--charged-cells background" in message
    succeeds("evaluate", model, structure, "-o", tmp_path / "p.extxyz", "--charged-cells", "background")
    assert read(tmp_path / "p.extxyz").info["superion_energy"] == pytest.approx(
        energy("background", vacancy())
    )
    assert "Did you mean 'refuse'?" in refused("evaluate", model, structure, "--charged-cells", "refuze")


def test_curves_moduli_phonons_and_defects(tmp_path, model, structure):
    found = {}
    for chosen in ("background", "makov-payne:1"):
        cells = ("--charged-cells", chosen)
        succeeds("eos", model, structure, "--points", 5, *cells, "--json", tmp_path / "e.json")
        found[chosen] = json.loads((tmp_path / "e.json").read_text())["curves"][0]["energies_eV"]
    shift = np.subtract(found["makov-payne:1"], found["background"])
    known = [MakovPayne(toy_salt.FIRM.charge_model, 1.0).evaluate(vacancy(edge)).energy for edge in (5.6,)]
    assert shift[2] == pytest.approx(known[0], rel=1e-6)
    assert (np.diff(shift) < 0).all()  # as 1/L
    succeeds("elastic", model, structure, *CHOSEN)
    phonons = ("phonons", model, structure, "--supercell", "2x2x2", *CHOSEN)
    assert "of a charged cell, leave out the field of long waves: --no-polar" in refused(*phonons)
    succeeds(*phonons, "--no-polar")
    crystal = tmp_path / "crystal.extxyz"
    write(crystal, toy_salt.crystal(toy_salt.RELAXED))
    succeeds(
        "defect", model, crystal, "--species", "Li", "--kind", "vacancy", "--count", 1, "-o", tmp_path / "d",
        *CHOSEN,
    )  # fmt: skip


def test_models_without_charges_say_so(tmp_path, structure):
    Potential([toy_salt.FIRM.terms[1]]).save(tmp_path / "local.safetensors")
    said = succeeds("evaluate", tmp_path / "local.safetensors", structure, *CHOSEN)
    assert "--charged-cells has no effect" in said


@pytest.mark.parametrize("preset", ["es-gap", "qeq-gap", "kqeq-gap"])
def test_training_frames_with_a_vacancy(tmp_path, preset):
    frames = toy_salt.frames(count=2)
    for k in range(2):
        atoms = vacancy(5.1, site=k)
        atoms.rattle(0.05, seed=k)
        truth = toy_salt.TRUTH.with_charged_cells("background")
        frames.append(toy_salt.labelled(atoms, truth, total_charge=-0.7, trajectory="v"))
    for atoms in frames:
        atoms.info.setdefault("total_charge", 0.0)
    write(tmp_path / "f.extxyz", frames)
    fit = toy_salt.FIT
    soap = {"cutoff": 4.0, "n_max": 2, "l_max": 1, "sparse_points": 5}
    charges = {"electronegativity": [soap], "atomic_dipoles": [], "learn": [], "cycles": 2}
    charges["start_charges"] = {"Li": 0.7, "Cl": -0.7}
    settings = {
        "es-gap": fit,
        "qeq-gap": {"fit": fit, "qeq": {"density": "gaussian", "accuracy": 1e-4, "bounded": False}},
        "kqeq-gap": {"charges": charges, "fit": fit},
    }[preset]
    (tmp_path / "s.yaml").write_text(json.dumps(settings))
    command = (
        "fit", tmp_path / "f.extxyz", "--preset", preset, "--config", tmp_path / "s.yaml",
        *(("--charges", "Li=0.7,Cl=-0.7") if preset == "es-gap" else ()),
        "--workers", 1, "-o", tmp_path / "m.safetensors",
    )  # fmt: skip
    with pytest.warns(ChargedCellWarning, match=SAID):
        succeeds(*command)
    succeeds(*command, "--charged-cells", "background")
    assert "f.extxyz#6" in refused(*command, "--charged-cells", "refuse")
    if preset != "kqeq-gap":
        succeeds(*command, *CHOSEN)
        model = Potential.load(tmp_path / "m.safetensors")
        assert any(isinstance(term, MakovPayne) for term in model.terms)
        if preset == "es-gap":
            assert model.provenance["settings"]["electrostatics"]["charged_cells"] == "makov-payne:3"
    else:
        said = refused(*command, *CHOSEN)
        assert "give the correction to the commands that use the model" in said


def test_labels_by_a_model(tmp_path, model, structure):
    (tmp_path / "l.yaml").write_text(f"labeller: {{model: {model}, charged_cells: 'makov-payne:3'}}\n")
    stating = vacancy()
    stating.info["total_charge"] = -0.7
    write(structure, stating)
    succeeds(
        "label", structure, "--labeller", tmp_path / "l.yaml", "--store", tmp_path / "store", "--executor",
        "threads:1", "-o", tmp_path / "o.extxyz",
    )  # fmt: skip
    (made,) = read_frames(tmp_path / "o.extxyz")
    assert made.info["REF_energy"] == pytest.approx(energy("makov-payne:3", vacancy()))


def test_a_path_between_two_vacancies(model):
    """A nudged elastic band of ASE: the ion that hops meets a barrier that no uniform correction changes."""
    heights = []
    for chosen in ("background", "makov-payne:3"):
        crystal = toy_salt.crystal(toy_salt.RELAXED).repeat((2, 1, 1))
        lithium = np.flatnonzero(crystal.numbers == 3)
        start, end = crystal.copy(), crystal.copy()
        end.positions[lithium[1]] = crystal.positions[lithium[0]]
        images = [start, start.copy(), end]
        for image in images:
            del image[int(lithium[0])]
            image.calc = Calculator(model, charged_cells=chosen)
        band = NEB(images, method="improvedtangent")
        band.interpolate(mic=True)
        FIRE(band, logfile=None).run(fmax=0.3, steps=15)
        energies = [image.get_potential_energy() for image in images]
        heights.append(energies[1] - energies[0])
    assert heights[0] > 0.05
    assert heights[1] == pytest.approx(heights[0], abs=1e-9)


def test_lammps_refuses_charged_cells_by_name(model, structure, tmp_path):
    said = refused(
        "md", model, structure, "-o", tmp_path / "l", "--temperature", 100, "--steps", 10, "--supercell",
        "2x2x2", "--engine", "lammps", "--route", "callback",
    )  # fmt: skip
    assert "total charge of -5.6 e; LAMMPS runs need neutral cells" in said
    assert "--engine superion" in said
