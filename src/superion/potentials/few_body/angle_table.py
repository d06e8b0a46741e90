"""Tables of the 3-body energies, for dynamics: their cost does not grow with the sparse triangles.

With the weights fixed, the kernel sum of a class of triangles is a smooth function of its descriptors
(r_ij + r_ik, (r_ij − r_ik)², r_jk). It is tabulated without the cutoff function, which stays exact, by cubic
B-splines that interpolate at equidistant knots (de Boor, "A Practical Guide to Splines", 1978). The kernel is
a product of three Gaussians: the coefficients are sums of products of those of one-dimensional splines.
"""

from __future__ import annotations

import math

import numpy as np

from superion.batch import Batch
from superion.compiled import numba
from superion.errors import InputError
from superion.potentials.cutoff import cosine_cutoff
from superion.potentials.few_body.angle import AngleBlock, add_bond, opposite
from superion.terms import Sums

Array = np.ndarray

COARSEST = 2
"""Knots per lengthscale from which refinement begins."""
LARGEST = 64_000_000
"""Knots of all classes of triangles together, at most (0.5 GB)."""
STEEPEST = 0.5 * (1 - math.sqrt(1 / 3))
"""Where in an interval the error of cubic spline interpolation, t²(1 − t)², is steepest."""


class AngleTable:
    """The energies of all triangles of a block as functions of their three descriptors.

    tolerance, error: largest deviation of a slope with respect to a distance, asked for and found, in eV/Å,
    over all intervals between knots that a triangle can reach. bytes: memory.
    Raises InputError if the tolerance takes more than `LARGEST` knots.
    """

    def __init__(self, block: AngleBlock, weights: Array, tolerance: float) -> None:
        self._block, reach = block, block.cutoff
        coefficients = block.scale * weights
        upper = np.array([2 * reach, reach**2, 2 * reach]) * block.inverse
        intervals = np.ceil(COARSEST * math.sqrt(2.0) * upper).astype(np.int64)
        while True:
            spacing = upper / intervals
            self._spacing = spacing
            self._table = np.stack(
                [
                    _coefficients(block.flat[own], coefficients[own], intervals, spacing)
                    for own in block.slices
                ]
            )
            self.error = max(
                _error(table, spacing, block.flat[own], coefficients[own], block.inverse, reach)
                for table, own in zip(self._table, block.slices, strict=True)
            )
            if self.error <= tolerance:
                break
            intervals = np.ceil(1.3 * intervals).astype(np.int64)
            if np.prod(intervals + 3) * len(block.slices) > LARGEST:
                raise InputError(
                    f"tables of the 3-body energies with slopes to {tolerance:.1e} eV/Å would need more than "
                    f"{8e-9 * LARGEST:.1f} GB; within that their error is {self.error:.1e} eV/Å.",
                    remedy="allow a larger error, or evaluate the triangles without tables.",
                )
        self.bytes = self._table.nbytes

    def evaluate(self, batch: Batch, sums: Sums) -> None:
        """Add energies (eV), forces (eV/Å) and virials (eV) of all triangles to `sums`."""
        block = self._block
        _evaluate(
            block.geometry(batch),
            self._table,
            self._spacing,
            batch.owner,
            sums.energies,
            sums.forces,
            sums.virials,
        )


def _coefficients(points: Array, weights: Array, intervals: Array, spacing: Array) -> Array:
    """Spline coefficients of Σ_s weights[s]·exp(−|x − points[s]|²), one more than knots at either end."""
    axes = [_interpolate(*arguments) for arguments in zip(points.T, intervals, spacing, strict=True)]
    plane = ((axes[0] * weights)[:, None] * axes[1]).reshape(math.prod(intervals[:2] + 3), len(points))
    return (plane @ axes[2].T).reshape(intervals + 3)


def _interpolate(centres: Array, intervals: int, spacing: float) -> Array:
    """Cubic B-spline coefficients (intervals + 3, S) of the Gaussians exp(−(x − centre)²)."""
    size = intervals + 3
    difference = spacing * np.arange(intervals + 1)[:, None] - centres
    values = np.exp(-(difference**2))
    slopes = -2 * difference * values
    matrix = np.zeros((size, size))
    knots = np.arange(1, size - 1)
    matrix[knots, knots - 1] = matrix[knots, knots + 1] = 1 / 6
    matrix[knots, knots] = 4 / 6
    matrix[0, [0, 2]] = matrix[-1, [-3, -1]] = -0.5, 0.5  # the slope at either end, times the spacing
    return np.linalg.solve(matrix, np.concatenate([spacing * slopes[:1], values, spacing * slopes[-1:]]))


@numba.njit(cache=True, nogil=True, forceinline=True)
def _basis(x, count, value, slope):  # type: ignore[no-untyped-def]
    """The four B-splines that are not zero at x (in knots), their slopes, and the index of the first."""
    k = min(int(x), count - 4)
    t = x - k
    s = 1.0 - t
    value[0], value[1] = s * s * s / 6, (4 + t * t * (3 * t - 6)) / 6
    value[2], value[3] = (4 + s * s * (3 * s - 6)) / 6, t * t * t / 6
    slope[0], slope[1] = -0.5 * s * s, 0.5 * t * (3 * t - 4)
    slope[2], slope[3] = -0.5 * s * (3 * s - 4), 0.5 * t * t
    return k


