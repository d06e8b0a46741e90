"""Rows of the SOAP block's design matrix: every basis function's energies, forces and virial.

With c the expansion coefficients of an atom i and P_s the spectrum of a sparse point s as symmetric matrices,

    dk(i, s)/dr_j = slope_is · [J_j · (P_s c) − (p_i·p_s) J_j · (P_i c)],    J_j = dc/dr_j.

Both products over s are matrix products; they take nearly all of the time. Sparse points and atoms are taken
in blocks, so that what they hand over stays in the processor's cache.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms

from superion.compiled import numba
from superion.neighbours import Pairs, neighbour_pairs
from superion.potentials.few_body.pair import species_index
from superion.potentials.many_body.harmonics import harmonics
from superion.potentials.many_body.kernels import FAST, ROOT2

if TYPE_CHECKING:
    from superion.potentials.many_body.soap import SoapBlock

Array = np.ndarray

JACOBIANS = 16e6  # bytes of coefficient derivatives held at once
POINTS = 192  # sparse points taken at once
ATOMS = 8  # atoms taken at once


def design(
    block: SoapBlock, atoms: Atoms, forces: bool, scale: Array | None = None
) -> tuple[Array, Array, Array]:
    """Energies (N, M), forces (N, 3, M) and virial (3, 3, M) of the basis functions of `block`.

    scale: (N,) factor on the energy of each atom.
    """
    n, m = len(atoms), block.size
    energy = np.zeros((n, m))
    force = np.zeros((n, 3, m) if forces else (0, 3, m))
    virial = np.zeros((3, 3, m) if forces else (0, 3, m))
    pairs = neighbour_pairs(atoms, block.cutoff)
    zeta, variance = block.hyper.zeta, block.hyper.delta**2
    species = species_index(atoms, block.species)
    for z, rows, c, p, norm in block.expanded(atoms, pairs):
        part, points = block.offsets[z], block._spectra_of_points(z)
        dot = p @ points.T
        factor = variance if scale is None else variance * scale[rows, None]
        energy[rows, part] = factor * dot**zeta
        if forces:
            slope = factor * zeta * dot ** (zeta - 1) / norm[:, None]
            own = (np.ascontiguousarray(c), p, dot, slope)
            _derivatives(block, z, pairs, species, rows, points, own, force[:, :, part], virial[:, :, part])
    return energy, force, virial


def _derivatives(
    block: SoapBlock,
    z: int,
    pairs: Pairs,
    species: Array,
    centres: Array,
    points: Array,
    own: tuple[Array, ...],
    force: Array,
    virial: Array,
) -> None:
    """Add the force (N, 3, M) and virial (3, 3, M) rows of the energies of the centres, all of species z."""
    c, p, dot, slope = own
    l_max, n_max, channels = block.hyper.l_max, block.radials, c.shape[2]
    lms = (l_max + 1) ** 2
    tables, table, first = block.splines(z)
    mine, ends, start = _sorted_pairs(centres, pairs.start, pairs.j, species, len(block.species))
    largest = int(np.diff(start).max(initial=1)) * 3 * n_max * lms * 8
    step = max(1, int(JACOBIANS / largest))
    for begin in range(0, len(centres), step):
        some = slice(begin, min(begin + step, len(centres)))
        listed = slice(start[some.start], start[some.stop])
        jacobian = np.empty((listed.stop - listed.start, 3, n_max, lms))
        along = np.empty((len(jacobian), 3))
        coefficient_jacobian(
            mine[listed],
            species[pairs.j[mine[listed]]],
            pairs.vector,
            pairs.distance,
            tables,
            table,
            block.spacing,
            block.hyper.cutoff,
            block.hyper.cutoff_width,
            l_max,
            block.factors,
            jacobian,
        )
        matrix = np.empty((l_max + 1, channels, channels, 1))
        for k in range(some.start, some.stop):
            _unpack(p[k : k + 1], matrix)
            _along(matrix, c[k], jacobian, ends[k] - listed.start, first, along)
        for low in range(0, len(points), POINTS):
            part = slice(low, min(low + POINTS, len(points)))
            matrices = np.empty((l_max + 1, channels, channels, part.stop - part.start))
            _unpack(points[part], matrices)
            for lead in range(some.start, some.stop, ATOMS):
                taken = slice(lead, min(lead + ATOMS, some.stop))
                products = _products(c[taken], matrices)
                for k in range(taken.start, taken.stop):
                    rows = np.empty((start[k + 1] - start[k], 3, part.stop - part.start))
                    at = start[k] - listed.start
                    for index, channel in enumerate(first):
                        a, b = ends[k, index] - listed.start, ends[k, index + 1] - listed.start
                        if a < b:
                            np.matmul(
                                jacobian[a:b].reshape(3 * (b - a), -1),
                                products[channel : channel + n_max, :, k - lead].reshape(n_max * lms, -1),
                                out=rows[a - at : b - at].reshape(3 * (b - a), -1),
                            )
                    _scatter(
                        centres[k],
                        mine[start[k] : start[k + 1]],
                        pairs.j,
                        pairs.vector,
                        rows,
                        along[at : at + len(rows)],
                        slope[k, part],
                        dot[k, part],
                        force[:, :, part],
                        virial[:, :, part],
                    )


def _products(c: Array, matrices: Array) -> Array:
    """Products of the points' matrices (l, C, C, M) with coefficients c (A, L, C): (C, L, A, M)."""
    count, lms, channels = c.shape
    out = np.empty((channels, lms * count, matrices.shape[3]))
    rows = np.ascontiguousarray(c.transpose(1, 0, 2)).reshape(lms * count, channels)
    for l, matrix in enumerate(matrices):
        part = slice(l * l * count, (l + 1) ** 2 * count)
        np.matmul(rows[part], matrix, out=out[:, part])
    return out.reshape(channels, lms, count, -1)


