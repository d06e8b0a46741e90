"""Ewald sum of charges with any density in a cell with three periodic axes.

The Coulomb energy of point charges q_i at r_i (Ewald, Ann. Phys. 369, 253, 1921), in units of e²/(4πε₀) and
with conducting ("tin-foil") surroundings, as in de Leeuw, Perram and Smith, Proc. R. Soc. A 373, 27, 1980:

    E = Σ_pairs q_i q_j erfc(αr)/r + (2π/V) Σ_{k≠0} exp(−k²/4α²)/k² |Σ_i q_i exp(i k·r_i)|²
        − (α/√π) Σ_i q_i² − (π/2Vα²) Q²

The last term is the uniform background that neutralises a total charge Q. Spread-out densities change each
pair by −q_i q_j (1 − r φ_ij)/r, which is short-ranged, and the background by (2π/3V) Q Σ_i q_i ⟨r²⟩_i, so
that the mean potential of charges and background is zero. The interaction of an atom with itself is left
out, with its own periodic images it is not: atoms infinitely far apart have no energy.

Everything is torch in double precision and may be differentiated in positions, cell and charges, twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import erfc, log, pi, sqrt

import numpy as np
import torch
from torch import Tensor

from superion.electrostatics.densities import (
    COULOMB,
    Density,
    Point,
    checked_accuracy,
    pair_penetration,
    reach,
)
from superion.electrostatics.images import image_pairs
from superion.errors import InputError

Array = np.ndarray
RELATIVE_COST = 60.0
"""Measured cost of one real-space pair over that of one atom times one reciprocal vector."""


@dataclass(frozen=True, slots=True)
class Splitting:
    """Where the sum is split: alpha (1/Å), real-space cutoff (Å), reciprocal cutoff (1/Å)."""

    alpha: float
    cutoff: float
    reciprocal_cutoff: float

    @classmethod
    def choose(cls, atoms: int, volume: float, accuracy: float = 1e-8, reach: float = 0.0) -> Splitting:
        """The cheapest splitting that leaves out only terms below `accuracy`.

        The real and reciprocal cost are balanced (Perram, Petersen and de Leeuw, Mol. Phys. 65, 875,
        1988), with a real-space cutoff of at least `reach` (Å), the range of the density corrections,
        whose pairs have to be visited anyway. volume: Å³. accuracy: relative to a bare pair interaction.
        """
        checked_accuracy(accuracy)
        volume = _checked_volume(volume)
        decay = sqrt(-log(accuracy)) + 0.2
        balanced = decay / sqrt(pi) * (volume**2 / (RELATIVE_COST * max(atoms, 1))) ** (1 / 6)
        cutoff = max(balanced, reach)
        return cls(decay / cutoff, cutoff, 2 * decay**2 / cutoff)


def _checked_volume(volume: float) -> float:
    if not volume > 1e-6:
        raise InputError(
            f"the cell has a volume of {volume:.3g} Å³.", remedy="give three independent lattice vectors."
        )
    return volume


def ewald_energy(
    positions: Tensor,
    cell: Tensor,
    charges: Tensor,
    *,
    densities: Sequence[Density] = (Point(),),
    kinds: Tensor | None = None,
    accuracy: float = 1e-8,
    splitting: Splitting | None = None,
) -> Tensor:
    """Coulomb energy (scalar, eV) of N charges in a cell with three periodic axes.

    positions: (N, 3) Å, anywhere. cell: (3, 3) Å, rows are lattice vectors. charges: (N,) e; a total charge
    is neutralised by a uniform background. densities: the distinct densities; kinds: (N,) int64, which of
    them each atom has (default: the first). accuracy: as in `Splitting.choose`, which makes the splitting
    unless one is given. Differentiable; all tensors float64 on the CPU. Raises InputError for a flat cell
    and for atoms on top of each other.
    """
    volume = torch.linalg.det(cell).abs()
    size = _checked_volume(volume.item())
    if splitting is None:
        splitting = Splitting.choose(len(charges), size, accuracy, reach(densities, accuracy))
    if kinds is None:
        kinds = torch.zeros(len(charges), dtype=torch.int64)
    alpha = splitting.alpha
    pairs = image_pairs(positions, cell, splitting.cutoff)
    r = pairs.distances(positions, cell)
    kernel = torch.erfc(alpha * r) - erfc(alpha * splitting.cutoff)
    if any(density != Point() for density in densities):
        kernel = kernel - pair_penetration(densities, kinds, pairs.i, pairs.j, r, splitting.cutoff)
    product = charges.index_select(0, pairs.i) * charges.index_select(0, pairs.j)
    energy = (product * kernel / r).sum() + _reciprocal_energy(positions, cell, volume, charges, splitting)
    energy = energy - alpha / sqrt(pi) * charges.dot(charges)
    moments = charges.new_tensor([density.second_moment for density in densities])[kinds]
    total = charges.sum()
    background = 2 * pi / 3 * charges.dot(moments) - pi / (2 * alpha**2) * total
    return COULOMB * (energy + total * background / volume)


def _reciprocal_energy(
    positions: Tensor, cell: Tensor, volume: Tensor, charges: Tensor, splitting: Splitting
) -> Tensor:
    """Half of the reciprocal vectors (k and −k are equal), e²/Å.

    The phases are products of one factor for each axis, so that all structure factors are one matrix
    product. All vectors of the parallelepiped around the cutoff sphere are kept.
    """
    transform, counts = _reduced_axes(cell.detach().numpy(), splitting.reciprocal_cutoff)
    reduced = torch.from_numpy(transform) @ cell
    inverse = torch.linalg.inv(reduced)
    fractional = (positions @ inverse).T
    fractional = fractional - fractional.detach().floor()
    first, second, third = (
        _phases(s, n, half=axis == 0) for axis, (s, n) in enumerate(zip(fractional, counts, strict=True))
    )
    plane = (second[:, None, :] * third[None, :, :]).reshape(-1, len(charges))
    factors = ((first * charges) @ plane.T).flatten()
    index, weight = _half_grid(*counts)
    k2 = torch.linalg.vecdot(index @ (inverse.T @ inverse), index) * (2 * pi) ** 2
    k2 = torch.where(weight > 0, k2, 1.0)
    damping = weight * torch.exp(-k2 / (4 * splitting.alpha**2)) / k2
    intensity = factors.real**2 + factors.imag**2
    return 2 * pi / volume * damping.dot(intensity)


def _phases(fractional: Tensor, count: int, half: bool) -> Tensor:
    """exp(2πi n s) for n from 0 (half) or −count to count, (n, N) complex."""
    n = torch.arange(0 if half else -count, count + 1, dtype=fractional.dtype)
    angle = 2 * pi * n[:, None] * fractional
    return torch.complex(torch.cos(angle), torch.sin(angle))


@lru_cache(maxsize=8)
def _half_grid(first: int, second: int, third: int) -> tuple[Tensor, Tensor]:
    """Indices (K, 3) of half the reciprocal vectors and their weights (K,).

    Vectors with n₁ > 0 stand for two, those with n₁ = 0 are all there, and k = 0 has no weight.
    """
    axes = [torch.arange(-n, n + 1, dtype=torch.float64) for n in (first, second, third)]
    index = torch.cartesian_prod(axes[0][first:], axes[1], axes[2])
    weight = torch.where(index[:, 0] > 0, 2.0, 1.0).to(torch.float64)
    return index, torch.where((index == 0).all(dim=1), 0.0, weight)


def _reduced_axes(cell: Array, reciprocal_cutoff: float) -> tuple[Array, tuple[int, int, int]]:
    """A compact cell of the same lattice, and how many reciprocal vectors its axes need.

    Returns whole numbers T (3, 3) such that T @ cell has no axis that adding another would shorten, and the
    largest index along each axis of a reciprocal vector inside the cutoff (1/Å).
    """
    transform = np.eye(3)
    axes = cell.copy()
    changed = True
    while changed:
        changed = False
        for a in range(3):
            for b in range(3):
                if a == b:
                    continue
                steps = np.rint(axes[a] @ axes[b] / (axes[b] @ axes[b]) * (1 - 1e-9))
                if steps:
                    axes[a] -= steps * axes[b]
                    transform[a] -= steps * transform[b]
                    changed = True
    lengths = np.sqrt((axes**2).sum(axis=1))
    one, two, three = (int(reciprocal_cutoff * length / (2 * pi)) for length in lengths)
    return transform, (one, two, three)
