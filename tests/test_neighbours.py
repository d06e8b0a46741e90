import numpy as np
import pytest
from ase import Atoms
from ase.neighborlist import neighbor_list
from hypothesis import given, settings
from hypothesis import strategies as st

from superion import neighbour_arrays, neighbour_search
from superion.errors import InputError
from superion.neighbours import NeighbourList, Pairs, neighbour_pairs


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


def brute_force(atoms: Atoms, cutoff: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """i, j and vectors of all pairs, from all images that could reach, sorted by i, j and image."""
    cell = atoms.cell.complete().array
    inverse = np.linalg.inv(cell)
    scaled = atoms.positions @ inverse
    reach = cutoff * np.linalg.norm(inverse, axis=0) + np.ptp(scaled, axis=0)
    most = np.where(atoms.pbc, np.ceil(reach), 0).astype(int)
    image = np.array(list(np.ndindex(*(2 * most + 1)))) - most
    vector = atoms.positions[None, :, None] - atoms.positions[:, None, None] + image @ cell
    distance = np.linalg.norm(vector, axis=-1)
    i, j, k = np.nonzero((distance < cutoff) & (distance > 0))
    return i, j, vector[i, j, k]


def assert_pairs(pairs: Pairs, atoms: Atoms, cutoff: float) -> None:
    i, j, vector = brute_force(atoms, cutoff)
    np.testing.assert_array_equal(pairs.i, i)
    np.testing.assert_array_equal(pairs.j, j)
    np.testing.assert_allclose(pairs.vector, vector, rtol=0, atol=1e-10)
    np.testing.assert_allclose(pairs.distance, np.linalg.norm(vector, axis=1), rtol=0, atol=1e-10)
    np.testing.assert_array_equal(pairs.start, np.searchsorted(i, np.arange(len(atoms) + 1)))


def assert_same(one: Pairs, other: Pairs) -> None:
    for name in ("i", "j", "vector", "distance", "start"):
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes()


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 12),
    pbc=st.tuples(st.booleans(), st.booleans(), st.booleans()),
    missing=st.booleans(),
    length=st.floats(2.5, 9.0),
    skin=st.sampled_from([0.0, 0.3, 1.0, 3.0]),
    strain=st.sampled_from([0.0, 0.002, 0.03]),
    step=st.sampled_from([0.0, 0.02, 0.1, 0.5]),
)
def test_a_list_with_a_memory_has_the_pairs_of_all_images(
    seed, count, pbc, missing, length, skin, strain, step
):
    rng = np.random.default_rng(seed)
    cell = length * (np.eye(3) + rng.uniform(-0.4, 0.4, (3, 3)))
    if missing:
        cell[~np.array(pbc)] = 0.0
    start = np.where(pbc, rng.uniform(-1.0, 2.0, (count, 3)), 0.5) @ cell + rng.uniform(0, 2, (count, 3))
    atoms = Atoms(np.full(count, 3), start, cell=cell, pbc=pbc)
    cutoff = 4.0
    remembered = NeighbourList(skin)
    for _ in range(12):
        atoms.positions += rng.normal(0, step, (count, 3))
        atoms.set_cell(
            atoms.cell.array @ (np.eye(3) + rng.normal(0, strain, (3, 3))), scale_atoms=missing is False
        )
        found = remembered.update(atoms, cutoff)
        assert_pairs(found, atoms, cutoff)
        assert_same(found, neighbour_pairs(atoms, cutoff))
        assert_pairs(remembered.pairs(2.5), atoms, 2.5)
        assert_same(remembered.pairs(2.5), neighbour_pairs(atoms, 2.5))


def crystal(side: float = 4.1) -> Atoms:
    atoms = Atoms("LiCl", scaled_positions=[[0, 0, 0], [0.5, 0.5, 0.5]], cell=[side] * 3, pbc=True) * 3
    atoms.rattle(0.05, seed=1)
    return atoms


