"""The compiled inner loops of SOAP: density expansion, power spectrum, their vector–Jacobian products (vjp).

No descriptor derivative is ever stored: the gradient runs backwards from the power spectrum through the
expansion coefficients to the neighbour vectors. Array layouts, for C channels and L = (l_max + 1)² harmonics:

    coefficients (atoms, L, wide ≥ C)     c[i, lm, a], numbers from C on are of no meaning
    power spectrum (atoms, ≥ D)           p[i, l·T + pair(a ≤ b)], T = C(C + 1)/2, D = (l_max + 1)·T

Rows are stored a vector at a time and may run over into what is written next, so that arrays are wider by a
vector. Angular functions are those of as many neighbours at once as a vector has lanes; the radial functions
of one neighbour are taken eight at a time, for there are few of them.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from superion.compiled import numba
from superion.potentials.many_body.angular import cutoffs, vector_harmonics
from superion.potentials.many_body.simd import (
    EIGHT,
    lanes_of,
    load,
    load_eight,
    mul,
    mul_add,
    spread,
    spread_at,
    spread_eight,
    spread_eight_at,
    store,
    total,
)

FAST = {"contract", "reassoc", "nsz"}
ROOT2 = math.sqrt(2.0)


class Expansion(NamedTuple):
    """What the expansion of one atom's neighbour density is determined by.

    tables: (T, intervals, 6, ≥ (l_max + 1)·radials) splines, rows of whole vectors; radials: a multiple of
    eight. table, channel: (species,) the table and the first channel of each neighbour species. spacing,
    cutoff, width: Å. factors: (L,) of the harmonics.
    """

    tables: np.ndarray
    table: np.ndarray
    channel: np.ndarray
    spacing: float
    cutoff: float
    width: float
    l_max: int
    radials: int
    factors: np.ndarray


class Scratch(NamedTuple):
    """Memory for the neighbours at hand and one atom's matrices."""

    unit: np.ndarray  # x, y, z, phase, cutoff function and its derivative of a vector of neighbours
    recurrence: np.ndarray
    y: np.ndarray  # harmonics of a vector of neighbours
    dy: np.ndarray  # and their gradients
    radial: np.ndarray  # one neighbour: radial functions and their derivatives, (2, row of the tables)
    matrix: np.ndarray  # one atom and one l: (C, wide)
    gradient: np.ndarray  # one atom: (L, wide)


@numba.njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _phases(first, last, vector, distance, cutoff, width, unit):
    """Unit vectors and phases of the cutoff of the pairs first … last − 1, the last one repeated."""
    lanes = lanes_of(unit)
    for lane in range(lanes):
        k = min(first + lane, last - 1)
        inverse = 1.0 / distance[k]
        for x in range(3):
            unit[x * lanes + lane] = vector[k, x] * inverse
        unit[3 * lanes + lane] = max(distance[k] - cutoff + width, 0.0) / width


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def expand(atoms, start, j, vector, distance, species, basis, scratch, c):
    """Expansion coefficients c (≥ A, L, wide) of the A `atoms`."""
    wide, lms = c.shape[2], c.shape[1]
    l_max, n, cutoff, width, factors = basis.l_max, basis.radials, basis.cutoff, basis.width, basis.factors
    intervals, row = basis.tables.shape[1], basis.tables.shape[3]
    flat, table, tables, channel = c.reshape(-1), basis.tables.reshape(-1), basis.table, basis.channel
    unit, recurrence, y, dy, radial = scratch.unit, scratch.recurrence, scratch.y, scratch.dy, scratch.radial
    lanes = lanes_of(table)
    own = math.sqrt(1.0 / (4.0 * math.pi))
    for a in range(len(atoms)):
        i = atoms[a]
        c[a] = 0.0
        kind = species[i]
        for k in range(n):
            c[a, 0, channel[kind] + k] = own * basis.tables[tables[kind], 0, 0, k]
        for first in range(start[i], start[i + 1], lanes):
            last = min(first + lanes, start[i + 1])
            _phases(first, last, vector, distance, cutoff, width, unit)
            cutoffs(unit, width)
            vector_harmonics(unit, l_max, factors, False, recurrence, y, dy)
            for p in range(first, last):
                lane = p - first
                if distance[p] >= cutoff:
                    continue
                kind = species[j[p]]
                scaled = distance[p] / basis.spacing
                knot = min(int(scaled), intervals - 1)
                t = spread(table, scaled - knot)
                f = spread_at(unit, 4 * lanes + lane)
                at = (tables[kind] * intervals + knot) * 6 * row
                for k in range(0, row, lanes):
                    g = load(table, at + k + 5 * row)
                    for order in range(4, -1, -1):
                        g = mul_add(g, t, load(table, at + k + order * row))
                    store(radial, k, mul(g, f))
                for block in range(0, n, EIGHT):
                    m, to = lane, a * lms * wide + channel[kind] + block
                    for l in range(l_max + 1):
                        g = load_eight(radial, l * n + block)
                        store(flat, to, mul_add(spread_eight_at(y, m), g, load_eight(flat, to)))
                        for _ in range(l):  # two harmonics at a time
                            one, two = to + wide, to + 2 * wide
                            new = mul_add(spread_eight_at(y, m + lanes), g, load_eight(flat, one))
                            newer = mul_add(spread_eight_at(y, m + 2 * lanes), g, load_eight(flat, two))
                            store(flat, one, new)
                            store(flat, two, newer)
                            m, to = m + 2 * lanes, two
                        m, to = m + lanes, to + wide


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def power_spectrum(c, count, channels, l_max, scratch, p, norm):
    """Normalised power spectra p (≥ count, ≥ D + a vector) and the norms (count,) they were divided by."""
    wide, lms = c.shape[2], c.shape[1]
    length = (l_max + 1) * channels * (channels + 1) // 2
    flat, rows, to = c.reshape(-1), scratch.matrix, p.reshape(-1)
    lanes, root2 = lanes_of(to), spread(to, ROOT2)
    for i in range(count):
        index = i * p.shape[1]
        for l in range(l_max + 1):
            low, high = (i * lms + l * l) * wide, (i * lms + (l + 1) * (l + 1)) * wide
            for a in range(0, channels, 4):
                for b in range(a - a % lanes, channels, lanes):
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
                    for b in range(a + r, channels, lanes):
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


