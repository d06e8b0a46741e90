"""Unwrapping, drift and mean squared displacement against round trips and direct sums."""

import numpy as np
import pytest

from superion.analysis.displacement import (
    collective,
    mean_squared_displacement,
    remove_drift,
    unwrap,
)
from superion.errors import InputError
from superion.structures.paths import smallest_height

TRICLINIC = np.array([[9.0, 0.0, 0.0], [3.5, 8.0, 0.0], [-2.5, 2.0, 10.0]])


def walk(seed, frames, atoms, step):
    return np.random.default_rng(seed).normal(scale=step, size=(frames, atoms, 3)).cumsum(axis=0)


def wrap(positions, cells):
    inverse = np.linalg.inv(cells)
    return ((positions @ inverse) % 1.0) @ cells


def breathing(frames, amplitude, seed=3):
    """Cells whose six shape parameters wander slowly around a triclinic cell."""
    rng = np.random.default_rng(seed)
    strain = rng.normal(size=(frames, 3, 3))
    for k in range(1, frames):
        strain[k] = 0.95 * strain[k - 1] + np.sqrt(1 - 0.95**2) * strain[k]
    strain = amplitude * (strain + strain.transpose(0, 2, 1)) / 2
    return TRICLINIC @ (np.eye(3) + strain)


@pytest.mark.parametrize("cell", [np.diag([8.0, 9.0, 10.0]), TRICLINIC])
@pytest.mark.parametrize("wrapped", [True, False])
def test_unwrap_returns_the_path_that_was_wrapped(cell, wrapped):
    path = walk(1, 500, 7, 0.4)
    cells = np.broadcast_to(cell, (500, 3, 3))
    given = wrap(path, cells) if wrapped else path
    found = unwrap(given, cells)
    np.testing.assert_allclose(found - found[0], path - path[0], atol=1e-10)
    np.testing.assert_allclose(found[0], given[0], atol=1e-10)
    np.testing.assert_allclose(wrap(found, cells), wrap(path, cells), atol=1e-8)


def test_unwrap_accepts_one_cell_for_all_frames():
    path = walk(1, 50, 3, 0.3)
    np.testing.assert_array_equal(
        unwrap(path, TRICLINIC), unwrap(path, np.broadcast_to(TRICLINIC, (50, 3, 3)))
    )


@pytest.mark.parametrize("wrapped", [True, False])
def test_a_static_crystal_in_a_breathing_cell_does_not_move(wrapped):
    cells = breathing(2000, 0.01)
    # without wrapping, atoms sit up to ten cells from the origin, where breathing moves them most
    fractional = np.random.default_rng(4).uniform(-10, 10, size=(6, 3))
    positions = fractional @ cells
    assert np.ptp(positions, axis=0).max() > 3
    found = unwrap(wrap(positions, cells) if wrapped else positions, cells)
    np.testing.assert_allclose(found - found[0], 0, atol=1e-8)


def test_walkers_in_a_breathing_cell_keep_their_displacements_wherever_they_are():
    """Image number times the cell of the moment would add noise that grows with the distance."""
    cells = breathing(3000, 0.01)
    inverse = np.linalg.inv(cells)
    steps = np.random.default_rng(5).normal(scale=0.3, size=(3000, 40, 3))
    fractional = np.cumsum(steps @ inverse, axis=0) + 20.0  # cells from the origin
    found = unwrap((fractional % 1.0) @ cells, cells)
    msd = mean_squared_displacement(found)
    # 40 walkers, lag one: 3 x 0.3² to a part in a hundred; to lag 100 within statistics
    assert msd[1] == pytest.approx(3 * 0.3**2, rel=0.01)
    assert msd[100] == pytest.approx(100 * 3 * 0.3**2, rel=0.1)
    lattice = (fractional % 1.0 + np.floor(fractional)) @ cells
    assert mean_squared_displacement(lattice)[1] > 2 * msd[1]


def test_unwrap_refuses_an_ambiguous_step_and_names_it():
    positions = np.zeros((4, 3, 3))
    positions[2:, 1] = np.array([0.0, 0.0, 0.6]) * smallest_height(TRICLINIC)
    with pytest.raises(InputError, match=r"frame 2: atom 1 moves .* more often"):
        unwrap(positions, TRICLINIC)