@numba.njit(cache=True, nogil=True)
def _sorted_pairs(centres, start, j, species, kinds):  # type: ignore[no-untyped-def]
    """Pairs of each of the centres sorted by the neighbour's species, and where each species begins."""
    first = np.zeros(len(centres) + 1, dtype=np.int64)
    for k, i in enumerate(centres):
        first[k + 1] = first[k] + start[i + 1] - start[i]
    mine, ends = np.empty(first[-1], dtype=np.int64), np.empty((len(centres), kinds + 1), dtype=np.int64)
    for k, i in enumerate(centres):
        at = first[k]
        for kind in range(kinds):
            ends[k, kind] = at
            for p in range(start[i], start[i + 1]):
                if species[j[p]] == kind:
                    mine[at] = p
                    at += 1
        ends[k, kinds] = at
    return mine, ends, first


@numba.njit(cache=True, nogil=True)
def _unpack(spectra, out):  # type: ignore[no-untyped-def]
    """Spectra (M, D) as matrices of d(p·p_s)/dc = matrix @ c, out (l, C, C, M)."""
    channels = out.shape[1]
    d = 0
    for l in range(out.shape[0]):
        for a in range(channels):
            for b in range(a, channels):
                factor = 2.0 if a == b else ROOT2
                for s in range(out.shape[3]):
                    value = factor * spectra[s, d]
                    out[l, a, b, s] = value
                    out[l, b, a, s] = value
                d += 1


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _along(matrix, c, jacobian, ends, first, along):  # type: ignore[no-untyped-def]
    """J_j · (P c) of the neighbours of one atom, along (pairs, 3), from its own matrices (l, C, C, 1)."""
    channels = c.shape[1]
    product = np.zeros((channels, c.shape[0]))
    for l in range(matrix.shape[0]):
        for a in range(channels):
            for lm in range(l * l, (l + 1) * (l + 1)):
                value = 0.0
                for b in range(channels):
                    value += matrix[l, a, b, 0] * c[lm, b]
                product[a, lm] = value
    for kind in range(len(first)):
        for p in range(ends[kind], ends[kind + 1]):
            for u in range(3):
                value = 0.0
                for n in range(jacobian.shape[2]):
                    for lm in range(jacobian.shape[3]):
                        value += jacobian[p, u, n, lm] * product[first[kind] + n, lm]
                along[p, u] = value


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _scatter(i, pairs, j, vector, rows, along, slope, dot, force, virial):  # type: ignore[no-untyped-def]
    """Add slope · (rows − dot · along) of the pairs of atom i to force (N, 3, M) and virial (3, 3, M)."""
    for k in range(len(pairs)):
        p = pairs[k]
        for u in range(3):
            x, y, z = vector[p, 0], vector[p, 1], vector[p, 2]
            for s in range(len(slope)):
                value = slope[s] * (rows[k, u, s] - dot[s] * along[k, u])
                force[i, u, s] += value
                force[j[p], u, s] -= value
                virial[0, u, s] -= x * value
                virial[1, u, s] -= y * value
                virial[2, u, s] -= z * value


