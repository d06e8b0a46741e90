"""The symmetry functions of one structure and the way back to forces: compiled loops where they can run."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from ase import Atoms
from torch import Tensor

from superion.compiled import MISSING
from superion.neighbours import Pairs, neighbour_pairs
from superion.potentials.neural.symmetry_functions import Neighbours, SymmetryFunctions
from superion.potentials.neural.symmetry_loops import cut_and_slope, symmetry_pull, symmetry_values

Array = np.ndarray


class Environment(Protocol):
    """elements: (N,) int64 index of the element of each atom."""

    elements: Array

    def values(self) -> Tensor:
        """(N, F) symmetry functions, on the device of the networks."""
        ...

    def pull(self, by_values: Tensor) -> tuple[Array, Array]:
        """Forces (N, 3) eV/Å and virial (3, 3) eV of an energy with the derivative (N, F) eV."""
        ...


def environment(atoms: Atoms, functions: SymmetryFunctions, device: torch.device) -> Environment:
    """Describe a structure; ModelError for an element that the functions do not know."""
    elements = functions.elements(atoms.numbers)
    pairs = neighbour_pairs(atoms, functions.cutoff)
    make = Kept if MISSING or device.type != "cpu" else Looped
    return make(elements, pairs, functions, device)


class Looped:
    """On the CPU; time and memory grow with the number of atoms, and nothing is kept by triangle."""

    def __init__(
        self, elements: Array, pairs: Pairs, functions: SymmetryFunctions, device: torch.device
    ) -> None:
        self.elements, self.pairs, self.functions = elements, pairs, functions
        self._ends = elements[pairs.j]
        self._cut, self._cut_slope = cut_and_slope(pairs.distance, functions.cutoff)

    def values(self) -> Tensor:
        """(N, F), see `Environment`."""
        pairs = self.pairs
        found = symmetry_values(
            pairs.start, self._ends, pairs.vector, pairs.distance, self._cut, *self.functions.numbers
        )
        return torch.from_numpy(found)

    def pull(self, by_values: Tensor) -> tuple[Array, Array]:
        """Forces and virial, see `Environment`."""
        pairs = self.pairs
        forces, virial = symmetry_pull(
            np.ascontiguousarray(by_values.numpy()),
            pairs.start,
            pairs.j,
            self._ends,
            pairs.vector,
            pairs.distance,
            self._cut,
            self._cut_slope,
            *self.functions.numbers,
        )
        return forces, 0.5 * (virial + virial.T)


class Kept:
    """By PyTorch on any device, with derivatives kept in memory."""

    def __init__(
        self, elements: Array, pairs: Pairs, functions: SymmetryFunctions, device: torch.device
    ) -> None:
        self.elements, self.functions = elements, functions
        self._neighbours = Neighbours.join([elements], [pairs], device)
        self._vectors = torch.tensor(pairs.vector, device=device)
        self._values, self._slopes = functions.with_derivatives(self._vectors, self._neighbours)

    def values(self) -> Tensor:
        """(N, F), see `Environment`."""
        return self._values

    def pull(self, by_values: Tensor) -> tuple[Array, Array]:
        """Forces and virial, see `Environment`."""
        gradient = self.functions.gradient(by_values, self._slopes, self._neighbours)
        forces = gradient.new_zeros(len(self.elements), 3)
        forces.index_add_(0, self._neighbours.i, gradient).index_add_(0, self._neighbours.j, -gradient)
        virial = -self._vectors.T @ gradient
        return forces.cpu().numpy(), (0.5 * (virial + virial.T)).cpu().numpy()
