import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.constraints import FixAtoms, FixCartesian

from superion.errors import InputError
from superion.neighbours import neighbour_pairs
from superion.structures.perturb import frenkel_pairs, rattle, strain


def test_rattled_displacements_are_normal():
    crystal = bulk("Li", "bcc", a=3.4, cubic=True) * (8, 8, 8)
    crystal.info["REF_energy"] = -1.0
    moved = rattle(crystal, 0.1, np.random.default_rng(0))
    steps = (moved.positions - crystal.positions).ravel()
    assert steps.std() == pytest.approx(0.1, rel=0.05)
    assert abs(steps.mean()) < 0.01
    assert np.mean(np.abs(steps) < 0.1) == pytest.approx(0.6827, abs=0.03)
    assert moved.info == {}
    again = rattle(crystal, 0.1, np.random.default_rng(0))
    np.testing.assert_array_equal(again.positions, moved.positions)


def test_rattled_atoms_stay_apart():
    crystal = bulk("Li", "bcc", a=3.4, cubic=True) * (4, 4, 4)
    free = rattle(crystal, 0.4, np.random.default_rng(1), min_distance=0.0)
    kept = rattle(crystal, 0.4, np.random.default_rng(1), min_distance=2.0)
    assert len(neighbour_pairs(free, 2.0).i) > 0
    assert len(neighbour_pairs(kept, 2.0).i) == 0
    with pytest.raises(InputError, match=r"Å apart: displacements of 0\.1 Å do not bring them 4 Å apart"):
        rattle(crystal, 0.1, np.random.default_rng(1), min_distance=4.0)


def test_strain_is_symmetric_and_bounded():
    crystal = Atoms(
        "Li2", scaled_positions=[[0, 0, 0], [0.3, 0.6, 0.1]], cell=[[4, 0, 0], [1, 5, 0], [0, 1, 6]], pbc=True
    )
    largest = 0.0
    for seed in range(50):
        moved = strain(crystal, 0.03, np.random.default_rng(seed))
        epsilon = np.linalg.solve(crystal.cell.array, moved.cell.array) - np.eye(3)
        np.testing.assert_allclose(epsilon, epsilon.T, atol=1e-12)
        assert np.abs(epsilon).max() <= 0.03 + 1e-12
        largest = max(largest, np.abs(epsilon).max())
        np.testing.assert_allclose(moved.get_scaled_positions(), crystal.get_scaled_positions())
    assert largest > 0.025
    with pytest.raises(InputError, match=r"write 2 % as 0\.02"):
        strain(crystal, 2.0, np.random.default_rng(0))


def test_frenkel_pairs():
    crystal = bulk("Li", "fcc", a=5.0, cubic=True) * (2, 2, 2)
    holes = crystal.positions + np.array([2.5, 0, 0])  # octahedral, 2.5 Å from six atoms
    rng = np.random.default_rng(0)
    made = frenkel_pairs(crystal, "Li", holes, 3, rng, min_distance=2.4, separation=4.0)
    moved = np.flatnonzero(np.linalg.norm(made.positions - crystal.positions, axis=1) > 1e-9)
    assert len(moved) == 3
    for atom in moved:
        offset = made.positions[atom] - crystal.positions[atom]
        offset -= 10 * np.rint(offset / 10)
        assert np.linalg.norm(offset) >= 4.0
    assert neighbour_pairs(made, 3.0).distance.min() >= 2.4
    with pytest.raises(InputError, match="after 0 of 1 Frenkel pairs"):
        frenkel_pairs(crystal, "Li", holes, 1, rng, min_distance=2.6)
    with pytest.raises(InputError, match="0 atoms of Na"):
        frenkel_pairs(crystal, "Na", holes, 1, rng)


def test_every_possible_pair_occurs():
    atoms = Atoms("Li2", positions=[[0, 0, 0], [6, 0, 0]], cell=[12, 12, 12], pbc=True)
    sites = np.array([[3.0, 0, 0], [9.0, 0, 0], [0.5, 0, 0]])
    seen = set()
    for seed in range(60):
        made = frenkel_pairs(atoms, "Li", sites, 1, np.random.default_rng(seed), separation=1.0)
        seen.add(tuple(made.positions[:, 0]))
    assert seen == {(3.0, 6.0), (9.0, 6.0), (0.0, 3.0), (0.0, 9.0)}


def test_what_constraints_hold_stays():
    crystal = bulk("Li", "fcc", a=5.0, cubic=True) * (2, 2, 2)
    crystal.set_constraint([FixAtoms(range(8)), FixCartesian(8, (True, False, True))])
    rattled = rattle(crystal, 0.1, np.random.default_rng(0))
    steps = rattled.positions - crystal.positions
    assert not steps[:8].any()
    np.testing.assert_array_equal(steps[8] != 0, [False, True, False])
    assert (steps[9:] != 0).all()
    holes = crystal.positions + np.array([2.5, 0, 0])
    for seed in range(10):
        made = frenkel_pairs(crystal, "Li", holes, 3, np.random.default_rng(seed), min_distance=2.4)
        np.testing.assert_array_equal(made.positions[:9], crystal.positions[:9])
    for atoms in (rattled, made, strain(crystal, 0.02, np.random.default_rng(0))):
        assert [one.get_indices().tolist() for one in atoms.constraints] == [[*range(8)], [8]]
