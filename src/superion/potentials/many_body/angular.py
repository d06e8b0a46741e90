"""Cutoff functions and real spherical harmonics of many neighbours at once, one in each lane of a vector.

The recurrences and the order of the harmonics are those of harmonics.py.
"""

from __future__ import annotations

import math

from superion.compiled import numba
from superion.potentials.many_body.simd import lanes_of, load, mul, mul_add, spread, store

# Taylor coefficients in u² of sin(u)/u and cos(u); on |u| ≤ π/2 the terms left out are below 1e-17
SINE = tuple((-1) ** k / math.factorial(2 * k + 1) for k in range(12))
COSINE = tuple((-1) ** k / math.factorial(2 * k) for k in range(12))


@numba.njit(cache=True, nogil=True, forceinline=True)
def cutoffs(unit, width):
    """From the fraction s of the switching range in unit[3] the cutoff (1 + cos πs)/2 and its derivative.

    They are written to unit[4] and, in 1/Å, to unit[5].
    """
    lanes = lanes_of(unit)
    u = mul_add(load(unit, 3 * lanes), spread(unit, math.pi), spread(unit, -0.5 * math.pi))
    square = mul(u, u)
    sine, cosine = spread(unit, SINE[11]), spread(unit, COSINE[11])
    for k in range(10, -1, -1):
        sine = mul_add(sine, square, spread(unit, SINE[k]))
        cosine = mul_add(cosine, square, spread(unit, COSINE[k]))
    half = spread(unit, 0.5)
    store(unit, 4 * lanes, mul_add(mul(sine, u), spread(unit, -0.5), half))
    store(unit, 5 * lanes, mul(cosine, spread(unit, -0.5 * math.pi / width)))
    for lane in range(lanes):
        if unit[3 * lanes + lane] == 0.0:
            unit[4 * lanes + lane], unit[5 * lanes + lane] = 1.0, 0.0


@numba.njit(cache=True, nogil=True, forceinline=True)
def vector_harmonics(unit, l_max, factors, derivative, scratch, value, gradient):
    """Fill `value` (L, lanes) and, if `derivative`, `gradient` (3, L, lanes) at unit vectors (3, lanes).

    `gradient` is that of the solid harmonics r^l Y_lm at r = 1. All arrays are flat; `scratch` holds
    (l_max + 2)² + 2 (l_max + 1) vectors.
    """
    lanes = lanes_of(unit)
    x, y, z = load(unit, 0), load(unit, lanes), load(unit, 2 * lanes)
    order = (l_max + 2) * lanes
    c = (l_max + 2) * order
    s = c + (l_max + 1) * lanes
    plane = (l_max + 1) * (l_max + 1) * lanes
    minus_y, zero, one = mul(y, spread(unit, -1.0)), spread(unit, 0.0), spread(unit, 1.0)
    store(scratch, c, one)
    store(scratch, s, zero)
    for m in range(l_max):
        cosine, sine = load(scratch, c + m * lanes), load(scratch, s + m * lanes)
        store(scratch, c + (m + 1) * lanes, mul_add(x, cosine, mul(minus_y, sine)))
        store(scratch, s + (m + 1) * lanes, mul_add(x, sine, mul(y, cosine)))
    diagonal = 1.0
    for m in range(l_max + 1):
        column = m * lanes
        before, q = zero, spread(unit, diagonal)
        store(scratch, m * order + column, q)
        for l in range(m + 1, l_max + 1):
            inverse = 1.0 / (l - m)
            lower = mul(before, spread(unit, -(l + m - 1) * inverse))
            before, q = q, mul_add(mul(z, spread(unit, (2 * l - 1) * inverse)), q, lower)
            store(scratch, l * order + column, q)
        diagonal *= 2 * m + 1
    for l in range(l_max + 1):
        for m in range(l + 1):
            plus, minus = (l * l + l + m) * lanes, (l * l + l - m) * lanes
            f = spread(unit, factors[l * l + l + m])
            q = mul(f, load(scratch, l * order + m * lanes))
            cosine, sine = load(scratch, c + m * lanes), load(scratch, s + m * lanes)
            store(value, plus, mul(q, cosine))
            if m > 0:
                store(value, minus, mul(q, sine))
            if not derivative:
                continue
            polar, radial = zero, zero
            if l > m:
                polar = mul(mul(f, spread(unit, l + m)), load(scratch, (l - 1) * order + m * lanes))
            if l >= m + 2:
                radial = mul(mul(f, spread(unit, -1.0)), load(scratch, (l - 1) * order + (m + 1) * lanes))
            radial_x, radial_y = mul(radial, x), mul(radial, y)
            if m == 0:
                store(gradient, plus, radial_x)
                store(gradient, plane + plus, radial_y)
                store(gradient, 2 * plane + plus, polar)
                continue
            turn = mul(q, spread(unit, m))
            cosine1 = mul(turn, load(scratch, c + (m - 1) * lanes))
            sine1 = mul(turn, load(scratch, s + (m - 1) * lanes))
            store(gradient, plus, mul_add(radial_x, cosine, cosine1))
            store(gradient, plane + plus, mul_add(radial_y, cosine, mul(sine1, spread(unit, -1.0))))
            store(gradient, 2 * plane + plus, mul(polar, cosine))
            store(gradient, minus, mul_add(radial_x, sine, sine1))
            store(gradient, plane + minus, mul_add(radial_y, sine, cosine1))
            store(gradient, 2 * plane + minus, mul(polar, sine))
