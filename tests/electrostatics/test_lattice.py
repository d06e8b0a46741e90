import numpy as np
import pytest

from superion.electrostatics.lattice import LOST, Lattice
from superion.errors import InputError

SKEWED = np.array([[1.0, 7, -9], [0, 1, 8], [0, 0, 1]]) @ np.diag([4.0, 5, 6])


def test_same_lattice_in_a_compact_cell():
    lattice = Lattice.of(np.zeros((1, 3)), SKEWED)
    transform = lattice.axes @ np.linalg.inv(SKEWED)
    np.testing.assert_allclose(transform, np.rint(transform), atol=1e-12)
    assert lattice.volume == pytest.approx(120.0)
    np.testing.assert_allclose(np.sort(lattice.heights), [4, 5, 6])


def test_positions_move_by_lattice_vectors():
    positions = np.random.default_rng(0).normal(scale=300, size=(50, 3))
    lattice = Lattice.of(positions, SKEWED)
    assert lattice.fractional.min() >= 0
    assert lattice.fractional.max() < 1
    steps = (lattice.positions - positions) @ np.linalg.inv(SKEWED)
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-10)


def test_just_below_zero():
    lattice = Lattice.of(np.array([[-1e-20, 0, 0]]), np.eye(3))
    np.testing.assert_array_equal(lattice.fractional, np.zeros((1, 3)))


@pytest.mark.parametrize("far", [2 * LOST, 1e300])
def test_lost_atoms_are_refused(far):
    with pytest.raises(InputError, match=r"atom 1 at .* cells away"):
        Lattice.of(np.array([[0.0, 0, 0], [0, far, 0]]), np.eye(3))


def test_flat_cell_is_refused():
    with pytest.raises(InputError, match="three independent lattice vectors"):
        Lattice.of(np.zeros((1, 3)), np.diag([1.0, 1, 0]))
