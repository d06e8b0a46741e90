"""Weighted sums of SOAP kernels, Σ_s w_s (p·p_s)^ζ, and their gradients with respect to p.

Products with the sparse points are matrix products; what is in between depends on ζ and on the precision.

- ζ = 2: the sum is the quadratic form p·W·p with W = Σ_s w_s p_s p_sᵀ = Σ_k λ_k v_k v_kᵀ. The weights of a
  fit are large and cancel; the eigenvalues do not, and those below the rounding error are left out.
- float32 and any other ζ: the weights would amplify the rounding errors of the products. The part of the sum
  that is constant or linear in p − m, with m the mean of the points, is a constant and a vector in float64;
  the products with the small difference p − m give the rest, which is of second order in it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from superion.compiled import numba
from superion.potentials.many_body.gemm import multiply, pack, padded

Array = np.ndarray
Room = Callable[[str, int, int], Array]  # memory by name, rows and columns

FAST = {"contract", "reassoc", "nsz"}


class KernelSum(Protocol):
    """A weighted sum of kernels, ready for many environments of one central species."""

    multiplications: int  # of two numbers, for one environment

    def slopes(self, spectra: Array, count: int, slope: Array, energies: Array, room: Room) -> None:
        """Energies of the first `count` spectra, and their gradients into `slope`."""
        ...


def kernel_sum(points: Array, basis: Array | None, weights: Array, zeta: int, dtype: Any) -> KernelSum:
    """The cheapest way to sum the kernels to `points` (M, K), coordinates along `basis` (K, D) if given."""
    if basis is None:
        return _sum(points, weights, zeta, dtype)
    ways = (_sum(points @ basis, weights, zeta, dtype), Projected(points, basis, weights, zeta, dtype))
    return min(ways, key=lambda way: way.multiplications)


def _sum(points: Array, weights: Array, zeta: int, dtype: Any) -> KernelSum:
    if zeta == 2:
        return Quadratic(points, weights, dtype)
    if np.dtype(dtype) == np.float32:
        return CentredPowers(points, weights, zeta)
    return Powers(points, weights, zeta)


class Projected:
    """Of spectra projected to their principal components."""

    def __init__(self, points: Array, basis: Array, weights: Array, zeta: int, dtype: Any) -> None:
        self._inner = _sum(points, weights, zeta, dtype)
        self._to, self._from = pack(basis.T, dtype), pack(basis, dtype)
        self._width = padded(len(basis), dtype)
        self.multiplications = self._inner.multiplications + 2 * basis.size

    def slopes(self, spectra: Array, count: int, slope: Array, energies: Array, room: Room) -> None:
        """As of `KernelSum`."""
        inner, inner_slope = (room(name, len(spectra), self._width) for name in ("inner", "inner slope"))
        multiply(spectra, count, self._to, inner)
        self._inner.slopes(inner, count, inner_slope, energies, room)
        multiply(inner_slope, count, self._from, slope)


class Powers:
    """Any ζ in float64."""

    def __init__(self, points: Array, weights: Array, zeta: int) -> None:
        self._to, self._from = pack(points.T, points.dtype), pack(points, points.dtype)
        self._weights = np.zeros(padded(len(points), points.dtype))
        self._weights[: len(weights)] = weights
        self._zeta = zeta
        self.multiplications = 2 * points.size

    def slopes(self, spectra: Array, count: int, slope: Array, energies: Array, room: Room) -> None:
        """As of `KernelSum`."""
        dot = room("dot", len(spectra), len(self._weights))
        multiply(spectra, count, self._to, dot)
        _powers(dot, count, self._weights, self._zeta, energies)
        multiply(dot, count, self._from, slope)


class Quadratic:
    """ζ = 2, by the eigenvectors of W or, if that has fewer multiplications, by W itself."""

    def __init__(self, points: Array, weights: Array, dtype: Any) -> None:
        # eigenvectors lie in the space that the points span: M dimensions at most
        frame, triangle = np.linalg.qr(points.T)
        values, vectors = np.linalg.eigh((triangle * weights) @ triangle.T)
        kept = np.abs(values) > np.finfo(dtype).eps * np.abs(values).max(initial=0.0)
        vectors = frame @ vectors[:, kept]
        size, rank = vectors.shape
        self._from: Array | None = None
        self._size = size
        if 2 * rank < size:
            self._to, self._from = pack(vectors, dtype), pack(vectors.T, dtype)
            self._values = np.zeros(padded(rank, dtype), dtype)
            self._values[:rank] = values[kept]
        else:
            self._to = pack((vectors * values[kept]) @ vectors.T, dtype)
        self.multiplications = min(2 * rank, size) * size

    def slopes(self, spectra: Array, count: int, slope: Array, energies: Array, room: Room) -> None:
        """As of `KernelSum`."""
        if self._from is None:
            multiply(spectra, count, self._to, slope)
            _quadratic(spectra, slope, count, self._size, energies)
            return
        along = room("dot", len(spectra), len(self._values))
        multiply(spectra, count, self._to, along)
        _squares(along, count, self._values, energies)
        multiply(along, count, self._from, slope)


class CentredPowers:
    """Any ζ in float32."""

    def __init__(self, points: Array, weights: Array, zeta: int) -> None:
        dtype = np.float32
        self._centre = points.mean(axis=0).astype(dtype)
        self._to, self._from = pack(points.T, dtype), pack(points, dtype)
        at_centre = points @ self._centre.astype(np.float64)
        self._coefficients = np.zeros((max(zeta - 1, 1), padded(len(points), dtype)))
        for k in range(2, zeta + 1):
            self._coefficients[k - 2, : len(points)] = math.comb(zeta, k) * weights * at_centre ** (zeta - k)
        first = weights * at_centre ** (zeta - 1)
        self._constant = float(first @ at_centre)
        self._linear = (zeta * (first @ points)).astype(dtype)
        self.multiplications = 2 * points.size

    def slopes(self, spectra: Array, count: int, slope: Array, energies: Array, room: Room) -> None:
        """As of `KernelSum`."""
        away = room("away", len(spectra), len(self._centre))
        np.subtract(spectra[:count, : len(self._centre)], self._centre, out=away[:count])
        dot = room("dot", len(spectra), self._coefficients.shape[1])
        multiply(away, count, self._to, dot)
        _centred_powers(dot, count, self._coefficients, energies)
        multiply(dot, count, self._from, slope)
        _add_linear(away, count, self._constant, self._linear, slope, energies)


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _powers(dot, count, weights, zeta, energies):  # type: ignore[no-untyped-def]
    """Energies Σ_s w_s dot^ζ (count,); dot (≥ count, M) becomes their derivatives."""
    size = len(weights)
    power = np.empty_like(weights)
    for i in range(count):
        for s in range(size):
            power[s] = weights[s]
        for _ in range(zeta - 1):
            for s in range(size):
                power[s] *= dot[i, s]
        energy = 0.0
        for s in range(size):
            energy += power[s] * dot[i, s]
        energies[i] = energy
        for s in range(size):
            dot[i, s] = zeta * power[s]


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _centred_powers(dot, count, coefficients, energies):  # type: ignore[no-untyped-def]
    """Energies Σ_s Σ_k≥2 c_ks d^k with d = dot and c = coefficients[k − 2]; dot becomes their derivatives.

    These are Σ_s w_s [(a + d)^ζ − a^ζ − ζ a^(ζ−1) d], a the product of the point with the centre, if
    c_ks = binomial(ζ, k) w_s a^(ζ−k).
    """
    degree, size = coefficients.shape
    value, slope, away = np.empty(size), np.empty(size), np.empty(size)
    for i in range(count):
        for s in range(size):
            away[s] = dot[i, s]
            value[s] = coefficients[degree - 1, s]
            slope[s] = (degree + 1) * value[s]
        for k in range(degree - 2, -1, -1):
            for s in range(size):
                value[s] = value[s] * away[s] + coefficients[k, s]
                slope[s] = slope[s] * away[s] + (k + 2) * coefficients[k, s]
        energy = 0.0
        for s in range(size):
            energy += value[s] * away[s] * away[s]
            dot[i, s] = slope[s] * away[s]
        energies[i] = energy


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _add_linear(away, count, constant, linear, slope, energies):  # type: ignore[no-untyped-def]
    """Add constant + linear·away to the energies (count,), and its derivative to the slopes."""
    for i in range(count):
        energy = constant
        for k in range(len(linear)):
            energy += linear[k] * away[i, k]
            slope[i, k] += linear[k]
        energies[i] += energy


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _squares(along, count, values, energies):  # type: ignore[no-untyped-def]
    """Energies Σ_k λ_k x_k² (count,) of x = `along` (≥ count, K), which becomes their derivatives."""
    for i in range(count):
        energy = 0.0
        for k in range(len(values)):
            slope = values[k] * along[i, k]
            energy += slope * along[i, k]
            along[i, k] = 2 * slope
        energies[i] = energy


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _quadratic(spectra, slope, count, size, energies):  # type: ignore[no-untyped-def]
    """Energies p·(W p) (count,) from `slope` = W p (≥ count, size), which becomes their derivatives."""
    for i in range(count):
        energy = 0.0
        for k in range(size):
            energy += spectra[i, k] * slope[i, k]
            slope[i, k] *= 2
        energies[i] = energy
