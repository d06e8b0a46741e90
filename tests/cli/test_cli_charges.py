"""What a file states of its charges goes through commands into the files that they write."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.io import write
from command_line import refused, succeeds

from superion import Potential
from superion.electrostatics import ChargeEquilibration, CoulombTerm, EquilibrationTerm, Gaussian
from superion.electrostatics.predicted import PredictedCharges
from superion.electrostatics.properties import ElementValues
from superion.errors import InputError
from superion.potentials.repulsion import Repulsion
from superion.structures import read_frames
from superion.structures.bare import stated

MODEL = ChargeEquilibration({"Li": -4.0, "F": 6.0}, {"Li": 18.0, "F": 18.0}, Gaussian(0.6), background=True)
REPULSION = Repulsion({(3, 9): 1.6, (3, 3): 2.5, (9, 9): 2.5}, height=8.0)


def pair(**charges: object) -> Atoms:
    atoms = Atoms("LiFLiF", [[0, 0, 0], [0, 0, 1.6], [4, 0, 0], [4, 0.3, 1.7]], cell=[8, 5, 5], pbc=True)
    atoms.info = dict(charges)
    if "fragment_charges" in charges:
        atoms.arrays["fragment"] = np.array([0, 0, 1, 1])
    return atoms


@pytest.fixture
def model(tmp_path: Path) -> Path:
    Potential([EquilibrationTerm(MODEL), REPULSION]).save(tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


def file(folder: Path, *frames: Atoms) -> Path:
    write(folder / "frames.extxyz", frames, format="extxyz")
    return folder / "frames.extxyz"


def test_perturbed_structures_have_the_charges_of_theirs(tmp_path):
    start = file(tmp_path, pair(total_charge=-1.0), pair(fragment_charges=[0.5, -0.5]))
    succeeds("perturb", start, "--rattle", 0.01, "--strain", 0.01, "-n", 2, "-o", tmp_path / "made.extxyz")
    made = read_frames(tmp_path / "made.extxyz")
    assert [stated(atoms) for atoms in made] == [stated(a) for a in read_frames(start) for _ in range(2)]


def test_a_quenched_structure_has_the_charges_of_its_start(tmp_path, model):
    start = file(tmp_path, pair(fragment_charges=[0.5, -0.5], total_charge=0.0))
    succeeds(
        "quench", model, start, "-o", tmp_path / "q", "--supercell", "1x2x2", "--melt-temperature", 400,
        "--melt-time", 0.001, "--final-temperature", 390, "--rate", 1e5, "--hold-time", 0.001,
        "--timestep", 0.25, "--sample-every", 2,
    )  # fmt: skip
    (final,) = read_frames(tmp_path / "q" / "quenched.extxyz")
    assert stated(final) == {
        "total_charge": 0.0,
        "fragment_charges": [0.5, -0.5] * 4,
        "fragment": np.repeat(np.arange(8), 2).tolist(),
    }
    assert final.info["config_type"] == "quenched"


def test_a_locality_test_of_a_supercell_has_the_charge_of_all_copies(tmp_path, model):
    start = file(tmp_path, pair(total_charge=0.5))
    (tmp_path / "l.yaml").write_text(f"labeller: {{model: {model}}}\n")
    succeeds(
        "locality", start, "--supercell", "1x2x2", "--radii", "3", "--perturbations", 1, "--labeller",
        tmp_path / "l.yaml", "--executor", "threads:1", "-o", tmp_path / "out",
    )  # fmt: skip
    frames = [atoms for path in (tmp_path / "out").rglob("*.extxyz") for atoms in read_frames(path)]
    assert {atoms.info["total_charge"] for atoms in frames} == {2.0}


@pytest.mark.parametrize("executor", ["threads:1", "processes:1"])
def test_labels_by_a_model_are_those_of_the_charges_that_frames_state(tmp_path, model, executor):
    """One geometry with different charges: each has a label of its own, with the charges it states."""
    frames = [
        pair(total_charge=0.0),
        pair(total_charge=1.0),
        pair(fragment_charges=[1.0, 0.0]),
        pair(fragment_charges={0: 0.0, 1: 0.0}),
    ]
    (tmp_path / "l.yaml").write_text(f"labeller: {{model: {model}}}\n")
    succeeds(
        "label", file(tmp_path, *frames), "--labeller", tmp_path / "l.yaml", "--store", tmp_path / "store",
        "--executor", executor, "-o", tmp_path / "labelled.extxyz",
    )  # fmt: skip
    made = read_frames(tmp_path / "labelled.extxyz")
    for atoms, labelled in zip(frames, made, strict=True):
        expected = Potential.load(model).evaluate(atoms)
        np.testing.assert_allclose(labelled.info["REF_energy"], expected.energy, atol=1e-7)
        np.testing.assert_allclose(labelled.arrays["REF_charges"], expected.charges, atol=1e-7)
        assert stated(labelled).keys() == stated(atoms).keys()
    assert len({round(atoms.info["REF_energy"], 6) for atoms in made}) == 4


def test_models_whose_charges_no_fragment_keeps_refuse_them_by_name(tmp_path):
    predicted = PredictedCharges(ElementValues({"Li": 0.7, "F": -0.7}), total_charge=0.0)
    Potential([CoulombTerm(predicted, Gaussian(0.6))]).save(tmp_path / "m.safetensors")
    message = refused(
        "evaluate", tmp_path / "m.safetensors", file(tmp_path, pair(fragment_charges=[1.0, -1.0]))
    )
    assert "frames.extxyz#0" in message
    assert "fragments" in message
    assert 'delete the array "fragment"' in message
    whole = pair(fragment_charges=[0.0])
    whole.arrays["fragment"][:] = 0
    assert "|Σq − Q|" in succeeds("evaluate", tmp_path / "m.safetensors", file(tmp_path, whole))


def test_fragments_without_charge_are_refused_where_they_are_read(tmp_path, model):
    wrong = pair(fragment_charges=[0.0, 0.0])
    wrong.arrays["fragment"][:] = [0, 0, 2, 2]
    message = refused("evaluate", model, file(tmp_path, pair(total_charge=0.0), wrong))
    assert "frames.extxyz#1" in message
    assert "no charge for fragment 2 (atom 2)" in message
    del wrong.arrays["fragment"]
    message = refused("evaluate", model, file(tmp_path, wrong))
    assert 'frames.extxyz#0: the structure has info["fragment_charges"], but no arrays["fragment"]' in message
    with pytest.raises(InputError, match="but no arrays"):
        MODEL.charges(wrong)


def test_a_structure_that_a_run_cannot_take_is_named_with_what_it_lacks(tmp_path, model):
    run = ("--temperature", 100, "--steps", 10, "-o", tmp_path / "run")
    message = refused("md", model, file(tmp_path, pair()), *run)
    assert "frames.extxyz#0" in message
    assert "--total-charge 0" in message
    told = "the charges of the fragments add up to +1 e, but the total charge is +0 e"
    assert told in refused("md", model, file(tmp_path, pair(total_charge=0.0, fragment_charges=[1, 0])), *run)