def test_unwrap_refuses_a_cell_that_jumps():
    cells = np.broadcast_to(TRICLINIC, (5, 3, 3)).copy()
    cells[3:, 1] -= cells[3:, 0]
    with pytest.raises(InputError, match="frame 3: the cell changes by"):
        unwrap(np.zeros((5, 2, 3)), cells)


def test_smallest_height_of_a_triclinic_cell():
    a, b, c = TRICLINIC
    volume = abs(np.linalg.det(TRICLINIC))
    faces = (np.cross(b, c), np.cross(c, a), np.cross(a, b))
    assert smallest_height(TRICLINIC) == pytest.approx(min(volume / np.linalg.norm(f) for f in faces))


def test_drift_of_the_system_and_of_a_reference():
    path = walk(6, 200, 5, 0.2)
    masses = np.array([1.0, 2.0, 3.0, 4.0, 50.0])
    drift = np.linspace(0, 30, 200)[:, None, None] * np.array([1.0, -2.0, 0.5])
    still, moving = (remove_drift(p, masses) for p in (path, path + drift))
    np.testing.assert_allclose(moving, still, atol=1e-10)
    centre = np.einsum("fna,n->fa", still, masses) / masses.sum()
    np.testing.assert_allclose(centre - centre[0], 0, atol=1e-10)

    held = remove_drift(path + drift, masses, np.array([False, False, False, True, False]))
    np.testing.assert_allclose(held[:, 3], np.broadcast_to(path[0, 3], (200, 3)), atol=1e-10)


def direct(positions):
    frames = len(positions)
    msd = np.zeros((frames, 3))
    for lag in range(1, frames):
        for start in range(frames - lag):
            msd[lag] += ((positions[start + lag] - positions[start]) ** 2).mean(axis=0)
        msd[lag] /= frames - lag
    return msd


@pytest.mark.parametrize("frames", [2, 31, 64])
def test_fourier_displacement_equals_the_double_loop(frames):
    path = walk(7, frames, 4, 0.5) + 1000.0
    np.testing.assert_allclose(mean_squared_displacement(path, per_axis=True), direct(path), atol=1e-8)
    np.testing.assert_allclose(mean_squared_displacement(path), direct(path).sum(axis=1), atol=1e-8)


def test_displacement_of_chosen_atoms_only():
    path = walk(8, 40, 5, 0.5)
    mask = np.array([True, False, False, True, False])
    np.testing.assert_allclose(
        mean_squared_displacement(path, mask), mean_squared_displacement(path[:, [0, 3]]), atol=1e-12
    )
    np.testing.assert_allclose(
        mean_squared_displacement(path, [0, 3]), mean_squared_displacement(path, mask), atol=1e-12
    )


def test_collective_displacement_of_pairs_that_move_together_is_doubled():
    one = walk(9, 300, 1, 0.5)
    pair = np.repeat(one, 2, axis=1)
    np.testing.assert_allclose(
        mean_squared_displacement(collective(pair)), 2 * mean_squared_displacement(one), atol=1e-8
    )
    np.testing.assert_allclose(collective(pair, np.array([1.0, -1.0])), 0, atol=1e-12)


@pytest.mark.parametrize("shape", [(5, 3), (0, 2, 3), (5, 0, 3), (5, 2, 2)])
def test_wrong_shapes_are_refused(shape):
    with pytest.raises(InputError, match="shape"):
        mean_squared_displacement(np.zeros(shape))


def test_values_that_are_not_finite_are_located():
    positions = np.zeros((6, 4, 3))
    positions[3, 2, 1] = np.nan
    with pytest.raises(InputError, match="frame 3: the position of atom 2"):
        unwrap(positions, TRICLINIC)


def test_bad_cells_masses_and_charges_are_refused():
    positions = walk(1, 6, 4, 0.1)
    with pytest.raises(InputError, match=r"cells must have the shape \(6, 3, 3\)"):
        unwrap(positions, np.zeros((5, 3, 3)))
    cells = np.broadcast_to(TRICLINIC, (6, 3, 3)).copy()
    cells[4, 2] = 0.0
    with pytest.raises(InputError, match="frame 4: the cell has no volume"):
        unwrap(positions, cells)
    with pytest.raises(InputError, match="masses must be 4 positive"):
        remove_drift(positions, np.ones(3))
    with pytest.raises(InputError, match="no atom is left"):
        remove_drift(positions, np.ones(4), np.zeros(4, dtype=bool))
    with pytest.raises(InputError, match="charges must be 4 finite"):
        collective(positions, np.zeros(4))
