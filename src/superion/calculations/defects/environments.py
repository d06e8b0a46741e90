"""Telling equivalent places in a crystal from distinct ones by what surrounds them.

Places are one point or two (both ends of a Frenkel pair). Their environments are described by how many atoms
of each element lie at which distances from both, as a smooth histogram: it changes neither when the crystal
is turned, moved or mirrored, nor in jumps when atoms move a little.
"""

from __future__ import annotations

import numpy as np
from ase import Atoms

Array = np.ndarray
REACH = 7.0
"""Å; atoms up to this distance from one of the points are looked at."""
WIDTH = 0.5
"""Å, of the smooth histogram, whose bins are 2 · WIDTH apart."""
SAME = 0.02
"""Largest difference of a bin (atoms) up to which environments are equal."""


class Environments:
    """Environments of points in the infinite crystal, up to `extent` Å from its cell."""

    def __init__(self, crystal: Atoms, extent: float) -> None:
        cell = crystal.cell.array
        heights = 1 / np.linalg.norm(np.linalg.inv(cell), axis=0)
        reach = np.ceil((extent + REACH) / heights).astype(int) + 1
        steps = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in reach), indexing="ij"), axis=-1)
        shifts = steps.reshape(-1, 3) @ cell
        self._points = (crystal.positions[:, None] + shifts).reshape(-1, 3)
        self._numbers = np.repeat(crystal.numbers, len(shifts))
        self._species = np.unique(crystal.numbers)

    def around(self, first: Array, second: Array | None = None) -> Array:
        """The histogram of the atoms around one point (3,) or two, flat."""
        a = np.linalg.norm(self._points - first, axis=1)
        b = a if second is None else np.linalg.norm(self._points - second, axis=1)
        near = np.minimum(a, b) < REACH
        a, b, numbers = a[near], b[near], self._numbers[near]
        weight = _fade(a) + _fade(b)
        bins = np.arange(0.0, 3 * REACH, 2 * WIDTH)
        left, right = (np.exp(-0.5 * ((d[:, None] - bins) / WIDTH) ** 2) for d in (a, b))
        return np.concatenate(
            [(left[numbers == z].T @ (weight[numbers == z, None] * right[numbers == z])).ravel()
             for z in self._species]
        )  # fmt: skip


def _fade(distance: Array) -> Array:
    """1 at zero, 0 from REACH on, smooth."""
    return np.where(distance < REACH, 0.5 * (1 + np.cos(np.pi * np.minimum(distance / REACH, 1))), 0.0)


class Distinct:
    """Remembers environments; tells whether one is new, or how often it was met."""

    def __init__(self) -> None:
        self._seen: list[Array] = []
        self.met: list[int] = []

    def add(self, found: Array) -> bool:
        """Whether this environment is new."""
        for k, known in enumerate(self._seen):
            if np.abs(known - found).max() < SAME:
                self.met[k] += 1
                return False
        self._seen.append(found)
        self.met.append(1)
        return True
