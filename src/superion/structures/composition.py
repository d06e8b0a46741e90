"""Whole numbers of atoms for partially occupied sites, such that the cell is neutral."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from math import ceil, floor

from ase.data import atomic_numbers

from superion.errors import InputError
from superion.structures.crystal import FULL, DisorderedCrystal, Orbit

TOLERANCE = 0.02
"""Change of an occupancy that goes unasked: a usual uncertainty of a refined one."""
NEUTRAL = 1e-6
"""e; charges are counted in these."""
NOBLE = (0, 2, 10, 18, 36, 54, 86)
WIDEST = 200_000
"""Ways to fill one orbit that are tried at most."""

Counts = dict[str, int]


def amounts(parts: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Sums by element."""
    total: dict[str, float] = {}
    for part in parts:
        for symbol, number in part.items():
            total[symbol] = total.get(symbol, 0.0) + number
    return total


def electropositive(elements: Iterable[str]) -> str:
    """The element that stands earliest in its period, of several the heaviest: where charge is positive."""
    return min(elements, key=_place)


def _place(symbol: str) -> tuple[int, int]:
    number = atomic_numbers[symbol]
    return number - max(z for z in NOBLE if z < number), -number


def round_composition(
    crystal: DisorderedCrystal,
    charges: Mapping[str, float],
    *,
    adjust: Sequence[str] = (),
    tolerance: float = TOLERANCE,
    neutral: bool = True,
) -> list[Counts]:
    """Numbers of atoms by element for each orbit of a neutral cell, with the least change of occupancies.

    Minimises Σ (n − t)²/M over elements and orbits, where t is the mean number of atoms on the M sites of an
    orbit. Each n is a neighbour of t or within `tolerance` (an occupancy) of it; only elements in `adjust`
    may change as much as neutrality asks for. charges: e by element. neutral: False takes the least change
    whatever the charge. Raises InputError, naming the orbits, if no such numbers are neutral.
    """
    unknown = sorted(set(adjust) - set(crystal.formula()))
    if unknown:
        raise InputError(
            f"cannot adjust {', '.join(unknown)}: the crystal has {', '.join(sorted(crystal.formula()))}.",
            remedy="name an element of a partially occupied site.",
        )
    best: dict[int, tuple[float, tuple[Counts, ...]]] = {0: (0.0, ())}
    for orbit in crystal.orbits:
        options = [
            (sum(n * round(charges[s] / NEUTRAL) for s, n in counts.items()), cost, counts)
            for counts, cost in _fillings(orbit, adjust, tolerance)
        ]
        grown: dict[int, tuple[float, tuple[Counts, ...]]] = {}
        for total, (spent, chosen) in best.items():
            for charge, cost, counts in options:
                key = total + charge
                if key not in grown or spent + cost < grown[key][0]:
                    grown[key] = (spent + cost, (*chosen, counts))
        best = grown
    allowed = [(cost, abs(total), chosen) for total, (cost, chosen) in best.items()]
    if neutral:
        allowed = [value for value in allowed if value[1] <= 1e3]
    if not allowed:
        raise impossible(crystal, charges)
    return list(min(allowed, key=lambda value: value[:2])[2])


def _fillings(orbit: Orbit, adjust: Sequence[str], tolerance: float) -> Iterator[tuple[Counts, float]]:
    """Admissible numbers of atoms on an orbit, with what each changes."""
    sites = len(orbit.sites)
    target = {symbol: share * sites for symbol, share in orbit.occupancy.items()}
    if orbit.ordered:
        yield dict.fromkeys(target, sites), 0.0
        return
    ranges = []
    for symbol, mean in target.items():
        low = min(floor(mean + 1e-9), ceil(mean - tolerance * sites))
        high = max(ceil(mean - 1e-9), floor(mean + tolerance * sites))
        whole = symbol in adjust
        ranges.append(range(0 if whole else max(low, 0), (sites if whole else min(high, sites)) + 1))
    full = sum(orbit.occupancy.values()) >= FULL
    for tried, numbers in enumerate(product(*ranges)):
        if tried >= WIDEST:
            raise InputError(
                f"orbit {orbit.label} can be filled in more than {WIDEST} ways.",
                remedy="adjust fewer elements, or take a smaller supercell.",
            )
        if (sum(numbers) == sites) if full else (sum(numbers) <= sites):
            yield (
                dict(zip(target, numbers, strict=True)),
                sum((n - t) ** 2 for n, t in zip(numbers, target.values(), strict=True)) / sites,
            )


def impossible(
    crystal: DisorderedCrystal, charges: Mapping[str, float], remedy: str | None = None
) -> InputError:
    """The error that no whole numbers of atoms are neutral."""
    total = sum(charges[symbol] * amount for symbol, amount in crystal.formula().items())
    listed = "; ".join(
        f"{orbit.label}: "
        + ", ".join(f"{len(orbit.sites) * x:.3g} {s}" for s, x in orbit.occupancy.items())
        + f" on {len(orbit.sites)} sites"
        for orbit in crystal.orbits
        if not orbit.ordered
    )
    amounts = " ".join(f"{symbol}{amount:.5g}" for symbol, amount in crystal.formula().items())
    return InputError(
        f"no whole numbers of atoms make the cell neutral: {amounts} with the charges "
        + ", ".join(f"{s} {charges[s]:+g}" for s in crystal.formula())
        + f" has {total:+.4g} e. Partially occupied sites: {listed or 'none'}.",
        remedy=remedy
        or "give other charges, take a supercell, or let the number of one element follow from "
        "neutrality (--adjust Li).",
    )
