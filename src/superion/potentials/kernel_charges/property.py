"""A number for each atom that its environment determines: a sum of kernels, plus a constant per element."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from ase import Atoms

from superion.batch import Batch
from superion.electrostatics.properties import ElementValues, Vjp, part_of, prefixed
from superion.errors import ModelError
from superion.potentials.many_body.soap import SoapBlock
from superion.terms import Sums

Array = np.ndarray


class KernelProperty:
    """value_i = offset(element of i) + Σ_s w_s k(environment of i, s), over the blocks' sparse points s.

    The unit is that of the property: V for an electronegativity, eV/e² for a hardness, e for a charge. A
    block's `delta` then is the prior standard deviation of the property in that unit.
    """

    kind: ClassVar[str] = "kernel"

    def __init__(
        self,
        blocks: Sequence[SoapBlock],
        weights: Array,
        offsets: Mapping[str, float],
        name: str = "property",
    ) -> None:
        """blocks: SOAP kernels, for example of several ranges. weights: (M,) over all blocks in order.

        offsets: by element symbol; name: of the property, for messages. Raises ModelError if the weights do
        not fit the blocks.
        """
        self.blocks = tuple(blocks)
        self.weights = np.array(weights, dtype=np.float64)
        self.offsets = ElementValues(offsets, name)
        size = sum(block.size for block in self.blocks)
        if not self.blocks or self.weights.shape != (size,):
            raise ModelError(
                f"{len(self.blocks)} blocks with {size} sparse points need as many weights, "
                f"found {self.weights.shape}."
            )

    @property
    def cutoff(self) -> float:
        """How far an atom sees, in Å."""
        return max(block.cutoff for block in self.blocks)

    def values(self, atoms: Atoms) -> Array:
        """(N,); ModelError for an element that the model does not know."""
        values = self.offsets.values(atoms)
        batch = Batch([atoms], self.cutoff)
        for block, weights in self._parts():
            values += block.values(batch, weights)
        return values

    def vjp(self, atoms: Atoms, slope: Array) -> Vjp:
        """Forces (N, 3) and virial (3, 3) of Σ_i slope_i value_i at constant slope (N,)."""
        batch, sums = Batch([atoms], self.cutoff), Sums.zero(len(atoms), 1)
        for block, weights in self._parts():
            block.evaluate(batch, weights, sums, np.asarray(slope, dtype=np.float64))
        return sums.forces, sums.virials[0]

    def settings(self) -> dict[str, Any]:
        """Blocks and offsets, as JSON-ready values."""
        return {
            "kind": self.kind,
            "name": self.offsets.name,
            "offsets": dict(self.offsets.of),
            "blocks": [block.settings() for block in self.blocks],
        }

    def arrays(self) -> dict[str, Array]:
        """Weights and sparse points."""
        arrays = {"weights": self.weights}
        for k, block in enumerate(self.blocks):
            arrays |= prefixed(f"block_{k}", block.arrays())
        return arrays

    @classmethod
    def restore(cls, settings: dict[str, Any], arrays: dict[str, Array]) -> Self:
        """Rebuild from what `settings` and `arrays` returned."""
        blocks = [
            SoapBlock.restore(own, part_of(f"block_{k}", arrays)) for k, own in enumerate(settings["blocks"])
        ]
        return cls(blocks, arrays["weights"], settings["offsets"], settings["name"])

    def _parts(self) -> list[tuple[SoapBlock, Array]]:
        ends = np.cumsum([block.size for block in self.blocks])[:-1]
        return list(zip(self.blocks, np.split(self.weights, ends), strict=True))
