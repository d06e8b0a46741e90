"""What networks read of structures: symmetry functions, Coulomb matrices, and the way back to forces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from ase import Atoms
from torch import Tensor

from superion.electrostatics.charge_constraints import (
    check_periodic_total,
    constraints_of,
    undivided_total,
)
from superion.electrostatics.densities import Gaussian
from superion.electrostatics.equilibration import Constraints
from superion.errors import InputError, naming
from superion.neighbours import neighbour_pairs
from superion.potentials.neural.electrostatic_geometry import Stack, stacks
from superion.potentials.neural.settings import NeuralSettings
from superion.potentials.neural.symmetry_functions import Neighbours, SymmetryFunctions
from superion.structures.bare import FRAGMENT_CHARGES

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
    ) -> Geometry:
        """Describe structures for training; densities: one for each element, or none without charges."""
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
            kept = [constraints_of_frame(atoms, settings, k) for k, atoms in enumerate(structures)]
            charged = stacks(structures, kept, densities, elements, settings.accuracy, device)
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
        """(N, 3) eV/Å of an energy with these derivatives; differentiable in them."""
        gradient = self.functions.gradient(by_values, self.slopes, self.neighbours)
        forces = gradient.new_zeros(len(self.elements), 3)
        forces = forces.index_add(0, self.neighbours.i, gradient).index_add(0, self.neighbours.j, -gradient)
        for stack, slope in zip(self.stacks, by_matrices, strict=True):
            forces = forces.index_add(0, stack.atoms.flatten(), stack.forces(slope).flatten(0, 1))
        return forces


def _labels_say(atoms: Atoms) -> str:
    """What labels of charges add up to, which may miss the total charge; empty without any."""
    labels = atoms.arrays.get("REF_charges")
    if labels is None or not np.isfinite(labels).all():
        return ""
    return f" Its labels of charges add up to {float(np.sum(labels)):+.4g} e."


def constraints_of_frame(atoms: Atoms, settings: NeuralSettings, frame: int | None = None) -> Constraints:
    """Fragments and their charges, or all atoms and the total charge that structure or model state.

    InputError if nobody states it, if the cell may not have it, and for what charges that do not add up to
    anything cannot keep. frame: its number, for messages.
    """
    where = atoms.info.get("source", frame)
    added_up = settings.equilibrated or settings.conserve
    with naming(where):
        if FRAGMENT_CHARGES in atoms.info and added_up:
            return constraints_of(atoms, settings.total_charge, settings.background)
        stated = undivided_total(atoms, settings.total_charge)
    if stated is None or not np.isfinite(stated):
        raise InputError(
            f"the total charge of the structure is not known (total_charge: {stated!r})."
            + _labels_say(atoms),
            frame=where,
            remedy="give --total-charge 0 (e), or write total_charge=0 into the file, atoms.info, or the "
            "settings of the model.",
        )
    with naming(where):
        check_periodic_total(atoms, stated, settings.background)
    if atoms.pbc.any() and not added_up:
        raise InputError(
            "predicted charges of a periodic cell have to add up to its total charge.",
            frame=where,
            remedy="train with conserve: true.",
        )
    return Constraints.total(len(atoms), stated)
