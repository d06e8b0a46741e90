"""The Coulomb interaction of every site of a periodic cell with every other, as one matrix."""

from __future__ import annotations

import numpy as np
import torch

from superion.electrostatics.coulomb_matrix import coulomb_matrix
from superion.electrostatics.densities import Density, Point
from superion.electrostatics.lattice import Lattice

Array = np.ndarray


def interaction_matrix(
    positions: Array, cell: Array, density: Density | None = None, accuracy: float = 1e-8
) -> Array:
    """(S, S) symmetric matrix M in eV/e², such that charges q (e) on the sites have the energy ½ qᵀ M q.

    positions: (S, 3) Å, S > 0. cell: (3, 3) Å, rows are lattice vectors. density: of every charge, points by
    default. accuracy and the rest: see `coulomb_matrix`. Raises InputError for flat cells and sites on top of
    each other.
    """
    lattice = Lattice.of(positions, cell)
    where, axes = torch.from_numpy(lattice.positions), torch.from_numpy(lattice.axes)
    kinds = torch.zeros(len(positions), dtype=torch.int64)
    return coulomb_matrix(where, axes, (density or Point(),), kinds, accuracy).numpy()
