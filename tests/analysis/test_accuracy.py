import json
from dataclasses import replace
from math import sqrt
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms

from superion.analysis.accuracy import errors, parity
from superion.errors import InputError
from superion.structures import read_frames
from superion.terms import Evaluation

LPS = Path(__file__).parents[2] / "data" / "lps"
KEYS = [
    "energy_rmse_per_atom",
    "energy_mae_per_atom",
    "force_rmse",
    "force_mae",
    "stress_rmse",
    "stress_mae",
    "force_rmse_by_species",
    "force_mae_by_species",
    "charge_rmse",
    "charge_rmse_by_species",
    "dipole_mae",
    "dipole_vector_error",
    "charges",
    "frames",
    "atoms",
]


def predicted(energy, forces, virial=None):
    forces = np.array(forces, dtype=float)
    return Evaluation(
        energy,
        np.full(len(forces), energy / len(forces)),
        forces,
        np.zeros((3, 3)) if virial is None else virial,
    )


def labelled(symbols, energy=None, forces=None, stress=None, **info):
    atoms = Atoms(symbols, np.arange(3 * len(Atoms(symbols))).reshape(-1, 3), cell=[2, 3, 4], pbc=True)
    atoms.info |= info
    if energy is not None:
        atoms.info["REF_energy"] = energy
    if forces is not None:
        atoms.arrays["REF_forces"] = np.array(forces, dtype=float)
    if stress is not None:
        atoms.info["REF_stress"] = np.array(stress, dtype=float)
    return atoms


def perfect(atoms):
    """The evaluation that reproduces all labels of a frame."""
    xx, yy, zz, yz, xz, xy = atoms.info.get("REF_stress", np.zeros(6))
    virial = -atoms.get_volume() * np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
    return predicted(atoms.info["REF_energy"], atoms.arrays["REF_forces"], virial)


def test_hand_computed_values():
    references = [
        labelled("LiS", energy=-4.0, forces=[[0, 0, 0], [1, 1, 1]], stress=[0.1, 0, 0, 0, 0, 0]),
        labelled("Li", energy=-1.0, forces=[[0, 0, 0]]),
    ]
    virial = np.zeros((3, 3))
    virial[0, 0], virial[1, 2], virial[2, 1] = -24 * 0.4, -24 * 0.6, -24 * 0.6
    predictions = [
        predicted(-3.0, [[3, 0, 0], [1, 1, 0]], virial),  # 0.5 eV/atom, differences 3 (Li) and -1 (S)
        predicted(-1.1, [[0, 0, -2]]),  # -0.1 eV/atom, difference -2 (Li)
    ]
    found = errors(references, predictions)
    assert list(found) == KEYS
    assert found["energy_rmse_per_atom"] == pytest.approx(sqrt((0.25 + 0.01) / 2))
    assert found["energy_mae_per_atom"] == pytest.approx(0.3)
    assert found["force_rmse"] == pytest.approx(sqrt((9 + 1 + 4) / 9))
    assert found["force_mae"] == pytest.approx(6 / 9)
    assert found["force_rmse_by_species"] == pytest.approx({"Li": sqrt(13 / 6), "S": sqrt(1 / 3)})
    assert found["force_mae_by_species"] == pytest.approx({"Li": 5 / 6, "S": 1 / 3})
    assert found["stress_rmse"] == pytest.approx(sqrt((0.3**2 + 0.6**2) / 6))
    assert found["stress_mae"] == pytest.approx(0.9 / 6)
    assert (found["frames"], found["atoms"]) == (2, 3)
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize(
    ("kept", "absent"),
    [
        ({"energy": -1.0}, ["force_rmse", "force_mae", "force_rmse_by_species", "stress_rmse", "stress_mae"]),
        (
            {"forces": [[0, 0, 1]]},
            ["energy_rmse_per_atom", "energy_mae_per_atom", "stress_rmse", "stress_mae"],
        ),
        ({"stress": np.zeros(6)}, ["energy_rmse_per_atom", "force_rmse", "force_mae_by_species"]),
        ({}, KEYS[:-2]),
    ],
)
def test_labels_that_no_frame_has_are_none(kept, absent):
    found = errors([labelled("Li", **kept)], [predicted(-1.0, [[0, 0, 0]])])
    assert all(found[key] is None for key in absent)
    assert found["frames"] == 1
    assert json.loads(json.dumps(found)) == found