def test_a_search_lasts_while_atoms_and_cell_change_little():
    atoms, rng = crystal(), np.random.default_rng(0)
    remembered = NeighbourList(1.0)
    for _ in range(20):
        atoms.positions += rng.uniform(-0.01, 0.01, (54, 3))
        remembered.update(atoms, 5.0)
    assert remembered.searches == 1
    atoms.set_cell(1.05 * atoms.cell.array, scale_atoms=True)
    atoms.positions += 0.2
    assert_pairs(remembered.update(atoms, 5.0), atoms, 5.0)
    assert remembered.searches == 1
    atoms.set_cell(0.8 * atoms.cell.array, scale_atoms=True)
    assert_pairs(remembered.update(atoms, 5.0), atoms, 5.0)
    assert remembered.searches == 2
    atoms.positions[7, 0] += 0.6
    remembered.update(atoms, 5.0)
    assert remembered.searches == 2
    atoms.positions[8, 1] -= 0.6
    remembered.update(atoms, 5.0)
    assert remembered.searches == 3
    remembered.forget()
    remembered.update(atoms, 5.0)
    assert remembered.searches == 4


def test_a_list_follows_whatever_structure_comes():
    remembered = NeighbourList(0.8)
    slab = crystal()
    slab.pbc = (True, True, False)
    for atoms in (
        crystal(),
        slab,
        crystal()[:7],
        crystal()[::-1],
        Atoms(),
        Atoms("Li", cell=[3] * 3, pbc=True),
    ):
        for cutoff, centres in ((4.0, None), (5.0, None), (5.0, min(3, len(atoms)))):
            found = remembered.update(atoms, cutoff, centres)
            assert_same(found, neighbour_pairs(atoms, cutoff, centres))


def test_a_list_checks_what_it_remembers():
    atoms, remembered = crystal(), NeighbourList(4.0)
    remembered.update(atoms, 4.0)
    for change, message in (
        (np.nan, r"not finite \(atoms \[1\]\)"),
        (atoms.positions[0] - atoms.positions[1] + 1e-4, "atoms 0 and 1 are .* apart: they overlap"),
    ):
        moved = atoms.copy()
        moved.positions[1] += change
        with pytest.raises(InputError, match=message):
            remembered.update(moved, 4.0)
        assert_same(remembered.update(atoms, 4.0), neighbour_pairs(atoms, 4.0))
    moved = atoms.copy()
    moved.set_cell([np.inf, 1, 1])
    with pytest.raises(InputError, match="not finite"):
        remembered.update(moved, 4.0)
    remembered.update(atoms, 4.0)
    with pytest.raises(InputError, match=r"known up to 4.0 Å, asked for up to 4.5"):
        remembered.pairs(4.5)
    with pytest.raises(InputError, match="lie in a plane"):
        neighbour_pairs(Atoms("Li", cell=[[3, 0, 0], [3, 0, 0], [0, 0, 3]], pbc=True), 4.0)
    with pytest.raises(InputError, match="skin"):
        NeighbourList(-0.1)
    with pytest.raises(InputError, match="they overlap"):
        neighbour_pairs(Atoms("Li3", [[0, 0, 0], [0, 0, 2], [0, 0, 2 + 1e-5]]), 3.0, 1)


@pytest.mark.parametrize("seed", range(8))
def test_both_searches_find_the_same(seed):
    rng = np.random.default_rng(seed)
    cell = rng.uniform(2, 9) * (np.eye(3) + rng.uniform(-0.4, 0.4, (3, 3)))
    positions = rng.uniform(-1, 2, (20, 3)) @ cell
    for pbc in (np.array([True] * 3), np.array([False] * 3), rng.random(3) > 0.5):
        for centres in (0, 7, 20):
            found = neighbour_search.search(positions, cell, pbc, 4.0, centres)
            expected = neighbour_arrays.search(positions, cell, pbc, 4.0, centres)
            for ours, theirs in zip(found[:3], expected[:3], strict=True):
                np.testing.assert_array_equal(ours, theirs)
            assert found[3][0] == pytest.approx(expected[3][0], rel=1e-12)
            assert found[3][1:] == expected[3][1:]
