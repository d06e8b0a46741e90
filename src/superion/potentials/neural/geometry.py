"""What networks read of structures: symmetry functions, Coulomb matrices, and the way back to forces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from ase import Atoms
from torch import Tensor

from superion.electrostatics.charge_constraints import undivided_total
from superion.electrostatics.charged_cells import neutralise
from superion.electrostatics.densities import Gaussian
from superion.errors import InputError, naming
from superion.neighbours import neighbour_pairs
from superion.potentials.neural.electrostatic_geometry import Stack, stacks
from superion.potentials.neural.settings import NeuralSettings
from superion.potentials.neural.symmetry_functions import Neighbours, SymmetryFunctions

Array = np.ndarray


@dataclass(frozen=True, slots=True)
class Geometry:
    """B structures with N atoms in all.

    elements: (N,) index of the element of each atom. owner: (N,) the structure of each. neighbours, vectors:
    pairs and their vectors (P, 3) Å. values: (N, F) symmetry functions; slopes: (P, K, 3) their derivatives.
    stacks: Coulomb matrices, none for models without charges.
    """

    count: int
    functions: SymmetryFunctions
    elements: Tensor
    owner: Tensor
    neighbours: Neighbours
    vectors: Tensor
    values: Tensor
    slopes: Tensor
    stacks: tuple[Stack, ...]

    @classmethod
    def of(
        cls,
        structures: Sequence[Atoms],
        functions: SymmetryFunctions,
        settings: NeuralSettings,
        densities: Sequence[Gaussian],
        device: torch.device,
        *,
        training: bool,
    ) -> Geometry:
        """Describe structures; densities: one for each element, or none for models without charges.

        training: forces are asked for many times, virials are not (see electrostatic_geometry.py).
        """
        elements, pairs = [], []
        for k, atoms in enumerate(structures):
            with naming(atoms.info.get("source", k if len(structures) > 1 else None)):
                elements.append(functions.elements(atoms.numbers))
                pairs.append(neighbour_pairs(atoms, functions.cutoff))
        neighbours = Neighbours.join(elements, pairs, device)
        vectors = torch.tensor(np.concatenate([part.vector for part in pairs]), device=device)
        values, slopes = functions.with_derivatives(vectors, neighbours)
        sizes = torch.tensor([len(atoms) for atoms in structures])
        charged: list[Stack] = []
        if densities:
            totals = [total_charge(atoms, settings, k) for k, atoms in enumerate(structures)]
            charged = stacks(structures, totals, densities, elements, settings.accuracy, device, training)
        return cls(
            len(structures),
            functions,
            neighbours.elements,
            torch.repeat_interleave(sizes).to(device),
            neighbours,
            vectors,
            values,
            slopes,
            tuple(charged),
        )

    def forces(self, by_values: Tensor, by_matrices: Sequence[Tensor]) -> Tensor:
        """(N, 3) eV/Å of an energy with these derivatives; differentiable in them (`training` only)."""
        forces = self._local_forces(self._gradient(by_values))
        for stack, slope in zip(self.stacks, by_matrices, strict=True):
            forces = forces.index_add(0, stack.atoms.flatten(), stack.forces(slope).flatten(0, 1))
        return forces

    def pull(self, by_values: Tensor, by_matrices: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Forces (N, 3) eV/Å and symmetric virials (B, 3, 3) eV of an energy with constant derivatives."""
        gradient = self._gradient(by_values)
        forces = self._local_forces(gradient)
        virials = self.vectors.new_zeros(self.count, 3, 3)
        owner = self.owner[self.neighbours.i]
        virials.index_add_(0, owner, -self.vectors[:, :, None] * gradient[:, None, :])
        for stack, slope in zip(self.stacks, by_matrices, strict=True):
            flow, strain = stack.pull(slope)
            forces.index_add_(0, stack.atoms.flatten(), flow.flatten(0, 1).to(forces.device))
            virials.index_add_(0, stack.structures, strain.to(forces.device))
        return forces, 0.5 * (virials + virials.transpose(1, 2))

    def _gradient(self, by_values: Tensor) -> Tensor:
        """(P, 3) eV/Å, derivative by pair vectors."""
        return self.functions.gradient(by_values, self.slopes, self.neighbours)

    def _local_forces(self, gradient: Tensor) -> Tensor:
        forces = gradient.new_zeros(len(self.elements), 3)
        forces = forces.index_add(0, self.neighbours.i, gradient)
        return forces.index_add(0, self.neighbours.j, -gradient)


def total_charge(atoms: Atoms, settings: NeuralSettings, frame: int | None = None) -> float:
    """Total charge in e that a structure or the model states; InputError if none does, or for fragments."""
    where = atoms.info.get("source", frame)
    with naming(where):
        stated = undivided_total(atoms, settings.total_charge)
    if stated is None or not np.isfinite(stated):
        raise InputError(
            f"the total charge of the structure is not known (total_charge: {stated!r}).",
            frame=where,
            remedy="give --total-charge 0 (e), or write total_charge=0 into the file, atoms.info, or the "
            "settings of the model.",
        )
    if atoms.pbc.any():
        with naming(where):
            neutralise(stated, settings.background)
    if atoms.pbc.any() and not (settings.equilibrated or settings.conserve):
        raise InputError(
            "predicted charges of a periodic cell have to add up to its total charge.",
            frame=where,
            remedy="train with conserve: true.",
        )
    return stated
