"""A guard against the charge that classical equilibration moves between molecules that do not touch.

Equal electronegativity everywhere lets atoms far apart share charge as in a metal: parts of a cluster then
carry charges that are not whole, at any distance (Chen and Martínez, Chem. Phys. Lett. 438, 315, 2007).
"""

from __future__ import annotations

import warnings

import numpy as np
from ase import Atoms
from ase.data import covalent_radii

from superion.electrostatics.equilibration import Constraints
from superion.errors import InputError
from superion.neighbours import neighbour_pairs

Array = np.ndarray
BONDED = 1.3
"""Atoms closer than this times the sum of their covalent radii are bonded."""
WHOLE = 0.05
"""Charges (e) no further from a whole number count as whole."""


class ChargeTransferWarning(UserWarning):
    """Parts of a structure that are not bonded have exchanged charge."""


def bonded_parts(atoms: Atoms) -> Array:
    """(N,) int64, which connected part each atom belongs to, counted from 0."""
    if len(atoms) == 0:
        return np.zeros(0, dtype=np.int64)
    radii = covalent_radii[atoms.numbers]
    pairs = neighbour_pairs(atoms, 2 * BONDED * float(radii.max()))
    bonded = pairs.distance < BONDED * (radii[pairs.i] + radii[pairs.j])
    i, j = pairs.i[bonded], pairs.j[bonded]
    labels = np.arange(len(atoms))
    while True:  # each atom takes the smallest label around it, and then that of the atom it names
        before = labels.copy()
        np.minimum.at(labels, i, labels[j])
        labels = labels[labels]
        if np.array_equal(labels, before):
            return np.unique(labels, return_inverse=True)[1].reshape(-1)


def neutral_fragments(atoms: Atoms) -> Atoms:
    """A copy in which each bonded part is a fragment without charge, so that none flows between them.

    For neutral structures of several molecules, or of one that has come apart. The parts are those of this
    geometry: dynamics keeps them also where bonds break later. One part, and fragments that the structure
    states itself, stay as they are. Raises InputError for several parts with a total charge: whose it is
    only the user knows.
    """
    copy = atoms.copy()
    parts = bonded_parts(atoms)
    if "fragment" in atoms.arrays or not parts.any():
        return copy
    charge = float(atoms.info.get("total_charge", 0.0))
    if charge:
        raise InputError(
            f"{parts.max() + 1} parts of the structure are not bonded, and its total charge is "
            f"{charge:+g} e; which part carries it is not known.",
            remedy='give arrays["fragment"] and info["fragment_charges"].',
        )
    copy.arrays["fragment"] = parts
    copy.info["fragment_charges"] = [0.0] * int(parts.max() + 1)
    return copy


def warn_of_transfer(atoms: Atoms, charges: Array, constraints: Constraints) -> None:
    """Warn of parts of a cluster with charges (N,) e that are not whole, if nothing constrains them."""
    if atoms.pbc.any() or len(constraints.totals) != 1 or len(atoms) < 2:
        return
    parts = bonded_parts(atoms)
    sums = np.bincount(parts, weights=charges)
    broken = np.abs(sums - np.round(sums))
    if len(sums) > 1 and broken.max() > WHOLE:
        part = int(broken.argmax())
        first = int(np.flatnonzero(parts == part)[0])
        warnings.warn(
            f"{len(sums)} parts of the cluster that are not bonded exchange charge: the one with atom "
            f"{first} ({atoms.symbols[first]}) has {sums[part]:+.3f} e. Constrain the charge of each part by "
            'arrays["fragment"] and info["fragment_charges"] (neutral_fragments makes all zero), or say '
            "neutral_parts=True or warn=False.",
            ChargeTransferWarning,
            stacklevel=2,
        )
