"""Telling equivalent arrangements from distinct ones by the permutations of a symmetry group."""

from __future__ import annotations

import numpy as np

from superion.structures.sites import SiteModel

Array = np.ndarray


class Canonical:
    """Chooses one of all equivalent arrangements, the same one whichever of them it is given.

    Every image of an arrangement has a 64-bit sum of random numbers, one for each site and kind; the image
    with the smallest sum is chosen. Equal keys are equal structures; two keys for one would need a
    coincidence of 64 bits.
    """

    def __init__(self, model: SiteModel) -> None:
        self.free = model.free
        place = np.full(len(model.positions), -1, dtype=np.int32)
        place[self.free] = np.arange(len(self.free))
        moved = place[model.permutations[:, self.free]] if len(self.free) else np.zeros((1, 0), np.int32)
        self.images = np.unique(moved, axis=0)
        rng = np.random.default_rng(0)
        shape = (len(self.free), len(model.kinds))
        self.numbers = rng.integers(0, 2**64, shape, dtype=np.uint64)
        self._columns = np.arange(len(self.free))

    def sums(self, content: Array) -> Array:
        """(G,) uint64, one for each image of the kinds (F,) of the free sites."""
        return np.asarray(self.numbers[self._columns, content[self.images]].sum(axis=1, dtype=np.uint64))

    def key(self, arrangement: Array) -> bytes:
        """The chosen image of an arrangement (S,)."""
        content = arrangement[self.free]
        return content[self.images[self.sums(content).argmin()]].tobytes()

    def degeneracy(self, arrangement: Array) -> int:
        """How many distinct arrangements are equivalent to this one, itself included."""
        return len(np.unique(self.sums(arrangement[self.free])))
