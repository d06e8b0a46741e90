import numpy as np
import pytest
from periodic_oracle import SHAPES, disordered, relative

from superion.electrostatics.lattice import Lattice
from superion.electrostatics.pme import ORDERS, Mesh, mesh_error, mesh_sum, smooth, spacing
from superion.electrostatics.reciprocal import reciprocal_sum

ALPHA = 0.45
COARSE = Mesh((12, 10, 9), 6)


def energy(positions, cell, charges, mesh=COARSE):
    return 0.5 * charges @ mesh_sum(Lattice.of(positions, cell), charges, ALPHA, mesh).potential


@pytest.mark.parametrize("accuracy", [1e-4, 1e-6, 1e-8])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("shape", SHAPES)
def test_against_the_reciprocal_sum(shape, order, accuracy):
    """Error of the forces of the mesh alone, relative to the force between charges 1/α apart."""
    positions, cell, charges, _ = disordered(shape, neutral=False)
    lattice = Lattice.of(positions, cell)
    mesh = Mesh.choose(lattice.axes, ALPHA, accuracy, order)
    if np.prod(mesh.points) > 3e5:
        mesh = Mesh.choose(lattice.axes, ALPHA, 1e-6, order)
        accuracy = 1e-6
    exact = reciprocal_sum(lattice, charges, ALPHA, 2 * ALPHA * 6.0)
    found = mesh_sum(lattice, charges, ALPHA, mesh)
    scale = charges @ charges / len(charges)
    assert (
        np.sqrt(((found.forces - exact.forces) ** 2).sum(axis=1).mean()) < 1.5 * accuracy * ALPHA**2 * scale
    )
    assert relative(found.potential, exact.potential) < 2 * accuracy
    assert np.abs(found.virial - exact.virial).max() < 30 * accuracy * ALPHA * scale


def test_the_error_estimate_is_not_wasteful():
    """Over six orders of magnitude."""
    positions, cell, charges, _ = disordered("triclinic")
    lattice = Lattice.of(positions, cell)
    exact = reciprocal_sum(lattice, charges, ALPHA, 2 * ALPHA * 6.0).forces
    for order in ORDERS:
        for points in (20, 30):
            mesh = Mesh((points, points, points), order)
            error = np.sqrt(
                ((mesh_sum(lattice, charges, ALPHA, mesh).forces - exact) ** 2).sum(axis=1).mean()
            )
            error /= ALPHA**2 * (charges**2).mean()
            h = np.linalg.norm(lattice.axes, axis=1).max() / points
            estimate = mesh_error(ALPHA * h, order)
            assert estimate / 5 < error < 1.2 * estimate


@pytest.mark.parametrize("shape", ["triclinic", "strongly skewed"])
def test_forces_are_the_derivative_of_the_mesh_energy(shape):
    """To many more digits than this coarse mesh has."""
    positions, cell, charges, _ = disordered(shape)
    forces = mesh_sum(Lattice.of(positions, cell), charges, ALPHA, COARSE).forces
    exact = reciprocal_sum(Lattice.of(positions, cell), charges, ALPHA, 2 * ALPHA * 6.0).forces
    assert np.abs(forces - exact).max() > 1e-4
    h = 1e-4
    for atom in (0, 7, 20):
        for axis in range(3):
            step = np.zeros_like(positions)
            step[atom, axis] = h
            slope = (energy(positions + step, cell, charges) - energy(positions - step, cell, charges)) / (
                2 * h
            )
            assert -slope == pytest.approx(forces[atom, axis], abs=1e-8)


def test_virial_is_the_derivative_of_the_mesh_energy():
    positions, cell, charges, _ = disordered(neutral=False)
    virial = mesh_sum(Lattice.of(positions, cell), charges, ALPHA, COARSE).virial
    h = 1e-5
    for a in range(3):
        for b in range(a + 1):
            strain = np.zeros((3, 3))
            strain[a, b] += h / 2
            strain[b, a] += h / 2
            ends = [
                energy(positions @ m, cell @ m, charges) for m in (np.eye(3) + strain, np.eye(3) - strain)
            ]
            assert -(ends[0] - ends[1]) / (2 * h) == pytest.approx(virial[a, b], abs=1e-8)


def test_potential_is_the_derivative_by_charge():
    positions, cell, charges, _ = disordered()
    lattice = Lattice.of(positions, cell)
    potential = mesh_sum(lattice, charges, ALPHA, COARSE).potential
    for atom in (0, 11):
        step = 1e-3 * np.eye(len(charges))[atom]
        slope = energy(positions, cell, charges + step) - energy(positions, cell, charges - step)
        assert slope / 2e-3 == pytest.approx(potential[atom], abs=1e-11)


def test_energy_does_not_jump_at_mesh_points_and_borders():
    """An atom moves across a mesh point and out of the cell."""
    positions, cell, charges, _ = disordered("cube")
    for x in (0.0, 8.0 / 12 * 5):
        ends = []
        for side in (-1e-9, 1e-9):
            moved = positions.copy()
            moved[3] = [x + side, x + side, x + side]
            ends.append(energy(moved, cell, charges))
        assert abs(ends[1] - ends[0]) < 1e-8


@pytest.mark.parametrize("order", ORDERS)
def test_spacing_solves_the_error_estimate(order):
    for accuracy in (1e-3, 1e-6, 1e-12):
        assert 0.95 * accuracy < mesh_error(spacing(accuracy, order), order) < accuracy


def test_mesh_sizes():
    assert [smooth(n) for n in (1, 7, 8, 11, 13, 17, 121, 127)] == [1, 8, 8, 12, 15, 18, 125, 128]
    assert Mesh.choose(np.eye(3), 0.1, 1e-3, 6) == Mesh((6, 6, 6), 6)
