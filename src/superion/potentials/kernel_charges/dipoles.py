"""Dipoles of atoms, beside their charges: what dipole moments are made of, but no energy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
from ase import Atoms

from superion.electrostatics.properties import part_of, prefixed
from superion.errors import ModelError
from superion.potentials.kernel_charges.vector import VectorBlock
from superion.terms import Evaluation

Array = np.ndarray


class AtomicDipoles:
    """A term without energy: it adds Σ_i p_i to the dipole, with p_i a sum of vector kernels.

    Veit, Wilkins, Yang, DiStasio, Ceriotti, J. Chem. Phys. 153, 024113 (2020). The dipoles are
    observed only: they do not interact, and the derivatives of other terms do not know of them.
    """

    kind: ClassVar[str] = "atomic-dipoles"
    electrostatic: ClassVar[bool] = True
    feels_field: ClassVar[bool] = False

    def __init__(self, blocks: Sequence[VectorBlock], weights: Array) -> None:
        """weights: (M,) over all blocks in order; ModelError if they do not fit."""
        self.blocks = tuple(blocks)
        self.weights = np.array(weights, dtype=np.float64)
        size = sum(block.size for block in self.blocks)
        if not self.blocks or self.weights.shape != (size,):
            raise ModelError(
                f"{len(self.blocks)} blocks with {size} functions need as many weights, "
                f"found {self.weights.shape}."
            )
        ends = np.cumsum([block.size for block in self.blocks])[:-1]
        parts = zip(self.blocks, np.split(self.weights, ends), strict=True)
        self._contracted = [block.contracted(weights) for block, weights in parts]

    def dipoles(self, atoms: Atoms) -> Array:
        """(N, 3) e·Å; ModelError for an element that the model does not know."""
        parts = zip(self.blocks, self._contracted, strict=True)
        return np.sum([block.values(atoms, own) for block, own in parts], axis=0)

    def evaluate(self, atoms: Atoms) -> Evaluation:
        """Nothing but a dipole."""
        return replace(Evaluation.zero(len(atoms)), dipole=self.dipoles(atoms).sum(axis=0))

    def settings(self) -> dict[str, Any]:
        """The blocks, as JSON-ready values."""
        return {"blocks": [block.settings() for block in self.blocks]}

    def arrays(self) -> dict[str, Array]:
        """Weights and sparse environments."""
        arrays = {"weights": self.weights}
        for k, block in enumerate(self.blocks):
            arrays |= prefixed(f"block_{k}", block.arrays())
        return arrays

    @classmethod
    def restore(cls, settings: dict[str, Any], arrays: dict[str, Array]) -> Self:
        """Rebuild from what `settings` and `arrays` returned."""
        blocks = [
            VectorBlock.restore(own, part_of(f"block_{k}", arrays))
            for k, own in enumerate(settings["blocks"])
        ]
        return cls(blocks, arrays["weights"])
