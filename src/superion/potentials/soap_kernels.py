"""The compiled inner loops of SOAP: density expansion, power spectrum, and their adjoints.

No descriptor derivative is ever stored: the gradient runs backwards from the power spectrum through the
expansion coefficients to the neighbour vectors. Array layouts, for C channels and L = (l_max + 1)² harmonics:

    coefficients (atoms, L, wide ≥ C)     c[i, lm, a], numbers from C on are of no meaning
    power spectrum (atoms, ≥ D)           p[i, l·T + pair(a ≤ b)], T = C(C + 1)/2, D = (l_max + 1)·T

Rows are stored eight numbers at a time and may run over into what is written next, so that arrays are wider
by `LANES`. Neighbours are taken eight at a time.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np

from superion.potentials.simd import LANES, load, mul, mul_add, spread, spread_at, store, total
from superion.potentials.soap_angular import cutoffs, vector_harmonics

FAST = {"contract", "reassoc", "nsz"}
ROOT2 = math.sqrt(2.0)


class Expansion(NamedTuple):
    """What the expansion of one atom's neighbour density is determined by.

    tables: (T, intervals, 6, (l_max + 1)·n) splines, n a multiple of LANES. table, channel: (species,) the
    table and the first channel of each neighbour species. spacing, cutoff, width: Å. factors: (L,) of the
    harmonics.
    """

    tables: np.ndarray
    table: np.ndarray
    channel: np.ndarray
    spacing: float
    cutoff: float
    width: float
    l_max: int
    factors: np.ndarray


class Scratch(NamedTuple):
    """Memory for the neighbours at hand and one atom's matrices."""

    unit: np.ndarray  # x, y, z, phase, cutoff function and its derivative of eight neighbours
    recurrence: np.ndarray
    y: np.ndarray  # harmonics of eight neighbours
    dy: np.ndarray  # and their gradients
    matrix: np.ndarray  # one atom and one l: (C, wide)
    gradient: np.ndarray  # one atom: (L, wide)


