"""Compiled loops over symmetry functions: values, and the way back to forces. Nothing is kept by triangle.

What depends on one pair is computed once for each: A_w(r) = exp(−η_w r²) f(r). A triangle is then products:
Σ 2 ((1 + λ cos θ)/2)^ζ A_w(r_ij) A_w(r_ik). The way back computes them again, which takes less time than
storing derivatives. Formulae: symmetry_functions.py.
"""

from __future__ import annotations

import numpy as np

from superion.compiled import numba

Array = np.ndarray
REAL = -1
"""In place of an exponent that is no whole number."""


def whole_exponents(zetas: Array) -> Array:
    """(Z,) int64 the exponents, or REAL."""
    return np.where((zetas == np.round(zetas)) & (zetas >= 1), zetas, REAL).astype(np.int64)


@numba.njit(cache=True, nogil=True, forceinline=True)
def _power(base: float, zeta: float, whole: int) -> float:
    if whole < 0:
        return base**zeta
    found, square, left = 1.0, base, whole
    while left:
        if left & 1:
            found *= square
        square *= square
        left >>= 1
    return found


@numba.njit(cache=True, nogil=True, error_model="numpy")
def cut_and_slope(distance: Array, cutoff: float) -> tuple[Array, Array]:
    """f(r) and its derivative (1/Å), both (P,)."""
    value, slope = np.empty_like(distance), np.empty_like(distance)
    for p in range(len(distance)):
        t = np.tanh(max(1 - distance[p] / cutoff, 0.0))
        value[p], slope[p] = t**3, -3 / cutoff * t * t * (1 - t * t)
    return value, slope


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "reassoc"})
def symmetry_values(
    start: Array,
    ends: Array,
    vector: Array,
    distance: Array,
    cut: Array,
    centres: Array,
    eta: float,
    widths: Array,
    zetas: Array,
    whole: Array,
    pair_of: Array,
) -> Array:
    """(N, F). start: (N + 1,) first pair of each atom. ends: (P,) index of the element of each neighbour.

    vector, distance: (P, 3), (P,) Å. cut: (P,) f(r). centres, eta: of the radial functions. widths: (W,)
    1/Å², η of the angular ones. zetas, whole: (Z,). pair_of: (S, S) number of each pair of elements.
    """
    atoms, elements, radial = len(start) - 1, len(pair_of), len(centres)
    grid = 2 * len(zetas) * len(widths)
    found = np.zeros((atoms, elements * radial + elements * (elements + 1) // 2 * grid))
    most = 0
    for i in range(atoms):
        most = max(most, start[i + 1] - start[i])
    near = np.empty((most, len(widths)))
    both = np.empty(len(widths))
    for i in range(atoms):
        first, last = start[i], start[i + 1]
        own = found[i]
        for p in range(first, last):
            r = distance[p]
            row = ends[p] * radial
            for k in range(radial):
                off = r - centres[k]
                own[row + k] += np.exp(-eta * off * off) * cut[p]
            for w in range(len(widths)):
                near[p - first, w] = np.exp(-widths[w] * r * r) * cut[p]
        if not grid:
            continue
        for p in range(first, last):
            for q in range(p + 1, last):
                dot = vector[p, 0] * vector[q, 0] + vector[p, 1] * vector[q, 1] + vector[p, 2] * vector[q, 2]
                cosine = dot / (distance[p] * distance[q])
                up, down = max(0.5 * (1 + cosine), 0.0), max(0.5 * (1 - cosine), 0.0)
                for w in range(len(widths)):
                    both[w] = 2 * near[p - first, w] * near[q - first, w]
                row = elements * radial + pair_of[ends[p], ends[q]] * grid
                for z in range(len(zetas)):
                    high, low = _power(up, zetas[z], whole[z]), _power(down, zetas[z], whole[z])
                    for w in range(len(widths)):
                        at = row + 2 * (w * len(zetas) + z)
                        own[at] += high * both[w]
                        own[at + 1] += low * both[w]
    return found


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "reassoc"})
def symmetry_pull(
    by_values: Array,
    start: Array,
    neighbour: Array,
    ends: Array,
    vector: Array,
    distance: Array,
    cut: Array,
    cut_slope: Array,
    centres: Array,
    eta: float,
    widths: Array,
    zetas: Array,
    whole: Array,
    pair_of: Array,
) -> tuple[Array, Array]:
    """Forces (N, 3) eV/Å and virial (3, 3) eV of an energy whose derivative by the values is (N, F) eV.

    neighbour: (P,) the second atom of each pair. cut_slope: (P,) 1/Å. The rest as for `symmetry_values`.
    """
    atoms, elements, radial = len(start) - 1, len(pair_of), len(centres)
    grid = 2 * len(zetas) * len(widths)
    forces, virial = np.zeros((atoms, 3)), np.zeros((3, 3))
    most = 0
    for i in range(atoms):
        most = max(most, start[i + 1] - start[i])
    near, steep = np.empty((most, len(widths))), np.empty((most, len(widths)))
    along, across = np.empty(most), np.empty((most, 3))
    by_both, by_cosine = np.empty(len(widths)), np.empty(len(widths))
    for i in range(atoms):
        first, last = start[i], start[i + 1]
        own = by_values[i]
        for p in range(first, last):
            r, slope = distance[p], 0.0
            row = ends[p] * radial
            for k in range(radial):
                off = r - centres[k]
                slope += own[row + k] * np.exp(-eta * off * off) * (cut_slope[p] - 2 * eta * off * cut[p])
            along[p - first] = slope
            across[p - first] = 0.0
            for w in range(len(widths)):
                decay = np.exp(-widths[w] * r * r)
                near[p - first, w] = decay * cut[p]
                steep[p - first, w] = decay * (cut_slope[p] - 2 * widths[w] * r * cut[p])
        if grid:
            for p in range(first, last):
                one = p - first
                for q in range(p + 1, last):
                    two = q - first
                    dot = (
                        vector[p, 0] * vector[q, 0]
                        + vector[p, 1] * vector[q, 1]
                        + vector[p, 2] * vector[q, 2]
                    )
                    cosine = dot / (distance[p] * distance[q])
                    up, down = max(0.5 * (1 + cosine), 0.0), max(0.5 * (1 - cosine), 0.0)
                    row = elements * radial + pair_of[ends[p], ends[q]] * grid
                    by_both[:] = 0.0
                    by_cosine[:] = 0.0
                    for z in range(len(zetas)):
                        if whole[z] < 0:
                            high, low = up ** (zetas[z] - 1), down ** (zetas[z] - 1)
                        else:
                            high, low = (
                                _power(up, zetas[z], whole[z] - 1),
                                _power(down, zetas[z], whole[z] - 1),
                            )
                        for w in range(len(widths)):
                            at = row + 2 * (w * len(zetas) + z)
                            by_both[w] += 2 * (own[at] * high * up + own[at + 1] * low * down)
                            by_cosine[w] += zetas[z] * (own[at] * high - own[at + 1] * low)
                    turn = by_one = by_two = 0.0
                    for w in range(len(widths)):
                        by_one += by_both[w] * steep[one, w] * near[two, w]
                        by_two += by_both[w] * near[one, w] * steep[two, w]
                        turn += by_cosine[w] * near[one, w] * near[two, w]
                    along[one] += by_one - turn * cosine / distance[p]
                    along[two] += by_two - turn * cosine / distance[q]
                    both = turn / (distance[p] * distance[q])
                    for c in range(3):
                        across[one, c] += both * vector[q, c]
                        across[two, c] += both * vector[p, c]
        for p in range(first, last):
            for c in range(3):
                pull = along[p - first] * vector[p, c] / distance[p] + across[p - first, c]
                forces[i, c] += pull
                forces[neighbour[p], c] -= pull
                for d in range(3):
                    virial[d, c] -= vector[p, d] * pull
    return forces, virial
