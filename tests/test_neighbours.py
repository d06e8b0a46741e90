import numpy as np
import pytest
from ase import Atoms
from ase.neighborlist import neighbor_list

from superion.errors import InputError
from superion.neighbours import neighbour_pairs


@pytest.mark.parametrize("pbc", [True, False, (True, False, True)])
def test_pairs_are_those_of_ase(pbc):
    rng = np.random.default_rng(0)
    cell = np.array([[4.0, 0.2, 0.0], [-1.5, 5.0, 0.3], [0.4, -0.8, 4.4]])
    positions = rng.uniform(-8, 12, (9, 3)) if pbc is True else rng.uniform(0, 6, (9, 3))
    atoms = Atoms("Li9", positions, cell=cell, pbc=pbc)
    ours = neighbour_pairs(atoms, 5.0)
    i, j, vector = neighbor_list("ijD", atoms, 5.0)
    rows = np.column_stack([i, j, vector.round(8)])
    mine = np.column_stack([ours.i, ours.j, ours.vector.round(8)])
    np.testing.assert_allclose(mine[np.lexsort(mine.T)], rows[np.lexsort(rows.T)], atol=2e-8)
    np.testing.assert_allclose(np.linalg.norm(ours.vector, axis=1), ours.distance)
    assert (np.diff(ours.i) >= 0).all()
    for atom in range(9):
        assert (ours.i[ours.start[atom] : ours.start[atom + 1]] == atom).all()


def test_nothing_to_find():
    assert len(neighbour_pairs(Atoms("Li"), 5.0).i) == 0
    assert len(neighbour_pairs(Atoms("Li2", [[0, 0, 0], [0, 0, 9]]), 5.0).i) == 0


def test_impossible_structures_are_named():
    with pytest.raises(InputError, match=r"not finite \(atoms \[1\]\)"):
        neighbour_pairs(Atoms("Li2", [[0, 0, 0], [0, np.nan, 9]]), 5.0)
    with pytest.raises(InputError, match=r"atoms 0 and 1 are .* apart: they overlap"):
        neighbour_pairs(Atoms("Li2", [[0, 0, 0], [0, 0, 1e-4]]), 5.0)
    with pytest.raises(InputError, match=r"extends over 1.0e.06 Å"):
        neighbour_pairs(Atoms("Li2", [[0, 0, 0], [0, 0, 1e6]]), 5.0)
    with pytest.raises(InputError, match=r"extends over 1.0e.05 Å"):
        neighbour_pairs(Atoms("Li", cell=[1e5, 1, 1], pbc=True), 0.3)
