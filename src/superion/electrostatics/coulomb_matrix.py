"""The Coulomb interaction of every charge of a structure with every other, as one differentiable matrix.

Half of qᵀMq is the energy of `direct_energy` in vacuum and of `ewald_energy` in a cell with three periodic
axes, where the sum is split as there (Ewald, Ann. Phys. 369, 253, 1921). The reciprocal part is a Gram matrix
of plane waves, Σ_k w_k cos(k·(r_i − r_j)), so that it is one product of matrices.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import erfc, pi, sqrt

import torch
from torch import Tensor

from superion.electrostatics.densities import COULOMB, Density, Point, pair_penetration, reach
from superion.electrostatics.ewald import Splitting, _half_grid, _reduced_axes
from superion.electrostatics.images import OVERLAP, image_pairs, overlap

BLOCK = 1 << 12
"""Reciprocal vectors taken at once."""
CUTOFF = 0.8
"""Real-space cutoff of a matrix in units of the cube root of the volume; measured, and flat around it."""


def coulomb_matrix(
    positions: Tensor,
    cell: Tensor | None,
    densities: Sequence[Density],
    kinds: Tensor,
    accuracy: float = 1e-8,
) -> Tensor:
    """(N, N) symmetric matrix M in eV/e², such that charges q (e) have the Coulomb energy ½ qᵀMq.

    positions: (N, 3) Å, anywhere. cell: (3, 3) Å, rows are lattice vectors of three periodic axes; None:
    vacuum. densities: the distinct densities; kinds: (N,) int64, which of them each atom has. accuracy: of
    the Ewald sum, relative to a bare pair interaction. The interaction of an atom with itself is left out;
    the diagonal is that with its own images. In a cell, charges that do not add up to zero meet a uniform
    neutralising background. Twice differentiable in positions and cell; all tensors float64 on the CPU.
    Raises InputError for a flat cell and for atoms on top of each other.
    """
    if cell is None:
        return COULOMB * _in_vacuum(positions, densities, kinds)
    return COULOMB * _in_a_cell(positions, cell, densities, kinds, accuracy)


def _in_vacuum(positions: Tensor, densities: Sequence[Density], kinds: Tensor) -> Tensor:
    count = len(positions)
    i, j = torch.triu_indices(count, count, offset=1)
    separation = positions.T.index_select(1, j) - positions.T.index_select(1, i)
    r = torch.linalg.vector_norm(separation, dim=0)
    if len(r) and r.min().item() < OVERLAP:
        k = int(r.argmin())
        raise overlap(int(i[k]), int(j[k]), r[k].item())
    return _symmetric(i, j, (1.0 - pair_penetration(densities, kinds, i, j, r)) / r, count)


def _in_a_cell(
    positions: Tensor, cell: Tensor, densities: Sequence[Density], kinds: Tensor, accuracy: float
) -> Tensor:
    splitting = matrix_splitting(torch.linalg.det(cell).abs().item(), accuracy, reach(densities, accuracy))
    alpha, cutoff = splitting.alpha, splitting.cutoff
    pairs = image_pairs(positions, cell, cutoff)
    r = pairs.distances(positions, cell)
    kernel = torch.erfc(alpha * r) - erfc(alpha * cutoff)
    if any(density != Point() for density in densities):
        kernel = kernel - pair_penetration(densities, kinds, pairs.i, pairs.j, r, cutoff)
    matrix = _symmetric(pairs.i, pairs.j, kernel / r, len(positions))
    moments = positions.new_tensor([density.second_moment for density in densities])[kinds]
    return add_smooth_part(matrix, positions, cell, moments, splitting)


def matrix_splitting(volume: float, accuracy: float, reach: float) -> Splitting:
    """The splitting with which a matrix costs least: cutoffs of about the length of the cell.

    The smooth part of a matrix takes the number of reciprocal vectors times N², that of a sum only times N;
    both parts of a matrix then take as long as each other for any N. Arguments: see `Splitting.choose`.
    """
    plain = Splitting.choose(1, volume, accuracy)
    decay, cutoff = plain.alpha * plain.cutoff, max(reach, CUTOFF * volume ** (1 / 3))
    return Splitting(decay / cutoff, cutoff, 2 * decay**2 / cutoff)


def add_smooth_part(
    matrix: Tensor, positions: Tensor, cell: Tensor, moments: Tensor, splitting: Splitting
) -> Tensor:
    """(N, N) 1/Å with the sum over reciprocal vectors, minus self-interaction, and the background added.

    moments: (N,) Å², ⟨r²⟩ of each density.
    """
    alpha, volume = splitting.alpha, torch.linalg.det(cell).abs()
    transform, counts = _reduced_axes(cell.detach().numpy(), splitting.reciprocal_cutoff)
    inverse = torch.linalg.inv(torch.from_numpy(transform) @ cell)
    fractional = positions @ inverse
    fractional = (fractional - fractional.detach().floor()).T
    index, weight = _half_grid(*counts)
    k2 = torch.linalg.vecdot(index @ (inverse.T @ inverse), index) * (2 * pi) ** 2
    chosen = (weight > 0) & (k2.detach() <= splitting.reciprocal_cutoff**2)
    index, weight, k2 = index[chosen], weight[chosen], k2[chosen]
    root = torch.sqrt(4 * pi / volume * weight * torch.exp(-k2 / (4 * alpha**2)) / k2)
    for part, scale in zip(index.split(BLOCK), root.split(BLOCK), strict=True):
        angle = 2 * pi * part @ fractional
        for wave in (torch.cos(angle), torch.sin(angle)):
            wave = scale[:, None] * wave
            matrix = matrix.addmm(wave.T, wave)
    background = 2 * pi / 3 * (moments[:, None] + moments) - pi / alpha**2
    own = 2 * alpha / sqrt(pi) * torch.eye(len(positions), dtype=torch.float64)
    matrix = matrix - own + background / volume
    return 0.5 * (matrix + matrix.T)


def _symmetric(i: Tensor, j: Tensor, values: Tensor, count: int) -> Tensor:
    """(N, N) with the values (P,) of pairs added at (i, j) and at (j, i); twice each where i = j."""
    half = values.new_zeros(count * count).index_add(0, i * count + j, values).view(count, count)
    return half + half.T
