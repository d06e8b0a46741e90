"""Which sites of the crystal are empty and which atoms are beside sites, after a relaxation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.geometry import find_mic

from superion.neighbours import neighbour_pairs

Array = np.ndarray
BLOCK = 64


@dataclass(frozen=True, slots=True)
class Arrangement:
    """Empty sites, atoms beside sites, and atoms that now sit on the site of another.

    vacancies: indices of atoms of the crystal whose sites are empty. interstitials: indices of atoms of the
    defect structure. exchanged: atoms of the defect structure on sites that they did not come from.
    separation: Å from a vacancy to the nearest interstitial, None without one of both. moved: Å, the longest
    way of an atom from where it was put.
    """

    vacancies: tuple[int, ...]
    interstitials: tuple[int, ...]
    exchanged: tuple[int, ...]
    separation: float | None
    moved: float

    @property
    def perfect(self) -> bool:
        """Whether every site is filled once with its element: the arrangement of the crystal."""
        return not (self.vacancies or self.interstitials)


def arrangement(atoms: Atoms, crystal: Atoms, homes: Array, start: Array | None = None) -> Arrangement:
    """Assign every atom to the nearest site of the relaxed crystal, whatever periodic image.

    homes: (N,) the site each atom comes from, −1 for none. start: (N, 3) Å before the relaxation. A site
    belongs to the nearest atom of its element; atoms that own none are beside sites.
    """
    nearest, distance = _nearest(atoms, crystal, homes)
    owner = np.full(len(crystal), -1)
    for atom in np.argsort(-distance, kind="stable"):  # the nearest one last
        site = nearest[atom]
        if atoms.numbers[atom] == crystal.numbers[site]:
            owner[site] = atom
    empty = np.flatnonzero(owner < 0)
    beside = np.setdiff1d(np.arange(len(atoms)), owner)
    filled = np.flatnonzero(owner >= 0)
    exchanged = owner[filled][homes[owner[filled]] != filled]
    separation = None
    if len(empty) and len(beside):
        away = atoms.positions[beside][:, None] - crystal.positions[empty]
        separation = float(find_mic(away.reshape(-1, 3), atoms.cell, atoms.pbc)[1].min())
    moved = 0.0 if start is None else float(np.linalg.norm(atoms.positions - start, axis=1).max(initial=0.0))
    return Arrangement(
        tuple(empty.tolist()), tuple(beside.tolist()), tuple(np.sort(exchanged).tolist()), separation, moved
    )


def _nearest(atoms: Atoms, crystal: Atoms, homes: Array) -> tuple[Array, Array]:
    """(N,) nearest site of each atom and its distance in Å.

    An atom closer to its home than half the smallest distance of two sites needs no search.
    """
    away = find_mic(atoms.positions - crystal.positions[homes], atoms.cell, atoms.pbc)[1]
    nearest, distance = homes.copy(), away
    search = np.flatnonzero((homes < 0) | (away >= 0.5 * _smallest(crystal)))
    for first in range(0, len(search), BLOCK):
        block = search[first : first + BLOCK]
        vectors = crystal.positions[None] - atoms.positions[block][:, None]
        lengths = find_mic(vectors.reshape(-1, 3), atoms.cell, atoms.pbc)[1].reshape(len(block), -1)
        nearest[block], distance[block] = lengths.argmin(axis=1), lengths.min(axis=1)
    return nearest, distance


def _smallest(crystal: Atoms) -> float:
    """Å between the two sites that are closest."""
    reach = 2.0
    while True:
        pairs = neighbour_pairs(crystal, reach)
        if len(pairs.distance):
            return float(pairs.distance.min())
        reach *= 2