@numba.njit(cache=True, nogil=True, fastmath=FAST, forceinline=True)
def _radial(r, table, h, cutoff, width, value, slope):  # type: ignore[no-untyped-def]
    """Radial functions times the cosine cutoff, and their derivatives, at distance r."""
    scaled = r / h
    k = min(int(scaled), table.shape[0] - 1)
    t = scaled - k
    f, df = 1.0, 0.0
    if r > cutoff - width:
        phase = math.pi * (r - cutoff + width) / width
        f, df = 0.5 * (1.0 + math.cos(phase)), -0.5 * math.pi / width * math.sin(phase)
    for n in range(table.shape[2]):
        a0, a1, a2 = table[k, 0, n], table[k, 1, n], table[k, 2, n]
        a3, a4, a5 = table[k, 3, n], table[k, 4, n], table[k, 5, n]
        g = a0 + t * (a1 + t * (a2 + t * (a3 + t * (a4 + t * a5))))
        dg = (a1 + t * (2 * a2 + t * (3 * a3 + t * (4 * a4 + t * 5 * a5)))) / h
        value[n] = f * g
        slope[n] = df * g + f * dg


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def coefficient_jacobian(  # type: ignore[no-untyped-def]
    pairs, species, vector, distance, tables, table, h, cutoff, width, l_max, factors, out
):
    """d(coefficients of the neighbour's species)/d(neighbour position), out (len(pairs), 3, n_max, L)."""
    radials = tables.shape[3]
    n_max = radials // (l_max + 1)
    lms = (l_max + 1) ** 2
    value, slope = np.empty(radials), np.empty(radials)
    y, dy, turn = np.empty(lms), np.empty((3, lms)), np.empty(lms)
    q, cs, sn = np.zeros((l_max + 2, l_max + 2)), np.empty(l_max + 1), np.empty(l_max + 1)
    unit = np.empty(3)
    for k in range(len(pairs)):
        p = pairs[k]
        r = distance[p]
        for u in range(3):
            unit[u] = vector[p, u] / r
        _radial(r, tables[table[species[k]]], h, cutoff, width, value, slope)
        harmonics(unit[0], unit[1], unit[2], l_max, factors, y, dy, q, cs, sn)
        for u in range(3):
            for l in range(l_max + 1):
                for lm in range(l * l, (l + 1) * (l + 1)):
                    turn[lm] = (dy[u, lm] - l * y[lm] * unit[u]) / r
            for n in range(n_max):
                for l in range(l_max + 1):
                    radial, stretch = value[l * n_max + n], slope[l * n_max + n] * unit[u]
                    for lm in range(l * l, (l + 1) * (l + 1)):
                        out[k, u, n, lm] = turn[lm] * radial + y[lm] * stretch
