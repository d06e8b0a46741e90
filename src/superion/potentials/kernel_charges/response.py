"""How the charges of one structure follow from electronegativities: linearly.

Minimising E(q) = χ·q + ½ q·A·q subject to B·q = Q gives q = q₀ − H·χ, where A holds the Coulomb interaction
and the hardnesses (Rappé & Goddard, J. Phys. Chem. 95, 3358 (1991)). Electronegativities that are sums of
kernels, χ = K·w, therefore make charges, and all that is linear in them, linear in the weights w (Staacke et
al., Mach. Learn.: Sci. Technol. 3, 015032 (2022)).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from ase import Atoms
from ase.data import atomic_numbers
from torch import Tensor

from superion.electrostatics.coulomb_matrix import coulomb_matrix
from superion.electrostatics.densities import COULOMB, Gaussian

Array = np.ndarray


@dataclass(frozen=True, slots=True)
class Elements:
    """Hardness without self-interaction (E,) eV/e² and Gaussian width (E,) Å of the elements `species`."""

    species: tuple[int, ...]
    hardness: Tensor
    width: Tensor

    @classmethod
    def of(cls, hardness: Mapping[str, float], width: Mapping[str, float]) -> Elements:
        """From values by element symbol."""
        species = tuple(sorted(atomic_numbers[symbol] for symbol in hardness))
        by_number = {atomic_numbers[symbol]: symbol for symbol in hardness}
        values = (torch.tensor([of[by_number[z]] for z in species]).double() for of in (hardness, width))
        return cls(species, *values)


class Response:
    """The charges of one structure as a function of electronegativities, hardnesses and widths.

    atoms: three periodic axes or none. constraints: (F, N) sums of charges that are fixed. totals: (F,) e,
    to what. accuracy: of periodic sums. The widths of a periodic structure are those of `elements` for good.
    """

    def __init__(
        self, atoms: Atoms, elements: Elements, constraints: Tensor, totals: Tensor, accuracy: float
    ) -> None:
        self.kinds = torch.tensor([elements.species.index(z) for z in atoms.numbers], dtype=torch.int64)
        self.constraints, self.totals = constraints, totals
        positions = torch.from_numpy(np.ascontiguousarray(atoms.positions, dtype=np.float64))
        self._periodic = bool(atoms.pbc.all())
        if self._periodic:
            densities = [Gaussian(sigma) for sigma in elements.width.tolist()]
            cell = torch.from_numpy(atoms.cell.array)
            self._table = coulomb_matrix(positions, cell, densities, self.kinds, accuracy)
        else:
            self._table = torch.cdist(positions, positions, compute_mode="donot_use_mm_for_euclid_dist")
            self._table.fill_diagonal_(1.0)

    def matrix(self, elements: Elements) -> Tensor:
        """A (N, N) in eV/e²: Coulomb interaction and, on the diagonal, hardness and self-interaction."""
        sigma = elements.width[self.kinds]
        own = elements.hardness[self.kinds] + COULOMB / (sigma * torch.pi**0.5)
        if self._periodic:
            return self._table + torch.diag(own)
        wide = torch.sqrt(2 * (sigma[:, None] ** 2 + sigma**2))
        matrix = COULOMB * torch.erf(self._table / wide) / self._table
        return matrix - torch.diag(torch.diag(matrix) - own)

    def solve(self, elements: Elements, observed: Tensor) -> tuple[Tensor, Tensor]:
        """O·H (R, N) and O·q₀ (R,) of observables O (R, N): what they are is O·q₀ − O·H·χ."""
        rows = torch.cat([observed, self.constraints])
        solved = torch.linalg.solve(self.matrix(elements), rows.T).T
        free, fixed = solved[: len(observed)], solved[len(observed) :]
        mixing = torch.linalg.solve(self.constraints @ fixed.T, (observed @ fixed.T).T).T
        return free - mixing @ fixed, mixing @ self.totals
