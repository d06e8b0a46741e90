"""The long-range part of an Ewald sum over reciprocal vectors, with derivatives written by hand.

    (2π/V) Σ_{k≠0} exp(−k²/4α²)/k² |Σ_i q_i exp(i k·r_i)|²

exp(i k·r) is a product of one factor for each axis, so that the structure factors, the potential and the
forces are matrix products (cost of the order of N^1.5 for the best splitting). The virial is that of Nosé and
Klein, Mol. Phys. 50, 1055, 1983.
"""

from __future__ import annotations

from functools import lru_cache
from math import pi

import numpy as np

from superion.electrostatics.lattice import Lattice, Sums

Array = np.ndarray
BLOCK = 1 << 15
"""Phases (complex numbers) held at once: 0.5 MB, which stay in the cache."""


def reciprocal_sum(lattice: Lattice, charges: Array, alpha: float, reciprocal_cutoff: float) -> Sums:
    """The sum over the parallelepiped of vectors around the cutoff sphere (1/Å); alpha in 1/Å."""
    lengths = np.sqrt((lattice.axes**2).sum(axis=1))
    one, two, three = (int(reciprocal_cutoff * length / (2 * pi)) for length in lengths)
    index, weight = half_grid(one, two, three)
    k = 2 * pi * index @ lattice.inverse.T
    k2 = np.einsum("ka,ka->k", k, k)
    k2[weight == 0] = 1.0
    damping = 4 * pi / lattice.volume * weight * np.exp(-k2 / (4 * alpha**2)) / k2

    size = max(BLOCK // ((2 * two + 1) * (2 * three + 1)), 8)
    blocks = [slice(a, a + size) for a in range(0, len(charges), size)]
    factors = np.zeros((one + 1, len(damping) // (one + 1)), dtype=np.complex128)
    for block in blocks:
        first, _, _, plane = _block_phases(lattice.fractional[block], one, two, three)
        factors += (first * charges[block]) @ plane.T
    field = damping.reshape(factors.shape) * factors.conj()

    potential = np.empty(len(charges))
    slope = np.empty((len(charges), 3))
    for block in blocks:
        first, second, third, plane = _block_phases(lattice.fractional[block], one, two, three)
        felt = first * (field @ plane)
        potential[block] = felt.real.sum(axis=0)
        slope[block, 0] = np.arange(one + 1) @ felt.imag
        rest = (field.T @ first).reshape(2 * two + 1, 2 * three + 1, -1)
        rest *= third
        slope[block, 1] = np.arange(-two, two + 1) @ (rest.sum(axis=1) * second).imag
        rest *= second[:, None]
        slope[block, 2] = np.arange(-three, three + 1) @ rest.sum(axis=0).imag
    forces = 2 * pi * charges[:, None] * (slope @ lattice.inverse.T)

    energies = 0.5 * damping * (factors.real**2 + factors.imag**2).ravel()
    virial = energies.sum() * np.eye(3) - (k.T * (energies * (2 / k2 + 0.5 / alpha**2))) @ k
    return Sums(potential, forces, virial)


def _block_phases(fractional: Array, one: int, two: int, three: int) -> tuple[Array, Array, Array, Array]:
    """Phases of the three axes, (n, B) each, and the products of the last two, (n₂n₃, B)."""
    first = _phases(fractional[:, 0], one)
    second, third = (
        np.concatenate([half[:0:-1].conj(), half])
        for half in (_phases(fractional[:, 1], two), _phases(fractional[:, 2], three))
    )
    return first, second, third, (second[:, None] * third).reshape(-1, len(fractional))


def _phases(fractional: Array, count: int) -> Array:
    """exp(2πi n s) for n from 0 to count, (count + 1, B) complex."""
    return np.exp(2j * pi * np.arange(count + 1)[:, None] * fractional)


@lru_cache(maxsize=8)
def half_grid(one: int, two: int, three: int) -> tuple[Array, Array]:
    """Indices (K, 3) of half the reciprocal vectors and weights (K,): 2, 1 in the plane, 0 for k = 0."""
    axes = np.arange(one + 1.0), np.arange(-two, two + 1.0), np.arange(-three, three + 1.0)
    index = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    weight = np.where(index[:, 0] > 0, 2.0, 1.0)
    weight[(index == 0).all(axis=1)] = 0.0
    index.flags.writeable = weight.flags.writeable = False
    return index, weight
