"""From a disordered crystal to the sites that an arrangement is made on, with every decision reported.

What cannot be as the file says, but almost, is settled and reported: charges by which the crystal is neutral,
numbers that differ from the mean ones, sites that are closer than sites should be. What is far from it is
refused, with options that have been tried.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import floor

import numpy as np
from ase import Atoms

from superion.errors import InputError
from superion.neighbours import neighbour_pairs
from superion.structures.composition import Counts
from superion.structures.crystal import DisorderedCrystal
from superion.structures.feasibility import clashes, crowded, filling, no_arrangement
from superion.structures.settle import settle_numbers
from superion.structures.sites import MIN_DISTANCE, SiteModel, exclusions, site_model

NEAR = 1.7
"""Å; sites farther apart than this may be filled both where the occupancies of a file ask for it."""
CLOSEST = 1.0
"""Å; sites closer than this are never filled both, unless that is asked for."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Charges (e) by element, atoms on each orbit, the sites with their exclusions, and what to tell."""

    charges: dict[str, float]
    counts: list[Counts]
    model: SiteModel
    notes: tuple[str, ...]


def plan(
    crystal: DisorderedCrystal,
    *,
    charges: Mapping[str, float] | None = None,
    adjust: Sequence[str] = (),
    charged: bool = False,
    min_distance: float | None = None,
    between_orbits: bool = False,
) -> Plan:
    """Settle charges, numbers of atoms and exclusions.

    charges: e by element, before the usual ones. adjust: elements whose number follows from neutrality.
    charged: keep the numbers closest to the file whatever the charge. min_distance: Å, as in `site_model`;
    None takes 2 Å, and less, or exchange between orbits, where that cannot be. Raises InputError.
    """
    states, counts, notes = settle_numbers(crystal, charges=charges, adjust=adjust, charged=charged)
    model, more = _apart(crystal, counts, min_distance, between_orbits)
    return Plan(states, counts, model, (*notes, *([more] if more else [])))


def _apart(
    crystal: DisorderedCrystal, counts: Sequence[Counts], min_distance: float | None, between_orbits: bool
) -> tuple[SiteModel, str]:
    """Sites with exclusions that leave an arrangement, and what to tell of them."""
    wanted = MIN_DISTANCE if min_distance is None else min_distance
    model = site_model(crystal, counts, min_distance=wanted, between_orbits=between_orbits)
    if _possible(model):
        return model, ""
    merged = None
    if not between_orbits:
        merged = site_model(
            crystal, counts, min_distance=wanted, between_orbits=True, permutations=model.permutations
        )
        merged = merged if len(merged.groups) < len(model.groups) and _possible(merged) else None
    shorter = _shorter(crystal, model, wanted)
    closer = _closer_than(crystal, model, shorter) if shorter is not None else None
    worst = (crowded(model) or clashes(model))[0]
    problem = (
        f"sites {worst}, cannot be filled like that if sites closer than {wanted:g} Å exclude each other"
    )
    if min_distance is None and closer is not None and shorter is not None and shorter >= NEAR:
        return (
            closer,
            f"{problem}: those farther apart than {shorter:g} Å may be filled both (--min-distance)",
        )
    if min_distance is None and merged is not None:
        names = " and ".join(dict.fromkeys((worst.first, worst.second)))
        other = f"; --min-distance {shorter:g} keeps the numbers of each" if shorter else ""
        return merged, (
            f"{problem}: sites of the same elements ({names}) exchange atoms, so that only their sum is kept "
            f"(--between-orbits){other}"
        )
    if min_distance is None and closer is not None and shorter is not None and shorter >= CLOSEST:
        return (
            closer,
            f"{problem}: those farther apart than {shorter:g} Å may be filled both (--min-distance)",
        )
    options = ["--between-orbits, so that these orbits exchange atoms"] if merged is not None else []
    options += [f"--min-distance {shorter:g}"] if shorter is not None else []
    error = no_arrangement(model)
    remedy = f"give {' or '.join(options)}." if options else "check the occupancies of these sites."
    raise InputError(error.problem, remedy=remedy)


def _shorter(crystal: DisorderedCrystal, model: SiteModel, wanted: float) -> float | None:
    """The largest distance (Å, two decimals) below `wanted` that leaves an arrangement; None if none does."""
    partial = np.concatenate([[], *(o.sites for o in crystal.orbits if not o.ordered)]).astype(int)
    probe = Atoms(
        numbers=np.ones(len(partial)), positions=crystal.positions[partial], cell=crystal.cell, pbc=True
    )
    found = sorted({floor(100 * (d - 1e-4)) / 100 for d in neighbour_pairs(probe, wanted).distance.tolist()})
    low, high = 0, len(found)  # all below `low` leave an arrangement
    while low < high:
        middle = (low + high) // 2
        if _possible(_closer_than(crystal, model, found[middle])):
            low = middle + 1
        else:
            high = middle
    return found[low - 1] if low else None


def _possible(model: SiteModel) -> bool:
    return not crowded(model) and filling(model) is not None


def _closer_than(crystal: DisorderedCrystal, model: SiteModel, distance: float) -> SiteModel:
    """The sites with exclusions up to another distance (Å)."""
    partial = np.concatenate([[], *(o.sites for o in crystal.orbits if not o.ordered)]).astype(int)
    return replace(model, exclusions=exclusions(model.positions, model.cell, partial, distance))
