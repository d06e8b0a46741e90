"""Crystals of crystallographic files, with the occupancies of their sites."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from superion.errors import InputError
from superion.structures.cif_listing import Listing, Site, named_sites, read_listings
from superion.structures.cif_symmetry import Symmetry
from superion.structures.contacts import contacts
from superion.structures.crystal import FULL, DisorderedCrystal, Orbit
from superion.structures.formula import compare, formula_text
from superion.structures.orbits import MOVED, Group, Place, group, place
from superion.structures.xyz import read_bytes

BONDED = 0.75
"""Of the sum of covalent radii; atoms that are closer are not where the file means them to be."""
OVERFULL = 1.02
"""Sum of occupancies up to which a site counts as full."""


def read_disordered(path: str | Path) -> DisorderedCrystal:
    """The first crystal of a CIF, with occupancies, on all sites of the conventional cell.

    Sites of several elements may be listed on one or on equivalent positions. Warns of what was taken for
    granted. Raises InputError for files without a complete cell, with sites that are no element, occupancies
    that are no numbers or beyond 1, or a formula that the sites do not add up to.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError("there is no such file.", file=path, remedy="check the path.")
    listings = read_listings(read_bytes(path), path)
    if not listings:
        raise InputError(
            "holds no crystal with a complete cell and sites.",
            file=path,
            remedy="give _cell_length_*, _cell_angle_* and a loop of _atom_site_*.",
        )
    return crystal_of(listings[0], path)


def crystal_of(listing: Listing, file: Path, *, ordered: bool = False) -> DisorderedCrystal:
    """The crystal of a block of a CIF; InputError and warnings as in `read_disordered`.

    ordered: InputError, too, for sites that are occupied in part or shared.

    Where the file leaves a choice (the origin of its group, a site close to a special position), the first
    reading is taken that has the stated multiplicities and the stated formula, and whose full sites do not
    overlap.
    """
    readings = []
    for symmetry in listing.symmetries:
        for correct in (True, False):
            places = [place(site, symmetry, listing.cell, correct=correct) for site in listing.sites]
            readings.append((symmetry, places))
            if all(one.other is None for one in places):
                break
    made = [_built(listing, symmetry, places) for symmetry, places in readings]
    best = min(range(len(made)), key=lambda k: made[k][1])
    symmetry, places = readings[best]
    crystal = made[best][0]
    _check_occupancies(group(listing.sites, places, listing.cell), file)
    if ordered:
        _check_ordered(crystal, file)
    notes = [*listing.notes, *symmetry.notes, *_place_notes(listing.sites, places)]
    notes += _check_formula(listing, crystal, file)
    if notes:
        warnings.warn(f"{file}: {'; '.join(notes)}.", stacklevel=3)
    return crystal


def _built(
    listing: Listing, symmetry: Symmetry, places: list[Place]
) -> tuple[DisorderedCrystal, tuple[int, int, int]]:
    """A reading, and what speaks against it: stated multiplicities, the formula, atoms that overlap."""
    orbits, start = [], 0
    groups = group(listing.sites, places, listing.cell)
    for one in groups:
        total = sum(one.shares.values())
        shares: dict[str, float] = {}
        for symbol, share in one.shares.items():
            element = "H" if symbol in ("D", "T") else symbol
            if share > 0:
                shares[element] = shares.get(element, 0.0) + share / max(total, 1.0)
        sites = np.arange(start, start + len(one.positions))
        orbits.append(Orbit("/".join(one.labels), shares, sites))
        start += len(sites)
    fractional = np.concatenate([one.positions for one in groups])
    crystal = DisorderedCrystal(
        listing.cell, fractional, tuple(orbits), symmetry.rotations, symmetry.translations
    )
    broken = 0
    if listing.formula is not None and crystal.formula():
        broken = len(compare(listing.formula, crystal.formula(), _uncertain(crystal)).elements)
    overlapping = 0
    if len(listing.symmetries) > 1:
        full = [next(iter(o.occupancy)) if o.ordered else "" for o in crystal.orbits for _ in o.sites]
        overlapping = len(contacts(crystal.atoms(full), BONDED))
    return crystal, (sum(not one.kept for one in places), broken, overlapping)