@numba.njit(cache=True, nogil=True, fastmath=FAST, forceinline=True)
def _spectrum_vjp(i, c, channels, l_max, p, inverse, along, gp, scratch):
    """Gradient of one atom's energy with respect to its coefficients, into scratch.gradient (L, wide).

    gp: gradient with respect to the normalised spectrum; along: its product with the spectrum.
    """
    wide, lms = c.shape[2], c.shape[1]
    flat, square, out = c.reshape(-1), scratch.matrix, scratch.gradient
    slope, spectrum = gp.reshape(-1), p.reshape(-1)
    index, index_p = i * gp.shape[1], i * p.shape[1]
    lanes, minus, factor = lanes_of(square), spread(square, -along), spread(square, ROOT2 * inverse)
    for l in range(l_max + 1):
        for a in range(channels):
            for b in range(0, channels - a, lanes):
                across = mul_add(minus, load(spectrum, index_p + b), load(slope, index + b))
                store(square, a * wide + a + b, mul(factor, across))
            square[a * wide + a] *= ROOT2
            index += channels - a
            index_p += channels - a
        for a in range(channels):
            for b in range(a):
                square[a * wide + b] = square[b * wide + a]
        last = (l + 1) * (l + 1) - 1
        for lm in range(l * l, last + 1, 3):
            lm1, lm2 = min(lm + 1, last), min(lm + 2, last)
            row0, row1, row2 = (i * lms + lm) * wide, (i * lms + lm1) * wide, (i * lms + lm2) * wide
            for b in range(0, channels, lanes):
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
def vjp(
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

    c, p, norm: of the A `atoms`. along: (A,) products of gp and p. owner: (N,) structure of each atom.
    """
    wide, lms = c.shape[2], c.shape[1]
    l_max, n, cutoff, width, factors = basis.l_max, basis.radials, basis.cutoff, basis.width, basis.factors
    intervals, row = basis.tables.shape[1], basis.tables.shape[3]
    table, tables, channel = basis.tables.reshape(-1), basis.table, basis.channel
    unit, recurrence, radial, gradient = scratch.unit, scratch.recurrence, scratch.radial, scratch.gradient
    harmonic, dy, lanes, per_spacing = scratch.y, scratch.dy, lanes_of(table), 1.0 / basis.spacing
    plane, per_l = lms * lanes, np.ones(l_max + 1, table.dtype)
    for l in range(2, l_max + 1):
        per_l[l] = 1.0 / l
    for a in range(len(atoms)):
        i = atoms[a]
        _spectrum_vjp(a, c, channels, l_max, p, 1.0 / norm[a], along[a], gp, scratch)
        pull_x = pull_y = pull_z = 0.0
        virial = virials[owner[i]]
        xx = xy = xz = yx = yy = yz = zx = zy = zz = 0.0
        for first in range(start[i], start[i + 1], lanes):
            last = min(first + lanes, start[i + 1])
            _phases(first, last, vector, distance, cutoff, width, unit)
            cutoffs(unit, width)
            vector_harmonics(unit, l_max, factors, True, recurrence, harmonic, dy)
            for q in range(first, last):
                lane, r = q - first, distance[q]
                if r >= cutoff:
                    continue
                inverse = 1.0 / r
                kind = species[j[q]]
                scaled = r / basis.spacing
                knot = min(int(scaled), intervals - 1)
                t = spread(table, scaled - knot)
                f, df = spread_at(unit, 4 * lanes + lane), spread_at(unit, 5 * lanes + lane)
                f_slope = mul(f, spread(table, per_spacing))
                at = (tables[kind] * intervals + knot) * 6 * row
                for k in range(0, row, lanes):
                    g = load(table, at + k + 5 * row)
                    dg = spread(table, 0.0)
                    for order in range(4, -1, -1):
                        dg = mul_add(dg, t, g)
                        g = mul_add(g, t, load(table, at + k + order * row))
                    store(radial, k, mul(f, g))
                    store(radial, row + k, mul_add(f_slope, dg, mul(df, g)))
                sum_x = sum_y = sum_z = sum_r = spread_eight(table, 0.0)
                x, y, z = (
                    spread_eight_at(unit, lane),
                    spread_eight_at(unit, lanes + lane),
                    spread_eight_at(unit, 2 * lanes + lane),
                )
                minus = spread_eight(table, -inverse)
                for block in range(0, n, EIGHT):
                    m, at = lane, channel[kind] + block
                    to = mul(spread_eight_at(harmonic, m), load_eight(gradient, at))
                    sum_r = mul_add(to, load_eight(radial, row + block), sum_r)
                    for l in range(1, l_max + 1):
                        m, at = m + lanes, at + wide
                        to = load_eight(gradient, at)
                        gx = mul(spread_eight_at(dy, m), to)
                        gy = mul(spread_eight_at(dy, plane + m), to)
                        gz = mul(spread_eight_at(dy, 2 * plane + m), to)
                        for _ in range(l):  # two harmonics at a time
                            to, m = load_eight(gradient, at + wide), m + lanes
                            gx = mul_add(spread_eight_at(dy, m), to, gx)
                            gy = mul_add(spread_eight_at(dy, plane + m), to, gy)
                            gz = mul_add(spread_eight_at(dy, 2 * plane + m), to, gz)
                            at, m = at + 2 * wide, m + lanes
                            to = load_eight(gradient, at)
                            gx = mul_add(spread_eight_at(dy, m), to, gx)
                            gy = mul_add(spread_eight_at(dy, plane + m), to, gy)
                            gz = mul_add(spread_eight_at(dy, 2 * plane + m), to, gz)
                        value = load_eight(radial, l * n + block)
                        slope = mul(spread_eight_at(per_l, l), load_eight(radial, row + l * n + block))
                        # the solid harmonics are of degree l: r·∇ is l times them
                        along_r = mul_add(x, gx, mul_add(y, gy, mul(z, gz)))
                        sum_x = mul_add(value, gx, sum_x)
                        sum_y = mul_add(value, gy, sum_y)
                        sum_z = mul_add(value, gz, sum_z)
                        sum_r = mul_add(along_r, mul_add(minus, value, slope), sum_r)
                rx, ry, rz = vector[q, 0], vector[q, 1], vector[q, 2]
                radial_force = total(sum_r) * inverse
                fx = total(sum_x) * inverse + radial_force * rx
                fy = total(sum_y) * inverse + radial_force * ry
                fz = total(sum_z) * inverse + radial_force * rz
                pull_x, pull_y, pull_z = pull_x + fx, pull_y + fy, pull_z + fz
                forces[j[q], 0] -= fx
                forces[j[q], 1] -= fy
                forces[j[q], 2] -= fz
                xx, xy, xz = xx + rx * fx, xy + rx * fy, xz + rx * fz
                yx, yy, yz = yx + ry * fx, yy + ry * fy, yz + ry * fz
                zx, zy, zz = zx + rz * fx, zy + rz * fy, zz + rz * fz
        forces[i, 0] += pull_x
        forces[i, 1] += pull_y
        forces[i, 2] += pull_z
        for x, (of_x, of_y, of_z) in enumerate(((xx, xy, xz), (yx, yy, yz), (zx, zy, zz))):
            virial[x, 0] -= of_x
            virial[x, 1] -= of_y
            virial[x, 2] -= of_z
