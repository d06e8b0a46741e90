"""The compiled inner loops of SOAP: density expansion, power spectrum, and their adjoints.

No descriptor derivative is ever stored: the gradient runs backwards from the power spectrum through the
expansion coefficients to the neighbour vectors. Array layouts, with C = species · n_max channels and
L = (l_max + 1)² harmonics:

    coefficients (atoms, L, C)            c[i, lm, a]
    power spectrum (atoms, D)             p[i, l·T + pair(a ≤ b)], T = C(C + 1)/2, D = (l_max + 1)·T
"""

from __future__ import annotations

import math

import numba
import numpy as np

from superion.potentials.harmonics import harmonics

FAST = {"contract", "reassoc", "nsz"}
ROOT2 = math.sqrt(2.0)


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _radial(r, table, h, cutoff, width, value, slope):
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
def expand(first, start, j, vector, distance, species, table, h, cutoff, width, l_max, factors, c):
    """Expansion coefficients c (atoms, L, C) of the atoms first … first + len(c) − 1."""
    radials = table.shape[2]
    n_max = radials // (l_max + 1)
    lms = (l_max + 1) ** 2
    value, slope = np.empty(radials), np.empty(radials)
    y, dy = np.empty(lms), np.empty((3, lms))
    q, cs, sn = np.zeros((l_max + 2, l_max + 2)), np.empty(l_max + 1), np.empty(l_max + 1)
    own = math.sqrt(1.0 / (4.0 * math.pi))
    for a in range(c.shape[0]):
        c[a] = 0.0
        offset = species[first + a] * n_max
        for n in range(n_max):
            c[a, 0, offset + n] = own * table[0, 0, n]
        for p in range(start[first + a], start[first + a + 1]):
            r = distance[p]
            if r >= cutoff:
                continue
            _radial(r, table, h, cutoff, width, value, slope)
            harmonics(vector[p, 0] / r, vector[p, 1] / r, vector[p, 2] / r, l_max, factors, y, dy, q, cs, sn)
            offset = species[j[p]] * n_max
            for l in range(l_max + 1):
                for lm in range(l * l, (l + 1) * (l + 1)):
                    for n in range(n_max):
                        c[a, lm, offset + n] += value[l * n_max + n] * y[lm]


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def power_spectrum(c, l_max, p, norm):
    """Normalised power spectra p (atoms, D) and the norms (atoms,) they were divided by."""
    channels = c.shape[2]
    triangle = channels * (channels + 1) // 2
    row = np.empty(channels)
    for i in range(c.shape[0]):
        square = 0.0
        for l in range(l_max + 1):
            index = l * triangle
            for a in range(channels):
                row[a:] = 0.0
                for lm in range(l * l, (l + 1) * (l + 1)):
                    factor = c[i, lm, a]
                    for b in range(a, channels):
                        row[b] += factor * c[i, lm, b]
                p[i, index] = row[a]
                square += row[a] * row[a]
                for b in range(a + 1, channels):
                    p[i, index + b - a] = ROOT2 * row[b]
                    square += 2.0 * row[b] * row[b]
                index += channels - a
        norm[i] = math.sqrt(square)
        inverse = 1.0 / norm[i]
        for d in range(p.shape[1]):
            p[i, d] *= inverse


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def spectrum_adjoint(c, l_max, p, norm, gp, gc):
    """From the gradient gp (atoms, D) with respect to the normalised spectra to gc (atoms, L, C)."""
    channels = c.shape[2]
    triangle = channels * (channels + 1) // 2
    symmetric = np.empty((channels, channels))
    for i in range(c.shape[0]):
        along = 0.0
        for d in range(p.shape[1]):
            along += gp[i, d] * p[i, d]
        inverse = 1.0 / norm[i]
        for l in range(l_max + 1):
            index = l * triangle
            for a in range(channels):
                symmetric[a, a] = 2.0 * inverse * (gp[i, index] - along * p[i, index])
                for b in range(a + 1, channels):
                    k = index + b - a
                    g = ROOT2 * inverse * (gp[i, k] - along * p[i, k])
                    symmetric[a, b] = g
                    symmetric[b, a] = g
                index += channels - a
            for lm in range(l * l, (l + 1) * (l + 1)):
                gc[i, lm] = 0.0
                for a in range(channels):
                    factor = c[i, lm, a]
                    for b in range(channels):
                        gc[i, lm, b] += factor * symmetric[a, b]


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def expand_adjoint(
    first,
    start,
    j,
    vector,
    distance,
    species,
    table,
    h,
    cutoff,
    width,
    l_max,
    factors,
    owner,
    gc,
    forces,
    virials,
):
    """Add the forces (N, 3) and virials (B, 3, 3) of an energy with coefficient gradients gc (atoms, L, C).

    owner: (N,) the structure of each atom.
    """
    radials = table.shape[2]
    n_max = radials // (l_max + 1)
    lms = (l_max + 1) ** 2
    value, slope = np.empty(radials), np.empty(radials)
    y, dy = np.empty(lms), np.empty((3, lms))
    q, cs, sn = np.zeros((l_max + 2, l_max + 2)), np.empty(l_max + 1), np.empty(l_max + 1)
    for a in range(gc.shape[0]):
        virial = virials[owner[first + a]]
        for p in range(start[first + a], start[first + a + 1]):
            r = distance[p]
            if r >= cutoff:
                continue
            x, yy, z = vector[p, 0] / r, vector[p, 1] / r, vector[p, 2] / r
            _radial(r, table, h, cutoff, width, value, slope)
            harmonics(x, yy, z, l_max, factors, y, dy, q, cs, sn)
            offset = species[j[p]] * n_max
            along, gx, gy, gz = 0.0, 0.0, 0.0, 0.0
            for l in range(l_max + 1):
                for lm in range(l * l, (l + 1) * (l + 1)):
                    angular, radial = 0.0, 0.0
                    for n in range(n_max):
                        g = gc[a, lm, offset + n]
                        angular += g * value[l * n_max + n]
                        radial += g * slope[l * n_max + n]
                    # the solid harmonic of degree l has the radial derivative l·Y at r = 1
                    along += radial * y[lm] - angular * l * y[lm] / r
                    gx += angular * dy[0, lm]
                    gy += angular * dy[1, lm]
                    gz += angular * dy[2, lm]
            gx = gx / r + along * x
            gy = gy / r + along * yy
            gz = gz / r + along * z
            i, k = first + a, j[p]
            forces[i, 0] += gx
            forces[i, 1] += gy
            forces[i, 2] += gz
            forces[k, 0] -= gx
            forces[k, 1] -= gy
            forces[k, 2] -= gz
            for u in range(3):
                virial[u, 0] -= vector[p, u] * gx
                virial[u, 1] -= vector[p, u] * gy
                virial[u, 2] -= vector[p, u] * gz
