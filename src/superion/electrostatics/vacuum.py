"""Coulomb sums over all pairs of a structure without periodic axes, in compiled loops."""

from __future__ import annotations

import numpy as np

from superion.compiled import numba
from superion.electrostatics.lattice import Sums
from superion.electrostatics.real_space import check_closest
from superion.electrostatics.tables import PenetrationTables, look_up

Array = np.ndarray


def vacuum_matrix(positions: Array, kinds: Array, tables: PenetrationTables) -> Array:
    """(N, N) interactions φ_ij in 1/Å, nothing on the diagonal; InputError for overlapping atoms."""
    matrix, closest = _matrix(
        np.ascontiguousarray(positions), kinds, tables.rows, tables.first, tables.steps, tables.ends
    )
    check_closest(closest, np.arange(len(positions)))
    return matrix


def vacuum_sum(positions: Array, charges: Array, kinds: Array, tables: PenetrationTables) -> Sums:
    """Potential, forces and virial of charges (N,) e, as `periodic_sum`; InputError for overlapping atoms."""
    potential, forces, closest = _sum(
        np.ascontiguousarray(positions), charges, kinds, tables.rows, tables.first, tables.steps, tables.ends
    )
    check_closest(closest, np.arange(len(positions)))
    virial = positions.T @ forces
    return Sums(potential, forces, 0.5 * (virial + virial.T))


@numba.njit(cache=True, nogil=True, inline="always")
def _interaction(
    r: float, a: int, b: int, rows: Array, first: Array, steps: Array, ends: Array
) -> tuple[float, float]:
    """φ_ab(r) and its derivative."""
    value, slope = 1.0, 0.0
    if r < ends[a, b]:
        bare, steep = look_up(rows, first[a, b], r * steps[a, b])
        value, slope = 1.0 - bare, -steep * steps[a, b]
    value /= r
    return value, (slope - value) / r


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _matrix(
    positions: Array, kinds: Array, rows: Array, first: Array, steps: Array, ends: Array
) -> tuple[Array, Array]:
    count = len(positions)
    matrix = np.zeros((count, count))
    closest = np.array([np.inf, 0.0, 0.0])
    for i in range(count):
        for j in range(i + 1, count):
            dx = positions[j, 0] - positions[i, 0]
            dy = positions[j, 1] - positions[i, 1]
            dz = positions[j, 2] - positions[i, 2]
            square = dx * dx + dy * dy + dz * dz
            if square < closest[0]:
                closest[0], closest[1], closest[2] = square, i, j
            value, _ = _interaction(np.sqrt(square), kinds[i], kinds[j], rows, first, steps, ends)
            matrix[i, j] = matrix[j, i] = value
    return matrix, closest


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _sum(
    positions: Array, charges: Array, kinds: Array, rows: Array, first: Array, steps: Array, ends: Array
) -> tuple[Array, Array, Array]:
    count = len(positions)
    potential, forces = np.zeros(count), np.zeros((count, 3))
    closest = np.array([np.inf, 0.0, 0.0])
    for i in range(count):
        for j in range(i + 1, count):
            dx = positions[j, 0] - positions[i, 0]
            dy = positions[j, 1] - positions[i, 1]
            dz = positions[j, 2] - positions[i, 2]
            square = dx * dx + dy * dy + dz * dz
            if square < closest[0]:
                closest[0], closest[1], closest[2] = square, i, j
            r = np.sqrt(square)
            value, slope = _interaction(r, kinds[i], kinds[j], rows, first, steps, ends)
            potential[i] += charges[j] * value
            potential[j] += charges[i] * value
            pull = charges[i] * charges[j] * slope / r
            forces[i, 0] += pull * dx
            forces[i, 1] += pull * dy
            forces[i, 2] += pull * dz
            forces[j, 0] -= pull * dx
            forces[j, 1] -= pull * dy
            forces[j, 2] -= pull * dz
    return potential, forces, closest
