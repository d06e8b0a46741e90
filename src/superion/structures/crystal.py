"""Crystals whose sites are occupied in part, as crystallographic files describe them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from ase import Atoms
from scipy.spatial import cKDTree

from superion.errors import InputError

Array = np.ndarray
FULL = 0.999
"""Occupancy from which on a site counts as full."""


@dataclass(frozen=True, slots=True)
class Orbit:
    """Symmetry-equivalent sites: their label, occupancy by element, and (M,) indices into the crystal."""

    label: str
    occupancy: dict[str, float]
    sites: Array

    @property
    def ordered(self) -> bool:
        """Whether one element fills every site."""
        return len(self.occupancy) == 1 and sum(self.occupancy.values()) >= FULL


@dataclass(frozen=True, slots=True)
class DisorderedCrystal:
    """S sites in a cell, divided into orbits, and the symmetry that maps the sites onto each other.

    cell: (3, 3) Å, rows are lattice vectors. fractional: (S, 3). rotations (G, 3, 3) and translations (G, 3)
    act on fractional coordinates, x → W x + w.
    """

    cell: Array
    fractional: Array
    orbits: tuple[Orbit, ...]
    rotations: Array
    translations: Array

    @property
    def positions(self) -> Array:
        """(S, 3) Å."""
        return np.asarray(self.fractional @ self.cell)

    def formula(self) -> dict[str, float]:
        """Mean number of atoms of each element in the cell."""
        amount: dict[str, float] = {}
        for orbit in self.orbits:
            for element, share in orbit.occupancy.items():
                amount[element] = amount.get(element, 0.0) + share * len(orbit.sites)
        return amount

    def repeat(self, supercell: tuple[int, int, int]) -> DisorderedCrystal:
        """The supercell, with the operations that keep it, all lattice translations among them."""
        n = np.array(supercell)
        steps = np.stack(np.meshgrid(*map(np.arange, supercell), indexing="ij"), axis=-1).reshape(-1, 3)
        count = len(self.fractional)
        first = count * np.arange(len(steps))[:, None]
        kept, moved = [], []
        for rotation, translation in zip(self.rotations, self.translations, strict=True):
            scaled = rotation * n[None, :] / n[:, None]
            if np.allclose(scaled, np.rint(scaled)):
                kept.append(np.broadcast_to(np.rint(scaled), (len(steps), 3, 3)))
                moved.append((translation + steps) / n)
        return replace(
            self,
            cell=self.cell * n[:, None],
            fractional=((self.fractional + steps[:, None]) / n).reshape(-1, 3),
            orbits=tuple(replace(o, sites=(o.sites + first).ravel()) for o in self.orbits),
            rotations=np.concatenate(kept),
            translations=np.concatenate(moved),
        )

    def permutations(self) -> Array:
        """(G, S) int32, distinct: operation g moves the content of site `[g, s]` to site s."""
        tree = cKDTree(wrapped(self.fractional), boxsize=1.0)
        found = np.empty((len(self.rotations), len(self.fractional)), dtype=np.int32)
        for g, (rotation, translation) in enumerate(zip(self.rotations, self.translations, strict=True)):
            _, image = tree.query(wrapped(self.fractional @ rotation.T + translation))
            found[g, image] = np.arange(len(image))
            if len(np.unique(image)) < len(image):
                raise InputError(
                    "a symmetry operation of the crystal maps two of its sites onto one.",
                    remedy="check the coordinates and the symmetry operations of the file.",
                )
        return np.unique(found, axis=0)

    def atoms(self, symbols: list[str]) -> Atoms:
        """Periodic structure with `symbols[s]` on site s; "" leaves it empty."""
        filled = [s for s, symbol in enumerate(symbols) if symbol]
        return Atoms([symbols[s] for s in filled], positions=self.positions[filled], cell=self.cell, pbc=True)


def wrapped(fractional: Array) -> Array:
    """Fractional coordinates from 0 up to, not including, 1."""
    inside = fractional % 1.0
    inside[inside > 1 - 1e-9] = 0.0
    return inside
