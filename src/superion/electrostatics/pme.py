"""The long-range part of an Ewald sum on a mesh: smooth particle-mesh Ewald.

Charges are spread on a mesh with B-splines of order p, Fourier transformed, multiplied with exp(−k²/4α²)/k²
and transformed back (Essmann, Perera, Berkowitz, Darden, Lee and Pedersen, J. Chem. Phys. 103, 8577, 1995):
cost of the order N log N. The forces are the exact derivative of the energy of the mesh, so that energy is
conserved; the sum of the forces is then not exactly zero, but within the accuracy.

Error. A spline represents a plane wave that makes u = kh/2π turns per mesh spacing h up to its aliases, of
relative size (u/(1 − u))^p for the nearest. The force is a derivative, in which the alias counts (1 − u)/u
times as much. With the spectrum exp(−k²/4α²) of the long-range force this makes, relative to the force
between two bare charges a distance 1/α apart and root mean square,

    error(αh, p) = (2/π) ∫ q exp(−q²/4) min[1, (3/p)(u/(1 − u))^(p−1)] dq,   u = qαh/2π,

which depends on αh and p only. The factor 3/p (few directions of k are as bad as an axis) is a fit: measured
errors are 0.2 to 1.2 times the estimate, from 1e-3 down to 1e-11. `spacing` solves it for h.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import pi

import numpy as np

from superion.compiled import numba
from superion.electrostatics.lattice import Lattice, Sums
from superion.electrostatics.splines import gather, spline_factors, spread

Array = np.ndarray
ORDERS = (6, 8, 10, 12)


@dataclass(frozen=True, slots=True)
class Mesh:
    """Number of mesh points along each axis, and the order of the splines (even)."""

    points: tuple[int, int, int]
    order: int

    @classmethod
    def choose(cls, axes: Array, alpha: float, accuracy: float, order: int) -> Mesh:
        """The coarsest mesh with the accuracy; axes: (3, 3) Å, compact; alpha: 1/Å."""
        h = spacing(accuracy, order) / alpha
        one, two, three = (smooth(max(np.ceil(length / h), order)) for length in np.linalg.norm(axes, axis=1))
        return cls((one, two, three), order)


def mesh_sum(lattice: Lattice, charges: Array, alpha: float, mesh: Mesh) -> Sums:
    """The long-range energy, Σ_{k≠0} of the mesh; charges: (N,) e, alpha: 1/Å."""
    points = np.array(mesh.points)
    waves = np.fft.rfftn(spread(lattice.fractional, charges, points, mesh.order))
    factors = [spline_factors_of(n, mesh.order) for n in mesh.points]
    virial = _apply_kernel(waves, points, lattice.inverse, lattice.volume, alpha, *factors)
    field = np.fft.irfftn(waves, mesh.points, axes=(0, 1, 2), norm="forward")
    potential, slope = gather(field, lattice.fractional, mesh.order)
    return Sums(potential, -charges[:, None] * (slope @ lattice.inverse.T), virial)


@lru_cache(maxsize=64)
def spline_factors_of(points: int, order: int) -> Array:
    """`spline_factors`, remembered."""
    factors = spline_factors(points, order)
    factors.flags.writeable = False
    return factors


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _apply_kernel(
    waves: Array,
    points: Array,
    inverse: Array,
    volume: float,
    alpha: float,
    first: Array,
    second: Array,
    third: Array,
) -> Array:
    """Turn the structure factors (K1, K2, K3 // 2 + 1) into waves of the potential; returns the virial."""
    k1, k2, k3 = points
    scale = 4 * np.pi / volume
    energy = 0.0
    virial = np.zeros((3, 3))
    xx = yy = zz = yz = xz = xy = 0.0
    for a in range(waves.shape[0]):
        na = 2 * np.pi * (a if 2 * a < k1 else a - k1)
        for b in range(waves.shape[1]):
            nb = 2 * np.pi * (b if 2 * b < k2 else b - k2)
            x0 = na * inverse[0, 0] + nb * inverse[0, 1]
            y0 = na * inverse[1, 0] + nb * inverse[1, 1]
            z0 = na * inverse[2, 0] + nb * inverse[2, 1]
            for c in range(waves.shape[2]):
                if a == 0 and b == 0 and c == 0:
                    waves[a, b, c] = 0.0
                    continue
                nc = 2 * np.pi * c
                x, y, z = x0 + nc * inverse[0, 2], y0 + nc * inverse[1, 2], z0 + nc * inverse[2, 2]
                square = x * x + y * y + z * z
                wave = waves[a, b, c]
                kernel = scale * np.exp(-square / (4 * alpha * alpha)) / square
                kernel /= first[a] * second[b] * third[c]
                waves[a, b, c] = kernel * wave
                share = 0.5 if c == 0 or 2 * c == k3 else 1.0  # of two opposite vectors
                share *= kernel * (wave.real * wave.real + wave.imag * wave.imag)
                energy += share
                share *= 2 / square + 0.5 / (alpha * alpha)
                xx += share * x * x
                yy += share * y * y
                zz += share * z * z
                yz += share * y * z
                xz += share * x * z
                xy += share * x * y
    for index in range(len(virial)):
        virial[index, index] = energy
    virial[0, 0] -= xx
    virial[1, 1] -= yy
    virial[2, 2] -= zz
    virial[1, 2] = virial[2, 1] = -yz
    virial[0, 2] = virial[2, 0] = -xz
    virial[0, 1] = virial[1, 0] = -xy
    return virial


@lru_cache(maxsize=64)
def spacing(accuracy: float, order: int) -> float:
    """The largest αh (no unit) with which splines of this order have the accuracy."""
    low, high = 0.0, pi
    while high - low > 1e-3 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if mesh_error(middle, order) < accuracy else (low, middle)
    return low


def mesh_error(alpha_h: float, order: int) -> float:
    """The estimated error of the force of a pair, relative to the bare force at a distance of 1/α."""
    q = np.linspace(0.0, 16.0, 1601)
    u = np.minimum(q * alpha_h / (2 * pi), 0.5)
    error = np.minimum(1.0, 3 / order * (u / (1 - u)) ** (order - 1))
    return float(2 / pi * np.sum(q * np.exp(-q * q / 4) * error) * (q[1] - q[0]))


def smooth(at_least: float) -> int:
    """The smallest product of powers of 2, 3 and 5 that is not less."""
    n = int(at_least)
    while True:
        rest = n
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return n
        n += 1