def test_frames_without_a_label_do_not_dilute_the_error():
    references = [labelled("Li", energy=0.0), labelled("Li")]
    predictions = [predicted(2.0, [[0, 0, 0]]), predicted(50.0, [[9, 9, 9]])]
    assert errors(references, predictions)["energy_rmse_per_atom"] == 2.0


def test_isolated_atoms_do_not_count():
    references = [
        labelled("Li", energy=0.0, forces=[[0, 0, 0]]),
        labelled("S", energy=0.0, forces=[[0, 0, 0]], config_type="IsolatedAtom"),
    ]
    found = errors(references, [predicted(1.0, [[0, 0, 0]]), predicted(99.0, [[9, 9, 9]])])
    assert found["energy_mae_per_atom"] == 1.0
    assert found["force_rmse"] == 0.0
    assert list(found["force_rmse_by_species"]) == ["Li"]
    assert (found["frames"], found["atoms"]) == (1, 1)


def test_perfect_predictions_and_known_noise_on_real_labels():
    frames = read_frames(LPS / "train.extxyz") + read_frames(LPS / "isolated.extxyz")
    exact = [perfect(a) for a in frames]
    found = errors(frames, exact)
    assert (found["frames"], found["atoms"]) == (49, 49 * 42)
    assert found["energy_rmse_per_atom"] == 0
    assert found["force_rmse"] == 0
    assert found["stress_rmse"] < 1e-17
    off = [replace(e, energy=e.energy + 0.42, forces=e.forces + 0.3, virial=e.virial - 8.0) for e in exact]
    found = errors(frames, off)
    assert found["energy_rmse_per_atom"] == pytest.approx(0.01)
    assert found["force_mae"] == pytest.approx(0.3)
    assert found["force_rmse_by_species"] == pytest.approx({"Li": 0.3, "P": 0.3, "S": 0.3})
    assert found["stress_mae"] == pytest.approx(8.0 / frames[0].get_volume())


def test_errors_of_zero_are_the_size_of_the_labels():
    frames = read_frames(LPS / "train.extxyz")
    found = errors(frames, [Evaluation.zero(len(a)) for a in frames])
    assert found["force_rmse"] == pytest.approx(0.8440232)
    assert found["energy_mae_per_atom"] == pytest.approx(
        -np.mean([a.info["REF_energy"] / 42 for a in frames])
    )
    assert found["stress_rmse"] == pytest.approx(
        np.sqrt(np.mean([a.info["REF_stress"] ** 2 for a in frames]))
    )


def test_parity_arrays():
    frames = read_frames(LPS / "beta-Li3PS4.extxyz") + read_frames(LPS / "isolated.extxyz")
    pairs = parity(frames, [perfect(a) for a in frames])
    assert pairs.energy_reference.shape == pairs.energy_prediction.shape == (11,)
    assert pairs.force_reference.shape == pairs.force_prediction.shape == (352, 3)
    assert pairs.species.shape == (352,)
    assert (pairs.species == "P").sum() == 44
    assert pairs.stress_reference.shape == (11, 6)
    np.testing.assert_allclose(
        pairs.stress_prediction, [a.info["REF_stress"] for a in frames[:11]], atol=1e-15
    )
    np.testing.assert_array_equal(pairs.force_reference[:32], frames[0].arrays["REF_forces"])
    empty = parity([], [])
    assert empty.force_reference.shape == (0, 3)
    assert empty.stress_reference.shape == (0, 6)


