from math import erfc

import numpy as np
import pytest
import torch
from periodic_oracle import DENSITIES, SHAPES, disordered

from superion.electrostatics import Point
from superion.electrostatics.densities import pair_penetration
from superion.electrostatics.images import image_pairs
from superion.electrostatics.lattice import Lattice
from superion.electrostatics.real_space import real_space_sum
from superion.electrostatics.tables import penetration_tables
from superion.errors import InputError


def by_pair_list(positions, cell, charges, kinds, densities, alpha, cutoff):
    """The same sum over a list of pairs, differentiated automatically."""
    x, h, q = (torch.tensor(array, requires_grad=True) for array in (positions, cell, charges))
    pairs = image_pairs(x, h, cutoff)
    r = pairs.distances(x, h)
    kernel = torch.erfc(alpha * r) - erfc(alpha * cutoff)
    kernel = kernel - pair_penetration(densities, torch.from_numpy(kinds), pairs.i, pairs.j, r, cutoff)
    energy = (q[pairs.i] * q[pairs.j] * kernel / r).sum()
    slope, strain, potential = (g.numpy() for g in torch.autograd.grad(energy, (x, h, q)))
    virial = -(positions.T @ slope + cell.T @ strain)
    return potential, -slope, (virial + virial.T) / 2


def compare(case, densities, alpha, cutoff):
    positions, cell, charges, kinds = case
    sums = real_space_sum(
        Lattice.of(positions, cell), charges, kinds, penetration_tables(densities), alpha, cutoff
    )
    exact = by_pair_list(*case, densities, alpha, cutoff)
    for ours, theirs in zip((sums.potential, sums.forces, sums.virial), exact, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-11)


@pytest.mark.parametrize("cutoff", [2.5, 6.0, 13.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_cells_smaller_and_larger_than_the_cutoff(shape, cutoff):
    compare(disordered(shape), DENSITIES["slater 1s"], 3.5 / cutoff, cutoff)


@pytest.mark.parametrize("name", DENSITIES)
def test_densities(name):
    compare(disordered(seed=1), DENSITIES[name], 0.4, 9.0)


def test_one_atom_and_its_images():
    one = np.array([[1.0, 2, 3]]), SHAPES["triclinic"] / 2, np.array([1.3]), np.array([0])
    compare(one, DENSITIES["points"], 0.3, 11.0)


def test_many_atoms():
    """More bins than the cutoff spans, so that pairs wrap around on some bins only."""
    rng = np.random.default_rng(2)
    cell = np.diag([30.0, 28, 33]) + rng.uniform(-3, 3, (3, 3))
    sites = np.argwhere(np.ones((9, 9, 9))) / 9 + rng.uniform(-0.02, 0.02, (729, 3))
    case = sites @ cell, cell, rng.normal(size=729), rng.integers(0, 2, 729)
    compare(case, DENSITIES["gaussians"], 0.6, 6.0)


def test_a_needle_of_empty_space():
    """The number of bins is bounded by the number of atoms, not by the length of the cell."""
    charges, kinds, tables = np.array([1.0, -1]), np.zeros(2, dtype=int), penetration_tables((Point(),))
    results = []
    for far in (1e2, 1e9):
        lattice = Lattice.of(np.array([[0.0, 0, 0], [far, 1, 0]]), np.diag([3 * far, 5, 5]))
        results.append(real_space_sum(lattice, charges, kinds, tables, 0.5, 7.0))
    np.testing.assert_allclose(results[0].potential, results[1].potential, rtol=1e-12)
    np.testing.assert_allclose(results[0].virial, results[1].virial, atol=1e-12)


@pytest.mark.parametrize("distance", [0.0, 5e-4])
def test_overlapping_atoms_are_refused(distance):
    positions = np.array([[2.0, 0, 0], [0, 0, 0], [4 + distance, 0, 0], [1, 1, 1]])
    lattice = Lattice.of(positions, 4 * np.eye(3))
    with pytest.raises(InputError, match=r"atoms 1 and 2 are .* apart: they overlap"):
        real_space_sum(lattice, np.ones(4), np.zeros(4, dtype=int), penetration_tables((Point(),)), 0.5, 5.0)


def test_beyond_the_table_of_erfc_is_refused():
    lattice = Lattice.of(np.zeros((1, 3)), 4 * np.eye(3))
    with pytest.raises(InputError, match="alpha times cutoff"):
        real_space_sum(lattice, np.ones(1), np.zeros(1, dtype=int), penetration_tables((Point(),)), 1.0, 9.0)
