"""Atoms closer than any bond: what no structure that is made here may have.

Two atoms are in contact closer than `SHORTEST` times the sum of their covalent radii (B. Cordero et al.,
Dalton Trans. 2832, 2008): Li–S 1.40 Å, Li–P 1.41 Å, P–S 1.27 Å, Li–O 1.16 Å, O–H 0.58 Å.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, covalent_radii
from ase.geometry import get_distances

from superion.errors import InputError
from superion.neighbours import neighbour_pairs

Array = np.ndarray
SHORTEST = 0.6
"""Of the sum of two covalent radii; the shortest bonds of solids under pressure are at 0.8."""
WORSE = 0.9
"""Of the shortest contact of a given structure, from which on one made from it is worse."""


@dataclass(frozen=True, slots=True)
class Contact:
    """Two atoms, their elements, Å, and the fraction of the sum of their covalent radii."""

    i: int
    j: int
    symbols: tuple[str, str]
    distance: float
    fraction: float

    def __str__(self) -> str:
        """`atoms 3 (Li) and 17 (P) are 0.007 Å apart`."""
        a, b = self.symbols
        limit = SHORTEST * self.distance / self.fraction
        return (
            f"atoms {self.i} ({a}) and {self.j} ({b}) are {self.distance:.3f} Å apart, closer than any bond "
            f"({limit:.2f} Å)"
        )


def contacts(atoms: Atoms, fraction: float = SHORTEST) -> list[Contact]:
    """Pairs closer than `fraction` of the sum of their radii, the worst first.

    Raises InputError for atoms on one point.
    """
    radii = covalent_radii[atoms.numbers]
    if not len(atoms) or fraction <= 0:
        return []
    pairs = neighbour_pairs(atoms, 2 * fraction * float(radii.max()))
    ratio = pairs.distance / (radii[pairs.i] + radii[pairs.j])
    chosen = np.flatnonzero((ratio < fraction) & (pairs.i <= pairs.j))
    return [
        Contact(
            int(pairs.i[k]),
            int(pairs.j[k]),
            (atoms.symbols[pairs.i[k]], atoms.symbols[pairs.j[k]]),
            float(pairs.distance[k]),
            float(ratio[k]),
        )
        for k in chosen[np.argsort(ratio[chosen], kind="stable")]
    ]


def limit_from(atoms: Atoms) -> float:
    """The fraction of radii that a structure made from this one keeps: `SHORTEST`, or less if it has less."""
    found = contacts(atoms)
    return WORSE * found[0].fraction if found else SHORTEST


def check_contacts(atoms: Atoms, what: str, remedy: str, limit: float = SHORTEST) -> None:
    """InputError that names the closest atoms if any are in contact; `limit` as `limit_from` gives it."""
    try:
        found = contacts(atoms, limit)
    except InputError as error:
        raise InputError(f"{what}: {error.problem}", remedy=remedy) from error
    if found:
        raise InputError(f"{what}: {found[0]}.", remedy=remedy)


def without_contacts(atoms: Atoms, symbol: str, sites: Array) -> Array:
    """Sites (M, 3) Å on which an atom of an element touches none of another element.

    Warns of sites that are left out. Raises InputError if none remain.
    """
    others = np.flatnonzero(np.asarray(atoms.symbols) != symbol)
    if not len(others) or not len(sites):
        return sites
    radii = covalent_radii[atoms.numbers[others]] + covalent_radii[atomic_numbers[symbol]]
    distances = get_distances(sites, atoms.positions[others], cell=atoms.cell, pbc=atoms.pbc)[1]
    close = distances < SHORTEST * radii
    if not close.any():
        return sites
    left = ~close.any(axis=1)
    site, atom = np.unravel_index((distances / radii).argmin(), close.shape)
    problem = (
        f"{len(sites) - left.sum()} of {len(sites)} sites are too close to atoms for {symbol}: "
        f"site {site} is {distances[site, atom]:.3f} Å from atom {others[atom]} "
        f"({atoms.symbols[others[atom]]})"
    )
    if not left.any():
        raise InputError(
            f"{problem}.",
            remedy="give sites that are far enough from all atoms that stay, e.g. those of "
            "interstitial_sites(..., min_distances={'P': 2.0}).",
        )
    warnings.warn(f"{problem}; they are left out.", stacklevel=3)
    return sites[left]
