"""Ordered structures of crystallographic files; what is disordered is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ase import Atoms

from superion.structures.cif_listing import read_listings
from superion.structures.disorder import crystal_of

DEUTERIUM_MASS = 2.01410178
"""u (CODATA and AME 2020)."""


def read_cif(data: bytes, file: Path) -> list[Atoms]:
    """The ordered structures of a CIF, one for each block with sites.

    Warnings and errors are those of `disorder.read_disordered`; InputError, too, for sites that are occupied
    in part or shared.
    """
    structures = []
    for listing in read_listings(data, file):
        crystal = crystal_of(listing, file, ordered=True)
        symbols = [next(iter(o.occupancy)) for o in crystal.orbits for _ in o.sites]
        atoms = crystal.atoms(symbols)
        heavy = {site.label for site in listing.sites if "D" in site.shares}
        if heavy:
            names = np.concatenate([[o.label] * len(o.sites) for o in crystal.orbits])
            masses = atoms.get_masses()
            masses[np.isin(names, list(heavy))] = DEUTERIUM_MASS
            atoms.set_masses(masses)
        structures.append(atoms)
    return structures
