"""What cannot be meant is said before anything is trained, with what to do."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.io import write

from superion.errors import InputError
from superion.potentials import Potential
from superion.potentials.neural import NeuralSettings, NeuralTraining, SymmetrySettings, fit_neural
from superion.structures.dataset import load_dataset
from superion.structures.read import read_frames

SYMMETRY = SymmetrySettings(cutoff=4.0, radial=4, angular=0)


def molecule(distance: float, energy: float = 0.0, **info: object) -> Atoms:
    """Two rigid molecules, CO and NH."""
    positions = [[0, 0, 0], [0, 1.15, 0], [distance, 0, 0], [distance, 1.04, 0]]
    atoms = Atoms("CONH", positions, info={"REF_energy": energy, **info})
    atoms.arrays["REF_forces"] = np.full((4, 3), 0.01) * [[1], [-1], [1], [-1]]
    return atoms


def test_labels_of_charges_do_not_stand_for_a_total_charge():
    frames = [molecule(4.0 + k) for k in range(3)]
    for atoms in frames:
        atoms.arrays["REF_charges"] = np.array([0.5, 0.2, 0.2, 0.098])
    with pytest.raises(InputError, match=r"add up to \+0.998 e.*total_charge=0"):
        fit_neural(frames, NeuralSettings(generation="4g", symmetry=SYMMETRY))


def test_a_total_charge_against_the_fragments_is_refused_with_its_frame(tmp_path):
    frames = [molecule(4.0, total_charge=0.0), molecule(5.0, total_charge=1.0)]
    for atoms in frames:
        atoms.set_array("fragment", np.array([0, 0, 1, 1]))
        atoms.info["fragment_charges"] = [1.0, -1.0]
    write(tmp_path / "pairs.extxyz", frames, format="extxyz")
    with pytest.raises(InputError, match=r"pairs.extxyz#1.*add up to \+0 e, but the total charge is \+1 e"):
        read_frames(tmp_path / "pairs.extxyz")


def test_latent_charges_are_no_charges_of_ions():
    frames = [molecule(4.0 + k, 1.0 / (4 + k), total_charge=0.0) for k in range(4)]
    training = NeuralTraining(lbfgs_epochs=0)
    term = fit_neural(frames, NeuralSettings(generation="latent-charges", symmetry=SYMMETRY), training)
    with pytest.warns(UserWarning, match="not the charges of ions.*--charge"):
        assert Potential([term]).response is not None


@pytest.mark.parametrize("kind", ["distances", "block"])
def test_of_a_single_trajectory_distances_or_a_block_are_held_out(tmp_path, kind):
    """In any order of the file."""
    distances = [9.0, 4.0, 8.0, 5.0, 7.0, 6.0]
    frames = [molecule(d, 1 / d, total_charge=0.0) for d in distances]
    if kind == "block":
        rng = np.random.default_rng(0)
        for atoms in frames:
            atoms.positions += rng.normal(0, 0.1, (4, 3))
    write(tmp_path / "one.extxyz", frames, format="extxyz")
    found = load_dataset([tmp_path / "one.extxyz"], (), 0.3, 0)
    assert found.test == ([0, 2] if kind == "distances" else [4, 5])
    assert ("largest distances" if kind == "distances" else "last block") in found.divided