@numba.njit(cache=True, nogil=True, forceinline=True)
def _spline(table, x, y, z, b, d):  # type: ignore[no-untyped-def]
    """Value and the three slopes (per knot) at a point given in knots; b, d: work arrays (3, 4)."""
    i = _basis(x, table.shape[0], b[0], d[0])
    j = _basis(y, table.shape[1], b[1], d[1])
    k = _basis(z, table.shape[2], b[2], d[2])
    value = gx = gy = gz = 0.0
    for u in range(4):
        plain = along_y = along_z = 0.0
        for v in range(4):
            line = slope = 0.0
            for w in range(4):
                c = table[i + u, j + v, k + w]
                line += b[2, w] * c
                slope += d[2, w] * c
            plain += b[1, v] * line
            along_y += d[1, v] * line
            along_z += b[1, v] * slope
        value += b[0, u] * plain
        gx += d[0, u] * plain
        gy += b[0, u] * along_y
        gz += b[0, u] * along_z
    return value, gx, gy, gz


@numba.njit(cache=True, nogil=True)
def _error(table, spacing, points, coefficients, inverse, cutoff):  # type: ignore[no-untyped-def]
    """Largest error of a slope in eV/Å where splines are worst, in every interval a triangle can reach."""
    b, d = np.empty((3, 4)), np.empty((3, 4))
    step = spacing / inverse
    worst = 0.0
    for i in range(table.shape[0] - 3):
        around = (i + STEEPEST) * step[0]
        for j in range(table.shape[1] - 3):
            apart = math.sqrt((j + STEEPEST) * step[1])
            if (
                math.sqrt(j * step[1]) > around + step[0]
                or around + math.sqrt(j * step[1]) > 2 * cutoff + step[0]
            ):
                continue
            for k in range(table.shape[2] - 3):
                across = (k + STEEPEST) * step[2]
                if across > around + step[0] + step[2] or across + step[2] < math.sqrt(j * step[1]):
                    continue
                x, y, z = (
                    (i + STEEPEST) * spacing[0],
                    (j + STEEPEST) * spacing[1],
                    (k + STEEPEST) * spacing[2],
                )
                g0 = g1 = g2 = 0.0
                for s in range(len(points)):
                    u0, u1, u2 = x - points[s, 0], y - points[s, 1], z - points[s, 2]
                    e = -2.0 * coefficients[s] * math.exp(-(u0 * u0 + u1 * u1 + u2 * u2))
                    g0 += u0 * e
                    g1 += u1 * e
                    g2 += u2 * e
                _, s0, s1, s2 = _spline(table, i + STEEPEST, j + STEEPEST, k + STEEPEST, b, d)
                first = abs(s0 / spacing[0] - g0) * inverse[0]
                second = abs(s1 / spacing[1] - g1) * inverse[1] * 2 * apart
                worst = max(worst, first + second, abs(s2 / spacing[2] - g2) * inverse[2])
    return worst


@numba.njit(cache=True, nogil=True)
def _evaluate(geometry, tables, spacing, owner, energies, forces, virials):  # type: ignore[no-untyped-def]
    """Add energies (N,), forces (N, 3) and virials (B, 3, 3) of all triangles."""
    start, j, vector, distance, species, table, first, _, inverse, cutoff, width = geometry
    b, d = np.empty((3, 4)), np.empty((3, 4))
    scale = inverse / spacing
    for a in range(len(start) - 1):
        virial = virials[owner[a]]
        for p in range(start[a], start[a + 1]):
            r1 = distance[p]
            f1, df1 = cosine_cutoff(r1, cutoff, width)
            for q in range(p + 1, start[a + 1]):
                kind = table[species[a], species[j[p]], species[j[q]]]
                if first[kind] == first[kind + 1]:
                    continue
                r2, r3 = distance[q], opposite(vector, p, q)
                f2, df2 = cosine_cutoff(r2, cutoff, width)
                x, y, z = (r1 + r2) * scale[0], (r1 - r2) ** 2 * scale[1], r3 * scale[2]
                value, g0, g1, g2 = _spline(tables[kind], x, y, z, b, d)
                g0, g1, g2 = g0 * scale[0], 2.0 * (r1 - r2) * g1 * scale[1], g2 * scale[2]
                slope1 = (df1 * f2 * value + f1 * f2 * (g0 + g1)) / r1
                slope2 = (f1 * df2 * value + f1 * f2 * (g0 - g1)) / r2
                energies[a] += f1 * f2 * value
                add_bond(a, j[p], vector[p], slope1, forces, virial)
                add_bond(a, j[q], vector[q], slope2, forces, virial)
                add_bond(j[p], j[q], vector[q] - vector[p], f1 * f2 * g2 / r3, forces, virial)
