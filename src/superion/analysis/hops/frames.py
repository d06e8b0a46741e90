"""Paths in lattice coordinates, seen from the framework, a block of frames at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from superion.errors import InputError
from superion.simulation.trajectory import Trajectory

Array = np.ndarray
BLOCK = 500
"""Frames in memory at once."""


@dataclass(frozen=True)
class Frames:
    """A trajectory by blocks. mobile, fixed: (N,) bool, ions that hop and atoms that sites are fixed to."""

    trajectory: Trajectory
    mobile: Array
    fixed: Array

    def __post_init__(self) -> None:
        if not self.trajectory.pbc.all():
            raise InputError(
                f"sites need a cell that is periodic along all axes, found {self.trajectory.pbc.tolist()}.",
                file=self.trajectory.source or None,
                remedy="give a trajectory of a crystal or a glass.",
            )

    @cached_property
    def cell(self) -> Array:
        """(3, 3) Å, the mean cell."""
        return np.asarray(self.trajectory.cells.mean(axis=0))

    @cached_property
    def homes(self) -> Array:
        """(M, 3) mean lattice coordinates of the fixed atoms."""
        total, count = 0.0, 0
        for _, scaled in self.blocks(self.fixed):
            total = total + scaled.sum(axis=0)
            count += len(scaled)
        return np.asarray(total / count)

    @property
    def step(self) -> float:
        """Time from frame to frame, ps."""
        return self.trajectory.timestep / 1000

    def blocks(self, atoms: Array, size: int = BLOCK) -> Iterator[tuple[int, Array]]:
        """Number of the first frame of each block, and (B, M, 3) lattice coordinates of `atoms` (N,) bool.

        The framework as a whole does not move, and a cell that breathes moves no atom.
        """
        run = self.trajectory
        start = self._framework(0, 1)[0]
        for first in range(0, len(run), size):
            part = slice(first, min(first + size, len(run)))
            inverse = np.linalg.inv(run.cells[part])
            scaled = np.asarray(run.positions[part][:, atoms], dtype=np.float64) @ inverse
            yield first, scaled - (self._framework(part.start, part.stop) - start)[:, None]

    def drift(self, frames: Array) -> Array:
        """(K, 3) lattice coordinates by which the framework has moved since the first frame."""
        count = len(self.trajectory)
        parts = [self._framework(k, min(k + BLOCK, count)) for k in range(0, count, BLOCK)]
        every = np.concatenate(parts)
        return np.asarray(every[frames] - every[0])

    def _framework(self, start: int, stop: int) -> Array:
        """(B, 3) mean lattice coordinates of the fixed atoms; zero without any."""
        if not self.fixed.any():
            return np.zeros((stop - start, 3))
        run = self.trajectory
        inside = np.asarray(run.positions[start:stop][:, self.fixed], dtype=np.float64)
        return np.asarray((inside @ np.linalg.inv(run.cells[start:stop])).mean(axis=1))