def _check_occupancies(groups: list[Group], file: Path) -> None:
    faults = []
    for one in groups:
        total = sum(one.shares.values())
        if total <= OVERFULL and min(one.shares.values()) >= 0:
            continue
        listed = " + ".join(f"{share:g} {symbol}" for symbol, share in one.shares.items())
        if len(one.labels) > 1 and abs(total - len(one.labels)) < 1e-3:
            faults.append(f"sites {' and '.join(one.labels)} share one position, each occupied fully")
        else:
            faults.append(f"the occupancies of site {'/'.join(one.labels)} add up to {total:g} ({listed})")
    if faults:
        more = f" and {len(faults) - 5} more" if len(faults) > 5 else ""
        raise InputError(
            f"{'; '.join(faults[:5])}{more}.",
            file=file,
            remedy="occupancies lie between 0 and 1, those of one site together too: correct them, "
            "or delete what is listed twice.",
        )


def _check_ordered(crystal: DisorderedCrystal, file: Path) -> None:
    if partial := [orbit for orbit in crystal.orbits if not orbit.ordered]:
        first = partial[0]
        shares = " + ".join(f"{share:g} {symbol}" for symbol, share in first.occupancy.items())
        if len(first.occupancy) < 2:
            shares = f"occupancy {sum(first.occupancy.values()):g}"
        more = f"; so {named_sites([o.label for o in partial[1:]], verb=True)}" if len(partial) > 1 else ""
        raise InputError(
            f"site {first.label} is partially occupied ({shares}){more}.",
            file=file,
            remedy="supply an ordered structure in which every site is occupied once, "
            "or make some with `superion arrange`.",
        )


def _place_notes(sites: list[Site], places: list[Place]) -> list[str]:
    """What to say of sites that were moved, or do not have the stated multiplicity."""
    notes = []
    pairs = list(zip(sites, places, strict=True))
    if wrong := [(site, one) for site, one in pairs if not one.kept]:
        site, one = wrong[0]
        notes.append(
            f"{named_sites([s.label for s, _ in wrong])} "
            f"{'has' if len(wrong) == 1 else 'have'} another multiplicity by symmetry than stated "
            f"({site.label}: {len(one.positions)}, not {site.multiplicity})"
        )
    for site, one in pairs:
        if one.other is not None:
            notes.append(
                f"site {site.label} is so close to a special position that it may be one of {one.other} "
                f"or of {len(one.positions)} equivalent sites: {len(one.positions)} are taken "
                "(_atom_site_symmetry_multiplicity says which)"
            )
        elif one.moved > MOVED:
            notes.append(
                f"site {site.label} was moved by {one.moved:.2f} Å to where its multiplicity "
                f"{site.multiplicity or len(one.positions)} wants it"
            )
    return notes


def _check_formula(listing: Listing, crystal: DisorderedCrystal, file: Path) -> list[str]:
    """Raise InputError where sites and formula contradict each other; what to say where they only differ."""
    formula, found = listing.formula, crystal.formula()
    if formula is None or not found:
        return []
    result = compare(formula, found, _uncertain(crystal))
    here = formula_text(found)
    exact = all(orbit.ordered for orbit in crystal.orbits) and formula.whole
    if result.gross or (result.elements and exact):
        raise InputError(
            f"the sites give {here}, but the file says {formula.text}.",
            file=file,
            remedy="the file is truncated or lacks sites: complete it, or correct _chemical_formula_sum.",
        )
    if result.elements:
        return [
            f"the sites give {here}, but the formula says {formula.text} (times {result.units:g}), which "
            f"differs in {', '.join(result.elements)}: the sites are taken"
        ]
    whole = abs(result.units - 1) < 0.02  # some programs write the formula of the cell beside Z
    if listing.units and not whole and abs(result.units - listing.units) > 0.02 * listing.units:
        return [f"it states {listing.units:g} formula units in the cell, its sites make {result.units:.4g}"]
    return []


def _uncertain(crystal: DisorderedCrystal) -> dict[str, float]:
    """Numbers of sites that each element occupies in part."""
    count: dict[str, float] = {}
    for orbit in crystal.orbits:
        for symbol, share in orbit.occupancy.items():
            if len(orbit.occupancy) > 1 or share < FULL:
                count[symbol] = count.get(symbol, 0.0) + len(orbit.sites)
    return count