def test_mismatches_are_refused():
    atoms = labelled("LiS", energy=0.0, frame_id="md-3")
    with pytest.raises(InputError, match="1 reference frames but 0 predictions"):
        errors([atoms], [])
    with pytest.raises(
        InputError, match=r"frame md-3: the prediction has forces of shape \(3, 3\), expected \(2, 3\)"
    ):
        errors([atoms], [predicted(0.0, np.zeros((3, 3)))])


def molecule(q, dipole=None, charges=None, total=None, shift=0.0, pbc=False):
    """An LiF molecule with labels, and a prediction with charges q."""
    atoms = Atoms("LiF", np.array([[0.0, 0, 0], [0, 0, 1.6]]) + shift, cell=[9, 9, 9], pbc=pbc)
    if dipole is not None:
        atoms.info["REF_dipole"] = np.array(dipole, dtype=float)
    if charges is not None:
        atoms.arrays["REF_charges"] = np.array(charges, dtype=float)
    if total is not None:
        atoms.info["total_charge"] = total
    q = np.array(q, dtype=float)
    return atoms, replace(predicted(0.0, np.zeros((2, 3))), charges=q, dipole=q @ atoms.positions)


def test_charges_and_dipoles_by_hand():
    pairs = [
        molecule([0.8, -0.8], dipole=[0, 0.3, -1.6], charges=[0.9, -1.0]),  # predicted dipole (0, 0, -1.28)
        molecule([0.5, -0.5], dipole=[0, 0, -1.0]),  # (0, 0, -0.8)
    ]
    found = errors(*zip(*pairs, strict=True))
    assert found["charge_rmse"] == pytest.approx(sqrt((0.01 + 0.04) / 2))
    assert found["charge_rmse_by_species"] == pytest.approx({"Li": 0.1, "F": 0.2})
    assert found["dipole_mae"] == pytest.approx((np.hypot(0.3, 1.6) - 1.28 + 0.2) / 2)
    assert found["dipole_vector_error"] == pytest.approx((np.hypot(0.3, 0.32) + 0.2) / 2)
    assert found["charges"]["by_species"]["Li"] == pytest.approx(
        {"mean": 0.65, "std": 0.15, "min": 0.5, "max": 0.8, "atoms": 2}
    )
    assert json.loads(json.dumps(found)) == found


def test_dipoles_of_charged_clusters_do_not_depend_on_where_they_are():
    results = []
    for shift in (0.0, 3.0):
        atoms, found = molecule([0.9, 0.0], total=1.0, shift=shift)
        atoms.info["REF_dipole"] = np.array([1.2, -0.2]) @ atoms.positions
        results.append(errors([atoms], [found]))
        masses = atoms.get_masses()
        lever = 1.6 * masses[1] / masses.sum()  # of lithium below the centre of mass
        difference = (1.2 - 0.9) * lever + 0.2 * (1.6 - lever)
        assert results[-1]["dipole_vector_error"] == pytest.approx(difference)
        assert results[-1]["dipole_mae"] == pytest.approx(difference)
        assert results[-1]["charges"]["total_error"] == pytest.approx(0.1)
    assert results[0]["dipole_mae"] == pytest.approx(results[1]["dipole_mae"], abs=1e-13)


def test_charges_and_dipoles_that_cannot_be_compared_are_none():
    names = ("charge_rmse", "charge_rmse_by_species", "dipole_mae", "dipole_vector_error")
    periodic, found = molecule([0.8, -0.8], dipole=[0, 0, 1], pbc=True)
    cluster, _ = molecule([0.8, -0.8], dipole=[0, 0, 1], charges=[1, -1])
    for atoms, prediction in (
        (periodic, found),
        (cluster, replace(found, charges=None, dipole=None)),
        (molecule([1, -1])[0], found),
    ):
        result = errors([atoms], [prediction])
        assert all(result[name] is None for name in names)
    assert errors([cluster], [replace(found, charges=None, dipole=None)])["charges"] is None
