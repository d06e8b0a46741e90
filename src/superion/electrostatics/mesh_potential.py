"""The long-range part of an Ewald sum on a mesh, for many charges of the same structure.

As `mesh_sum`, but what depends on the structure alone is made once: spline weights of each atom and the
factor of each wave. An answer is then one spreading, two Fourier transforms, one gathering.
"""

from __future__ import annotations

import numpy as np
import torch

from superion.compiled import numba
from superion.electrostatics.lattice import Lattice
from superion.electrostatics.pme import Mesh, spline_factors_of
from superion.electrostatics.splines import place

Array = np.ndarray


class MeshPotential:
    """Potential (e/Å) of charges (e) whose waves k are multiplied by 4π/V exp(−k²/4α²)/(k² + κ²), k ≠ 0.

    κ: screening (1/Å).
    """

    def __init__(self, lattice: Lattice, alpha: float, mesh: Mesh, screening: float = 0.0) -> None:
        self.mesh = mesh
        self._corner, self._weights = _places(lattice.fractional, np.array(mesh.points), mesh.order)
        factors = [spline_factors_of(n, mesh.order) for n in mesh.points]
        self._kernel = torch.from_numpy(
            _kernel(np.array(mesh.points), lattice.inverse, lattice.volume, alpha, screening, *factors)
        )

    def times(self, charges: Array) -> Array:
        """(N,) e/Å."""
        points = np.array(self.mesh.points)
        density = _spread(self._corner, self._weights, charges, points)
        waves = torch.fft.rfftn(torch.from_numpy(density)) * self._kernel
        field = torch.fft.irfftn(waves, self.mesh.points, norm="forward")
        return _gather(self._corner, self._weights, field.numpy())


@numba.njit(cache=True, nogil=True)
def _places(fractional: Array, points: Array, order: int) -> tuple[Array, Array]:
    count = len(fractional)
    corners, weights = np.empty((count, 3), dtype=np.int64), np.empty((count, 3, order))
    slopes = np.empty((3, order))
    for i in range(count):
        place(fractional[i], points, corners[i], weights[i], slopes)
    return corners, weights


@numba.njit(cache=True, nogil=True)
def _spread(corners: Array, weights: Array, charges: Array, points: Array) -> Array:
    k1, k2, k3 = points
    order = weights.shape[2]
    mesh = np.zeros((k1, k2, k3 + order - 1))
    for i in range(len(charges)):
        for a in range(order):
            x = (corners[i, 0] + a) % k1
            first = charges[i] * weights[i, 0, a]
            for b in range(order):
                row = mesh[x, (corners[i, 1] + b) % k2]
                both = first * weights[i, 1, b]
                start = corners[i, 2]
                for c in range(order):
                    row[start + c] += both * weights[i, 2, c]
    for c in range(order - 1):
        mesh[:, :, c % k3] += mesh[:, :, k3 + c]
    return mesh[:, :, :k3].copy()


@numba.njit(cache=True, nogil=True, fastmath={"contract", "reassoc"})
def _gather(corners: Array, weights: Array, field: Array) -> Array:
    k1, k2, k3 = field.shape
    order = weights.shape[2]
    mesh = np.empty((k1, k2, k3 + order - 1))
    mesh[:, :, :k3] = field
    for c in range(order - 1):
        mesh[:, :, k3 + c] = mesh[:, :, c]
    value = np.zeros(len(corners))
    for i in range(len(corners)):
        total = 0.0
        start = corners[i, 2]
        for a in range(order):
            x = (corners[i, 0] + a) % k1
            for b in range(order):
                row = mesh[x, (corners[i, 1] + b) % k2]
                line = 0.0
                for c in range(order):
                    line += weights[i, 2, c] * row[start + c]
                total += weights[i, 0, a] * weights[i, 1, b] * line
        value[i] = total
    return value


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _kernel(
    points: Array,
    inverse: Array,
    volume: float,
    alpha: float,
    screening: float,
    first: Array,
    second: Array,
    third: Array,
) -> Array:
    """(K1, K2, K3 // 2 + 1) Å² factor of each wave; k = 0 has none."""
    k1, k2, k3 = points
    kernel = np.empty((k1, k2, k3 // 2 + 1))
    for a in range(k1):
        na = 2 * np.pi * (a if 2 * a < k1 else a - k1)
        for b in range(k2):
            nb = 2 * np.pi * (b if 2 * b < k2 else b - k2)
            for c in range(k3 // 2 + 1):
                nc = 2 * np.pi * c
                square = 0.0
                for axis in range(3):
                    k = na * inverse[axis, 0] + nb * inverse[axis, 1] + nc * inverse[axis, 2]
                    square += k * k
                damping = np.exp(-square / (4 * alpha * alpha))
                aliases = first[a] * second[b] * third[c]
                kernel[a, b, c] = (
                    4 * np.pi / volume * damping / (square + damping * screening * screening) / aliases
                )
    kernel[0, 0, 0] = 0.0
    return kernel
