"""Pairs of atoms and periodic images as integer shifts, so that pair vectors stay differentiable."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import vesin
from torch import Tensor

from superion.errors import InputError

OVERLAP = 1e-3
"""Distance (Å) below which two atoms are taken for one that was entered twice."""


@dataclass(frozen=True, slots=True)
class ImagePairs:
    """Undirected pairs: atom i in its place and atom j displaced by `shift` lattice vectors.

    i, j: (P,) int64. shift: (3, P) float64 of whole numbers. An atom and its own image appear once for
    each pair of opposite images.
    """

    i: Tensor
    j: Tensor
    shift: Tensor

    def distances(self, positions: Tensor, cell: Tensor) -> Tensor:
        """(P,) Å, differentiable in positions (N, 3) Å and cell (3, 3) Å, rows are lattice vectors."""
        rows = positions.T
        size = (3, len(self.i))
        separation = rows.gather(1, self.j.expand(size)) - rows.gather(1, self.i.expand(size))
        x, y, z = separation + cell.T @ self.shift
        return torch.sqrt(x * x + y * y + z * z)


def image_pairs(positions: Tensor, cell: Tensor, cutoff: float) -> ImagePairs:
    """All pairs of a cell with three periodic axes closer than `cutoff` (Å).

    Raises InputError for atoms on top of each other.
    """
    calculator = vesin.NeighborList(cutoff=float(cutoff), full_list=False, sorted=False)
    i, j, shift, distance = calculator.compute(
        points=np.ascontiguousarray(positions.detach().numpy()),
        box=np.ascontiguousarray(cell.detach().numpy()),
        periodic=True,
        quantities="ijSd",
    )
    if len(distance) and distance.min() < OVERLAP:
        k = int(distance.argmin())
        raise overlap(int(i[k]), int(j[k]), float(distance[k]))
    return ImagePairs(
        torch.from_numpy(i.astype(np.int64)),
        torch.from_numpy(j.astype(np.int64)),
        torch.from_numpy(np.ascontiguousarray(shift.T, dtype=np.float64)),
    )


def overlap(i: int, j: int, distance: float) -> InputError:
    """The error that two atoms are on top of each other."""
    return InputError(
        f"atoms {i} and {j} are {distance:.2e} Å apart: they overlap.",
        remedy="remove one of them, or check the cell and the units of the positions.",
    )
