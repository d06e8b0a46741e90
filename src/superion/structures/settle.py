"""Charges and whole numbers of atoms for a disordered crystal, settled where the file is almost neutral."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from superion.errors import InputError
from superion.structures.composition import Counts, amounts, impossible, round_composition
from superion.structures.crystal import DisorderedCrystal
from superion.structures.oxidation import mixed_valence, neutral_states

ADJUSTED = 0.1
"""Change of the number of an element that is made and reported, of that number."""
CHARGED = 0.02
"""Charge of a cell that is kept and reported, of the charge of its cations."""
COPIES = 12
"""Cells in a row that are tried for whole numbers that are neutral."""

States = dict[str, float]


def settle_numbers(
    crystal: DisorderedCrystal,
    *,
    charges: Mapping[str, float] | None = None,
    adjust: Sequence[str] = (),
    charged: bool = False,
) -> tuple[States, list[Counts], list[str]]:
    """Charges (e) by element, atoms on each orbit, and what to tell.

    In this order: neutral numbers with the least change; the number of one element changed by a tenth at
    most; a mean valence of a transition metal; a charge that is small, or that of an ordered crystal.
    charges, adjust, charged: see `plan`. Raises InputError, which names the options, for what is farther from
    neutral.
    """
    states, note = neutral_states(crystal.formula(), charges)
    notes = [note] if note else []
    if not charged:
        try:
            counts = round_composition(crystal, states, adjust=adjust)
            return states, counts, notes + _rounded(crystal, counts)
        except InputError:
            if adjust:
                raise
    closest = round_composition(crystal, states, neutral=False)
    charge = _charge(states, closest)
    kept = f"the cell has {charge:+g} e: a uniform background neutralises it, and energies are only a ranking"
    if charged:
        return states, closest, notes + ([kept] if abs(charge) > 1e-6 else []) + _rounded(crystal, closest)
    changes = _changes(crystal, states)
    before = crystal.formula()
    for symbol, counts in changes.items():
        number = amounts(counts)[symbol]
        if abs(number - before[symbol]) <= ADJUSTED * before[symbol]:
            note = f"{symbol} {before[symbol]:.5g} becomes {number:g}, so that the cell is neutral"
            return states, counts, [*notes, f"{note}; --charged keeps the numbers of the file"]
    cations = sum(max(states[s], 0.0) * n for s, n in before.items())
    mixed = mixed_valence(amounts(closest), states, charges)
    if mixed is not None and abs(_charge(states, [before])) > CHARGED * cations:
        return mixed[0], closest, [mixed[1], *_rounded(crystal, closest)]
    ordered = all(orbit.ordered for orbit in crystal.orbits)
    if ordered or abs(charge) <= CHARGED * cations:
        return states, closest, [*notes, kept, *_rounded(crystal, closest)]
    options = [f"--adjust {s} ({before[s]:.5g} -> {amounts(c)[s]:g})" for s, c in changes.items()]
    copies = _copies(crystal, states)
    raise impossible(
        crystal,
        states,
        "give other charges (--charges), "
        + (f"a supercell of {copies} cells (--supercell), " if copies else "")
        + (f"let a number follow from neutrality: {' or '.join(options)}, " if options else "")
        + "or keep the charge with --charged.",
    )


def _changes(crystal: DisorderedCrystal, states: States) -> dict[str, list[Counts]]:
    """Neutral numbers by the element of partially occupied sites that is changed, monovalent ones first."""
    before = crystal.formula()
    partial = {s for orbit in crystal.orbits if not orbit.ordered for s in orbit.occupancy}
    found = {}
    for symbol in sorted(partial, key=lambda s: (abs(states[s] - 1), -before[s], s)):
        try:
            found[symbol] = round_composition(crystal, states, adjust=[symbol])
        except InputError:
            continue
    return found


def _copies(crystal: DisorderedCrystal, states: States) -> int | None:
    """How many cells have neutral whole numbers close to the mean ones; None if not a few have."""
    for copies in range(2, COPIES + 1):
        orbits = tuple(replace(o, sites=np.arange(copies * len(o.sites))) for o in crystal.orbits)
        try:
            round_composition(replace(crystal, orbits=orbits), states)
        except InputError:
            continue
        return copies
    return None


def _charge(states: States, counts: Sequence[Mapping[str, float]]) -> float:
    return sum(states[s] * n for one in counts for s, n in one.items())


def _rounded(crystal: DisorderedCrystal, counts: Sequence[Counts]) -> list[str]:
    """What to tell of elements whose number is far from that of the file, for want of atoms."""
    before, after = crystal.formula(), amounts(counts)
    far = [s for s, n in before.items() if ADJUSTED * n < abs(after[s] - n) < 1]
    if not far:
        return []
    changes = ", ".join(f"{s} {before[s]:.4g} -> {after[s]:g}" for s in far)
    note = f"in so small a cell whole numbers are far from the mean ones ({changes})"
    return [f"{note}: a --supercell is closer"]
