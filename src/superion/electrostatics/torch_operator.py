"""A Coulomb operator by automatic differentiation, for where no loops can be compiled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from superion.electrostatics.coulomb_matrix import coulomb_matrix
from superion.electrostatics.densities import Density
from superion.electrostatics.direct import direct_energy
from superion.electrostatics.ewald import ewald_energy
from superion.electrostatics.lattice import Sums

Array = np.ndarray


@dataclass(frozen=True)
class TorchOperator:
    """A `CoulombOperator` of three periodic axes, or of none where the cell is None; memory N²."""

    positions: Array
    cell: Array | None
    densities: tuple[Density, ...]
    kinds: Array
    accuracy: float

    @cached_property
    def _matrix(self) -> Array:
        where, kinds = torch.from_numpy(self.positions), torch.from_numpy(self.kinds)
        cell = None if self.cell is None else torch.from_numpy(self.cell)
        return coulomb_matrix(where, cell, self.densities, kinds, self.accuracy).numpy()

    def times(self, charges: Array) -> Array:
        """(N,) eV/e, the potential of charges (N,) e."""
        return self._matrix @ charges

    def matrix(self) -> Array:
        """(N, N) eV/e²."""
        return self._matrix

    def sums(self, charges: Array) -> Sums:
        """Potential, forces and virial of charges (N,) e."""
        x, q = (torch.tensor(array, requires_grad=True) for array in (self.positions, charges))
        kinds = torch.from_numpy(self.kinds)
        if self.cell is None:
            energy = direct_energy(x, q, densities=self.densities, kinds=kinds)
            slope, potential = (g.numpy() for g in torch.autograd.grad(energy, (x, q)))
            virial = -self.positions.T @ slope
        else:
            h = torch.tensor(self.cell, requires_grad=True)
            energy = ewald_energy(x, h, q, densities=self.densities, kinds=kinds, accuracy=self.accuracy)
            slope, strain, potential = (g.numpy() for g in torch.autograd.grad(energy, (x, h, q)))
            virial = -(self.positions.T @ slope + self.cell.T @ strain)
        return Sums(potential, -slope, 0.5 * (virial + virial.T))

    def repeated(self, sums: int) -> Callable[[Array], Array]:
        """The product with the matrix."""
        return self.times

    def preconditioner(self, hardness: Array) -> Callable[[Array], Array]:
        """Each atom for itself."""
        return lambda values: values / hardness
