"""Coulomb sum over all pairs of a structure without periodic axes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from superion.electrostatics.densities import COULOMB, Density, Point, pair_penetration
from superion.electrostatics.images import OVERLAP, overlap


def direct_energy(
    positions: Tensor,
    charges: Tensor,
    *,
    densities: Sequence[Density] = (Point(),),
    kinds: Tensor | None = None,
) -> Tensor:
    """Coulomb energy (scalar, eV) of N charges in vacuum, Σ_pairs q_i q_j φ_ij; memory grows as N².

    positions: (N, 3) Å. charges: (N,) e. densities: the distinct densities; kinds: (N,) int64, which of them
    each atom has (default: the first). Differentiable. Raises InputError for atoms on top of each other.
    """
    i, j = torch.triu_indices(len(charges), len(charges), offset=1)
    separation = positions.T.index_select(1, j) - positions.T.index_select(1, i)
    r = torch.linalg.vector_norm(separation, dim=0)
    if len(r) and r.min().item() < OVERLAP:
        k = int(r.argmin())
        raise overlap(int(i[k]), int(j[k]), r[k].item())
    if kinds is None:
        kinds = torch.zeros(len(charges), dtype=torch.int64)
    kernel = 1.0 - pair_penetration(densities, kinds, i, j, r)
    return COULOMB * (charges[i] * charges[j] * kernel / r).sum()
