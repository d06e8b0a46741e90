"""Centres with their ligands, such as the tetrahedra of PS4, by bonds alone, not by names of elements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols, covalent_radii

from superion.neighbours import neighbour_pairs

Array = np.ndarray
BONDED = 1.25
"""Times the sum of covalent radii (Cordero et al., Dalton Trans. 2832, 2008) up to which atoms are bonded."""
FEWEST = 3
"""Ligands from which on a polyhedron has an orientation."""


@dataclass(frozen=True, slots=True, eq=False)
class Polyhedron:
    """A centre and its n ligands. vectors: (n, 3) Å, from the centre to each ligand."""

    name: str
    centre: int
    ligands: tuple[int, ...]
    vectors: Array


def polyhedra(atoms: Atoms, leave_out: Sequence[str] = (), fewest: int = FEWEST) -> list[Polyhedron]:
    """All centres with at least `fewest` ligands; leave_out: elements without bonds, such as mobile ions.

    Bonds are those of different elements. A centre has more of them than its ligands have on average: P of
    PS4, not the S that two of them share.
    """
    radii = covalent_radii[atoms.numbers]
    pairs = neighbour_pairs(atoms, BONDED * 2 * float(radii.max(initial=0.1)))
    i, j = pairs.i, pairs.j
    free = np.isin(np.asarray(atoms.symbols), list(leave_out))
    bonded = (
        (pairs.distance < BONDED * (radii[i] + radii[j]))
        & (atoms.numbers[i] != atoms.numbers[j])
        & ~(free[i] | free[j])
    )
    i, j, vector = i[bonded], j[bonded], pairs.vector[bonded]
    degree = np.bincount(i, minlength=len(atoms))
    found = []
    for centre in np.flatnonzero(degree >= fewest).tolist():
        own = i == centre
        if degree[centre] <= degree[j[own]].mean():
            continue
        kinds, counts = np.unique(atoms.numbers[j[own]], return_counts=True)
        ligands = "".join(
            f"{chemical_symbols[z]}{n}" for z, n in zip(kinds.tolist(), counts.tolist(), strict=True)
        )
        name = f"{atoms.symbols[centre]}{ligands}"
        found.append(Polyhedron(name, centre, tuple(j[own].tolist()), vector[own].copy()))
    return found