@numba.njit(cache=True, nogil=True)
def _neighbours(first, last, vector, distance, basis, derivative, scratch):
    """Cutoff functions and harmonics of the pairs first … last − 1, at most LANES of them."""
    unit = scratch.unit
    for lane in range(LANES):
        k = min(first + lane, last - 1)
        inverse = 1.0 / distance[k]
        for x in range(3):
            unit[x * LANES + lane] = vector[k, x] * inverse
        unit[3 * LANES + lane] = max(distance[k] - basis.cutoff + basis.width, 0.0) / basis.width
    cutoffs(unit, basis.width)
    vector_harmonics(unit, basis.l_max, basis.factors, derivative, scratch.recurrence, scratch.y, scratch.dy)


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def expand(atoms, start, j, vector, distance, species, basis, scratch, c):
    """Expansion coefficients c (≥ A, L, wide) of the A `atoms`."""
    wide, lms = c.shape[2], c.shape[1]
    intervals, radials = basis.tables.shape[1], basis.tables.shape[3]
    n = radials // (basis.l_max + 1)
    flat, table, y = c.reshape(-1), basis.tables.reshape(-1), scratch.y
    own = math.sqrt(1.0 / (4.0 * math.pi))
    for a in range(len(atoms)):
        i = atoms[a]
        c[a] = 0.0
        kind = species[i]
        for k in range(n):
            c[a, 0, basis.channel[kind] + k] = own * basis.tables[basis.table[kind], 0, 0, k]
        for first in range(start[i], start[i + 1], LANES):
            last = min(first + LANES, start[i + 1])
            _neighbours(first, last, vector, distance, basis, False, scratch)
            for p in range(first, last):
                lane = p - first
                if distance[p] >= basis.cutoff:
                    continue
                kind = species[j[p]]
                scaled = distance[p] / basis.spacing
                knot = min(int(scaled), intervals - 1)
                t = spread(table, scaled - knot)
                f = spread_at(scratch.unit, 4 * LANES + lane)
                at = (basis.table[kind] * intervals + knot) * 6 * radials
                for l in range(basis.l_max + 1):
                    for block in range(0, n, LANES):
                        k = at + l * n + block
                        g = load(table, k + 5 * radials)
                        for order in range(4, -1, -1):
                            g = mul_add(g, t, load(table, k + order * radials))
                        g = mul(g, f)
                        target = a * lms * wide + basis.channel[kind] + block
                        for lm in range(l * l, (l + 1) * (l + 1)):
                            to = target + lm * wide
                            store(flat, to, mul_add(spread_at(y, lm * LANES + lane), g, load(flat, to)))


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def power_spectrum(c, count, channels, l_max, scratch, p, norm):
    """Normalised power spectra p (≥ count, ≥ D + LANES) and the norms (count,) they were divided by."""
    wide, lms = c.shape[2], c.shape[1]
    length = (l_max + 1) * channels * (channels + 1) // 2
    flat, rows, to = c.reshape(-1), scratch.matrix, p.reshape(-1)
    root2 = spread(to, ROOT2)
    for i in range(count):
        index = i * p.shape[1]
        for l in range(l_max + 1):
            low, high = (i * lms + l * l) * wide, (i * lms + (l + 1) * (l + 1)) * wide
            for a in range(0, channels, 4):
                for b in range(a - a % LANES, channels, LANES):
                    r0 = r1 = r2 = r3 = spread(to, 0.0)
                    for row in range(low, high, wide):
                        column = load(flat, row + b)
                        r0 = mul_add(spread_at(flat, row + a), column, r0)
                        r1 = mul_add(spread_at(flat, row + a + 1), column, r1)
                        r2 = mul_add(spread_at(flat, row + a + 2), column, r2)
                        r3 = mul_add(spread_at(flat, row + a + 3), column, r3)
                    store(rows, b, r0)
                    store(rows, wide + b, r1)
                    store(rows, 2 * wide + b, r2)
                    store(rows, 3 * wide + b, r3)
                for r in range(min(4, channels - a)):
                    for b in range(a + r, channels, LANES):
                        store(to, index + b - a - r, mul(load(rows, r * wide + b), root2))
                    to[index] = rows[r * wide + a + r]
                    index += channels - a - r
        square = 0.0
        for k in range(length):
            square += p[i, k] * p[i, k]
        norm[i] = math.sqrt(square)
        inverse = 1.0 / norm[i]
        for k in range(length):
            p[i, k] *= inverse


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _spectrum_adjoint(i, c, channels, l_max, p, inverse, along, gp, scratch):
    """Gradient of one atom's energy with respect to its coefficients, into scratch.gradient (L, wide).

    gp: gradient with respect to the normalised spectrum, overwritten; along: its product with the spectrum.
    """
    wide, lms = c.shape[2], c.shape[1]
    triangle = channels * (channels + 1) // 2
    flat, slope, square, out = c.reshape(-1), gp.reshape(-1), scratch.matrix, scratch.gradient
    factor = ROOT2 * inverse
    for k in range((l_max + 1) * triangle):
        gp[i, k] = factor * (gp[i, k] - along * p[i, k])
    index = i * gp.shape[1]
    for l in range(l_max + 1):
        for a in range(channels):
            for b in range(a, channels, LANES):
                store(square, a * wide + b, load(slope, index + b - a))
            square[a * wide + a] *= ROOT2
            index += channels - a
        for a in range(channels):
            for b in range(a):
                square[a * wide + b] = square[b * wide + a]
        last = (l + 1) * (l + 1) - 1
        for lm in range(l * l, last + 1, 3):
            lm1, lm2 = min(lm + 1, last), min(lm + 2, last)
            row0, row1, row2 = (i * lms + lm) * wide, (i * lms + lm1) * wide, (i * lms + lm2) * wide
            for b in range(0, channels, LANES):
                r0 = r1 = r2 = spread(out, 0.0)
                for a in range(channels):
                    column = load(square, a * wide + b)
                    r0 = mul_add(spread_at(flat, row0 + a), column, r0)
                    r1 = mul_add(spread_at(flat, row1 + a), column, r1)
                    r2 = mul_add(spread_at(flat, row2 + a), column, r2)
                store(out, lm * wide + b, r0)
                store(out, lm1 * wide + b, r1)
                store(out, lm2 * wide + b, r2)


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def adjoint(
    atoms,
    start,
    j,
    vector,
    distance,
    species,
    owner,
    basis,
    c,
    channels,
    p,
    norm,
    along,
    gp,
    scratch,
    forces,
    virials,
):
    """Add the forces (N, 3) and virials (B, 3, 3) of energies with gradients gp (≥ A, ≥ D) of the spectra.

    c, p, norm: of the A `atoms`. along: (A,) products of gp and p. owner: (N,) structure of each atom. gp is
    overwritten.
    """
    wide = c.shape[2]
    intervals, radials = basis.tables.shape[1], basis.tables.shape[3]
    n = radials // (basis.l_max + 1)
    table, gradient, y, dy = basis.tables.reshape(-1), scratch.gradient, scratch.y, scratch.dy
    lms = (basis.l_max + 1) ** 2
    for a in range(len(atoms)):
        i = atoms[a]
        _spectrum_adjoint(a, c, channels, basis.l_max, p, 1.0 / norm[a], along[a], gp, scratch)
        virial = virials[owner[i]]
        for first in range(start[i], start[i + 1], LANES):
            last = min(first + LANES, start[i + 1])
            _neighbours(first, last, vector, distance, basis, True, scratch)
            for q in range(first, last):
                lane, r = q - first, distance[q]
                inverse = 1.0 / r
                if r >= basis.cutoff:
                    continue
                kind = species[j[q]]
                scaled = r / basis.spacing
                knot = min(int(scaled), intervals - 1)
                t = spread(table, scaled - knot)
                f = spread_at(scratch.unit, 4 * LANES + lane)
                df = spread_at(scratch.unit, 5 * LANES + lane)
                f_slope = spread(table, scratch.unit[4 * LANES + lane] / basis.spacing)
                at = (basis.table[kind] * intervals + knot) * 6 * radials
                sum_x = sum_y = sum_z = sum_r = spread(table, 0.0)
                for l in range(basis.l_max + 1):
                    turn = spread(table, -l * inverse)  # solid harmonics have radial derivative l·Y
                    for block in range(0, n, LANES):
                        k = at + l * n + block
                        g = load(table, k + 5 * radials)
                        dg = spread(table, 0.0)
                        for order in range(4, -1, -1):
                            dg = mul_add(dg, t, g)
                            g = mul_add(g, t, load(table, k + order * radials))
                        slope = mul_add(f_slope, dg, mul(df, g))
                        value = mul(f, g)
                        gx = gy = gz = gr = spread(table, 0.0)
                        column = basis.channel[kind] + block
                        for lm in range(l * l, (l + 1) * (l + 1)):
                            to, m = load(gradient, lm * wide + column), lm * LANES + lane
                            gx = mul_add(spread_at(dy, m), to, gx)
                            gy = mul_add(spread_at(dy, lms * LANES + m), to, gy)
                            gz = mul_add(spread_at(dy, 2 * lms * LANES + m), to, gz)
                            gr = mul_add(spread_at(y, m), to, gr)
                        sum_x = mul_add(value, gx, sum_x)
                        sum_y = mul_add(value, gy, sum_y)
                        sum_z = mul_add(value, gz, sum_z)
                        sum_r = mul_add(gr, mul_add(turn, value, slope), sum_r)
                radial = total(sum_r) * inverse
                fx = total(sum_x) * inverse + radial * vector[q, 0]
                fy = total(sum_y) * inverse + radial * vector[q, 1]
                fz = total(sum_z) * inverse + radial * vector[q, 2]
                forces[i, 0] += fx
                forces[i, 1] += fy
                forces[i, 2] += fz
                forces[j[q], 0] -= fx
                forces[j[q], 1] -= fy
                forces[j[q], 2] -= fz
                for u in range(3):
                    virial[u, 0] -= vector[q, u] * fx
                    virial[u, 1] -= vector[q, u] * fy
                    virial[u, 2] -= vector[q, u] * fz
