"""Charges onto a mesh and back: cardinal B-splines of even order p.

The weights and their derivatives follow from the recursion of Essmann et al., J. Chem. Phys. 103, 8577, 1995,
equation 4.1. An atom touches p³ mesh points. Along the last axis the mesh has p − 1 more points than cells,
copies of the first ones, so that the innermost loop never wraps around.
"""

from __future__ import annotations

from math import pi

import numpy as np

from superion.compiled import numba

Array = np.ndarray


def spline_factors(points: int, order: int) -> Array:
    """(points,) |Σ_j M_p(j + 1) exp(2πi m j/points)|² of each m, what spreading does to a plane wave."""
    weights, slopes = np.zeros(order), np.zeros(order)
    fill_weights(0.0, weights, slopes)
    wave = np.exp(2j * pi * np.outer(np.arange(points), np.arange(order)) / points) @ weights
    return wave.real**2 + wave.imag**2


@numba.njit(cache=True, nogil=True, forceinline=True)
def fill_weights(w: float, weights: Array, slopes: Array) -> None:
    """The p weights of an atom a fraction w (0 to 1) past a mesh point, and their derivatives by w.

    weights[j] = M_p(w + p − 1 − j) for the mesh points from the leftmost to the rightmost.
    """
    order = len(weights)
    weights[:] = 0.0
    weights[order - 1] = w
    weights[order - 2] = 1 - w
    for k in range(3, order + 1):
        if k == order:
            slopes[0] = -weights[1]
            for j in range(1, order - 1):
                slopes[j] = weights[j] - weights[j + 1]
            slopes[order - 1] = weights[order - 1]
        for j in range(order - k, order):
            # M_k(u) = [u M_(k−1)(u) + (k − u) M_(k−1)(u − 1)]/(k − 1), u = w + order − 1 − j
            u = w + order - 1 - j
            right = weights[j + 1] if j + 1 < order else 0.0
            weights[j] = ((k - u) * right + u * weights[j]) / (k - 1)


@numba.njit(cache=True, nogil=True)
def spread(fractional: Array, charges: Array, points: Array, order: int) -> Array:
    """Charge at each mesh point, (K1, K2, K3); fractional: (N, 3) from 0 to 1."""
    k1, k2, k3 = points
    mesh = np.zeros((k1, k2, k3 + order - 1))
    weights, slopes = np.empty((3, order)), np.empty((3, order))
    corner = np.empty(3, dtype=np.int64)
    for i in range(len(charges)):
        place(fractional[i], points, corner, weights, slopes)
        for a in range(order):
            x = (corner[0] + a) % k1
            first = charges[i] * weights[0, a]
            for b in range(order):
                row = mesh[x, (corner[1] + b) % k2]
                both = first * weights[1, b]
                for c in range(order):
                    row[corner[2] + c] += both * weights[2, c]
    for c in range(order - 1):
        mesh[:, :, c % k3] += mesh[:, :, k3 + c]
    return mesh[:, :, :k3]


@numba.njit(cache=True, nogil=True)
def gather(field: Array, fractional: Array, order: int) -> tuple[Array, Array]:
    """The field (K1, K2, K3) at each atom (N,), and its derivative by fractional coordinates (N, 3)."""
    k1, k2, k3 = field.shape
    points = np.array([k1, k2, k3])
    mesh = np.empty((k1, k2, k3 + order - 1))
    mesh[:, :, :k3] = field
    for c in range(order - 1):
        mesh[:, :, k3 + c] = mesh[:, :, c]
    weights, slopes = np.empty((3, order)), np.empty((3, order))
    corner = np.empty(3, dtype=np.int64)
    value, slope = np.zeros(len(fractional)), np.zeros((len(fractional), 3))
    for i in range(len(fractional)):
        place(fractional[i], points, corner, weights, slopes)
        total = along1 = along2 = along3 = 0.0
        for a in range(order):
            x = (corner[0] + a) % k1
            for b in range(order):
                row = mesh[x, (corner[1] + b) % k2]
                plain = steep = 0.0
                for c in range(order):
                    plain += weights[2, c] * row[corner[2] + c]
                    steep += slopes[2, c] * row[corner[2] + c]
                total += weights[0, a] * weights[1, b] * plain
                along1 += slopes[0, a] * weights[1, b] * plain
                along2 += weights[0, a] * slopes[1, b] * plain
                along3 += weights[0, a] * weights[1, b] * steep
        value[i] = total
        slope[i, 0], slope[i, 1], slope[i, 2] = k1 * along1, k2 * along2, k3 * along3
    return value, slope


@numba.njit(cache=True, nogil=True, forceinline=True)
def place(fractional: Array, points: Array, corner: Array, weights: Array, slopes: Array) -> None:
    """The leftmost mesh point (from 0) that an atom touches, and its weights, on each axis."""
    for axis in range(3):
        u = fractional[axis] * points[axis]
        cell = int(u)
        fill_weights(u - cell, weights[axis], slopes[axis])
        corner[axis] = cell % points[axis]
