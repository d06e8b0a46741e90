"""A structure to judge a model with, where none is given: its elements on a distorted lattice."""

from __future__ import annotations

from itertools import product

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, covalent_radii

from superion.conformance.subject import Subject
from superion.errors import InputError, SuperionError

Array = np.ndarray
SPACING = 1.15
"""Distance of neighbours, in sums of covalent radii of the two largest atoms."""
MOST = 8
"""Atoms of one element that are tried for a neutral composition."""
ATOMS = 48
TILT = np.array([[1.0, 0.06, -0.04], [0.0, 1.05, 0.08], [0.0, 0.0, 0.96]])
"""A cell with no right angle."""


def made_up(subject: Subject, rng: np.random.Generator) -> tuple[Atoms, str]:
    """A crystal of the elements of a model at random places of a distorted lattice, and how it was made.

    Neutral where atoms of the model have fixed charges that some composition balances. Raises InputError if
    the model does not say what elements it knows.
    """
    species = subject.potential.species if subject.potential is not None else []
    if not species:
        raise InputError(
            "the model does not say which elements it is for, so that no structure can be made up.",
            remedy="name a file with one: superion check MODEL STRUCTURE.",
        )
    counts = _composition(subject, species)
    per = sum(counts)
    copies = max(1, round(ATOMS / per))
    symbols = rng.permutation([s for s, n in zip(species, counts, strict=True) for _ in range(n * copies)])
    side = int(np.ceil(len(symbols) ** (1 / 3)))
    sites = np.array(list(product(range(side), repeat=3)))[: side**3]
    # whole layers where there are few: the fewest layers that hold all atoms
    layers = int(np.ceil(len(symbols) / side**2))
    sites = sites[sites[:, 0] < layers]
    sites = sites[np.sort(rng.permutation(len(sites))[: len(symbols)])]
    step = SPACING * 2 * max(covalent_radii[atomic_numbers[s]] for s in species)
    cell = step * np.diag([layers, side, side]) @ TILT
    atoms = Atoms(
        symbols.tolist(), scaled_positions=(sites + 0.3) / [layers, side, side], cell=cell, pbc=True
    )
    if subject.potential is not None and _has_charges(subject):
        atoms.info["total_charge"] = 0.0
    return atoms, "made up: its elements at random on a tilted lattice"


def _has_charges(subject: Subject) -> bool:
    assert subject.potential is not None
    try:
        return subject.potential.charge_model is not None
    except SuperionError:
        return True


def _composition(subject: Subject, species: list[str]) -> list[int]:
    """Numbers of atoms of each element: neutral, with the fewest of them; else as many of each."""
    assert subject.potential is not None
    equal = [1] * len(species)
    try:
        model = subject.potential.charge_model
        if model is None or not hasattr(model, "values"):
            return equal
        charges = np.array([model.values[s] for s in species])
    except (SuperionError, KeyError, TypeError):
        return equal
    options = [n for n in product(range(1, MOST + 1), repeat=len(species)) if abs(np.dot(n, charges)) < 1e-6]
    return list(min(options, key=sum, default=tuple(equal)))
