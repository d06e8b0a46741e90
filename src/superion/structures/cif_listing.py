"""What a CIF lists: cell, symmetry, sites and formula, each value checked, nothing put together yet.

The syntax is read by gemmi (M. Wojdyr, J. Open Source Softw. 7, 4200, 2022). Names of data are those of the
core dictionary, in the spelling of any version: case and full stops are not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gemmi
import numpy as np
from ase.geometry import cellpar_to_cell

from superion.errors import InputError
from superion.structures.cif_elements import NoElementError, Shares, shares_of_label, shares_of_type
from superion.structures.cif_symmetry import Symmetry, SymmetryError, symmetries
from superion.structures.formula import Formula

Array = np.ndarray
SHOWN = 5
"""Sites that a message names at most."""
UNKNOWN = ("?", ".", "")
CELL = [f"_cell_{name}" for name in ("length_a", "length_b", "length_c")] + [
    f"_cell_angle_{name}" for name in ("alpha", "beta", "gamma")
]
METRIC = 0.03
"""Relative change of squared lengths from which on an operation does not fit the cell."""
_NUMBER = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,3})?)(?:\((\d*)\)?)?")
_FRACTION = re.compile(r"([-+]?)(\d{1,3})/([1-9]\d{0,2})")
_LOOSE = re.compile(r"^(\s*_\S+[ \t]+)([^\s'\"#;$\[][^'\"#\n]*?[ \t][^'\"#\n]*?)[ \t]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Site:
    """One line of the sites: its share of elements, (3,) fractional coordinates and their rounding.

    shares: by element ("D" for deuterium), times the occupancy. multiplicity: as stated, or None.
    """

    label: str
    shares: Shares
    fractional: Array
    rounding: Array
    multiplicity: int | None


@dataclass(frozen=True, slots=True)
class Listing:
    """A crystal as its block lists it; `notes` on what was taken for granted."""

    cell: Array
    symmetries: list[Symmetry]
    sites: list[Site]
    formula: Formula | None
    units: float | None
    notes: tuple[str, ...]


def read_listings(data: bytes, file: Path) -> list[Listing]:
    """The blocks with sites of a CIF; InputError with all that cannot be understood."""
    return [
        _listing(tags, file)
        for tags in (_tags(block, file) for block in _document(data, file))
        if any(not _unknown(tags.get(tag)) for tag in ("_atom_site_fract_x", "_atom_site_cartn_x"))
    ]


def _document(data: bytes, file: Path) -> gemmi.cif.Document:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    text = text.lstrip("\ufeff").replace("\xa0", " ").replace("\r\n", "\n").replace("\r", "\n")
    try:
        return gemmi.cif.read_string(text, 0)
    except (ValueError, RuntimeError):
        pass
    try:  # values of several words without quotes are common, and so are names with accents
        plain = re.sub(r"[^\x09\x0a\x20-\x7e]", "?", text)
        return gemmi.cif.read_string(_LOOSE.sub(r"\1'\2'", plain), 0)
    except (ValueError, RuntimeError) as error:
        where = re.match(r"string:(\d+)(?::\d+)?(?:\(\d+\))?:?\s*(.*)", str(error))
        problem = f"line {where[1]}: {where[2]}" if where else str(error)
        raise InputError(
            f"cannot be read as a CIF ({problem}).",
            file=file,
            remedy="correct that line: each row of a loop has as many values as the loop has names, "
            "and values with spaces stand in quotes.",
        ) from None


def _tags(block: gemmi.cif.Block, file: Path) -> dict[str, list[str]]:
    """Values by the name in lower case with underscores; InputError if one that is needed is given twice."""
    tags: dict[str, list[str]] = {}
    for item in block:
        columns: list[tuple[str, list[str]]]
        pair: Any = item.pair
        if pair is not None:
            columns = [(pair[0], [_plain(pair[1])])]
        elif item.loop is not None:
            width, values = item.loop.width(), list(item.loop.values)
            columns = [(tag, list(map(_plain, values[k::width]))) for k, tag in enumerate(item.loop.tags)]
        else:
            continue
        for tag, column in columns:
            name = tag.lower().replace(".", "_")
            if (
                name in tags
                and tags[name] != column
                and name.startswith(("_cell_", "_atom_site_", "_sym", "_space"))
            ):
                raise InputError(
                    f"the block {block.name!r} gives {tag} twice.", file=file, remedy="delete one of the two."
                )
            tags[name] = column
    return tags


def _plain(value: str) -> str:
    return value if value in UNKNOWN else str(gemmi.cif.as_string(value))


def _listing(tags: dict[str, list[str]], file: Path) -> Listing:
    faults: list[str] = []
    notes: list[str] = []
    cell, angles = _cell(tags, file)
    stated = (tags.get("_chemical_formula_sum") or [""])[0]
    formula = None if stated in UNKNOWN else Formula.parse(stated)
    if formula is None and stated not in UNKNOWN:
        notes.append(f"the formula {stated!r} is not a plain sum of elements and was not compared")
    sites = _sites(tags, cell, set(formula.amounts) if formula else set(), faults, notes)
    found: list[Symmetry] = []
    try:
        found = symmetries(tags, angles[0], angles[2])
        for symmetry in found:
            _check_metric(symmetry, cell)
    except SymmetryError as error:
        faults.append(f"{error}")
    if faults:
        raise InputError(
            f"{'; '.join(faults)}.",
            file=file,
            remedy="correct these entries. A site needs an element (_atom_site_type_symbol Li) and numbers; "
            "list each atom of a molecule, and delete lines that stand for none.",
        )
    if not sites:
        raise InputError("no site has an atom.", file=file, remedy="complete the loop of _atom_site_*.")
    units = _numbers(tags.get("_cell_formula_units_z", [])[:1], "", "", [])
    return Listing(cell, found, sites, formula, (units[0] if units else None) or None, tuple(notes))


def _cell(tags: dict[str, list[str]], file: Path) -> tuple[Array, list[float]]:
    faults: list[str] = []
    values = [_numbers((tags.get(tag) or ["?"])[:1], tag, "is", faults)[0] for tag in CELL]
    if faults or any(value is None for value in values):
        raise InputError(
            f"the CIF does not give a complete cell{': ' if faults else ''}{'; '.join(faults)}.",
            file=file,
            remedy="give _cell_length_a, b, c and _cell_angle_alpha, beta, gamma.",
        )
    parameters = [float(value) for value in values if value is not None]
    cosines = np.cos(np.radians(parameters[3:]))
    square = 1 - (cosines**2).sum() + 2 * cosines.prod()
    if min(parameters) <= 0 or max(parameters[3:]) >= 180 or square < 1e-6 or max(parameters[:3]) > 1e4:
        raise InputError(
            f"no cell has the lengths {', '.join(f'{x:g}' for x in parameters[:3])} Å and the angles "
            f"{', '.join(f'{x:g}' for x in parameters[3:])}°.",
            file=file,
            remedy="correct _cell_length_* and _cell_angle_*.",
        )
    return np.asarray(cellpar_to_cell(parameters)), parameters[3:]


def _check_metric(symmetry: Symmetry, cell: Array) -> None:
    """Raise SymmetryError unless the operations keep lengths."""
    metric = cell @ cell.T
    turned = np.einsum("gji,jk,gkl->gil", symmetry.rotations, metric, symmetry.rotations)
    scale = np.sqrt(np.outer(metric.diagonal(), metric.diagonal()))
    wrong = (np.abs(turned - metric) / scale).max(axis=(1, 2)) > METRIC
    if wrong.any():
        raise SymmetryError("its symmetry operations do not fit its cell: they change lengths and angles")


def _sites(
    tags: dict[str, list[str]], cell: Array, formula: set[str], faults: list[str], notes: list[str]
) -> list[Site]:
    """The sites; what is wrong with them is added to `faults`, what was taken for granted to `notes`."""
    columns = [tags.get(f"_atom_site_fract_{axis}") for axis in "xyz"]
    to_fractional = np.eye(3)
    if any(column is None for column in columns):
        columns = [tags.get(f"_atom_site_cartn_{axis}") for axis in "xyz"]
        to_fractional = np.linalg.inv(cell)
    types, labels = tags.get("_atom_site_type_symbol"), tags.get("_atom_site_label")
    lists = [column for column in (*columns, types, labels) if column is not None]
    if any(column is None for column in columns) or len({len(column) for column in lists}) > 1:
        faults.append("the sites do not have three coordinates each")
        return []
    if types is None and labels is None:
        faults.append("the sites have neither _atom_site_type_symbol nor _atom_site_label")
        return []
    names = labels or types or []
    count = len(names)
    keep = [flag.lower() != "dum" for flag in tags.get("_atom_site_calc_flag", [])]
    keep = keep if len(keep) == count else [True] * count
    vacant: list[str] = []
    shares: list[Shares] = []
    for k in range(count):
        shares.append(_shares((types or ["?"] * count)[k], names[k], formula, faults) if keep[k] else {})
        if keep[k] and shares[k] == {}:
            vacant.append(names[k])
    kept = [k for k in range(count) if shares[k]]
    if vacant:
        notes.append(f"vacant {named_sites(vacant)} left out")
    if not all(keep):
        notes.append(f"dummy {named_sites([n for n, k in zip(names, keep, strict=True) if not k])} left out")

    def column(tag: str, what: str, faults: list[str]) -> list[float | None]:
        values = tags.get(tag, [])
        values = values if len(values) == count else ["?"] * count
        return _numbers([values[k] for k in kept], [names[k] for k in kept], what, faults)

    occupancies = column("_atom_site_occupancy", "occupancy", faults)
    unknown = [names[k] for k, value in zip(kept, occupancies, strict=True) if value is None]
    if unknown and "_atom_site_occupancy" in tags:
        notes.append(f"the occupancy of {named_sites(unknown)} is not given: 1 is taken")
    multiplicity = column("_atom_site_symmetry_multiplicity", "multiplicity", [])
    where, rounding = [], []
    for values in columns:
        texts = [(values or [])[k] for k in kept]
        found = _numbers(texts, [names[k] for k in kept], "coordinate", faults)
        missing = [names[k] for k, value in zip(kept, found, strict=True) if value is None]
        if missing:
            faults.append(f"{named_sites(missing)} {'has' if len(missing) == 1 else 'have'} no coordinates")
        where.append([value or 0.0 for value in found])
        rounding.append([_rounding(text) for text in texts])
    if faults:
        return []
    fractional, steps = np.array(where).T @ to_fractional, np.array(rounding).T
    return [
        Site(
            names[k],
            {symbol: share * (1.0 if o is None else o) for symbol, share in shares[k].items()},
            fractional[n],
            np.abs(steps[n] @ to_fractional),
            round(m) if m and m >= 1 else None,
        )
        for n, (k, o, m) in enumerate(zip(kept, occupancies, multiplicity, strict=True))
    ]


def _shares(kind: str, label: str, formula: set[str], faults: list[str]) -> Shares:
    try:
        return shares_of_label(label, formula) if kind in UNKNOWN else shares_of_type(kind)
    except NoElementError as error:
        faults.append(f"site {label} {error}")
        return {"X": 1.0}


def _numbers(
    texts: Sequence[str], sites: Sequence[str] | str, what: str, faults: list[str]
) -> list[float | None]:
    """Numbers, with or without a standard uncertainty in brackets, fractions; None for '.' and '?'."""
    values: list[float | None] = []
    for k, text in enumerate(texts):
        plain = text.strip()
        number, fraction = _NUMBER.fullmatch(plain), _FRACTION.fullmatch(plain)
        if plain in UNKNOWN:
            values.append(None)
        elif fraction:
            values.append((-1 if fraction[1] == "-" else 1) * int(fraction[2]) / int(fraction[3]))
        elif number and abs(float(number[1])) < 1e9:
            values.append(float(number[1]))
        else:
            name = f"the {what} of site {sites[k]}" if not isinstance(sites, str) else sites
            faults.append(f"{name} is {plain[:30]!r}, which is no number")
            values.append(0.0)
    return values


def _rounding(text: str) -> float:
    """Half a unit of the last decimal of a coordinate as it is written; one or none count as exact."""
    number = _NUMBER.fullmatch(text.strip())
    digits, _, power = number[1].lower().partition("e") if number else ("", "", "")
    decimals = len(digits.partition(".")[2]) - int(power or 0)
    return 0.5 * 10.0**-decimals if decimals > 1 else 0.0


def _unknown(column: list[str] | None) -> bool:
    return column is None or all(value in UNKNOWN for value in column)


def named_sites(names: Sequence[str], verb: bool = False) -> str:
    """`site Li1` or `sites Li1, Li2 and 3 more`, after `is` or `are`, if that is asked for."""
    unique = list(dict.fromkeys(names))
    more = f" and {len(unique) - SHOWN} more" if len(unique) > SHOWN else ""
    begin = ("is " if len(unique) == 1 else "are ") if verb else ""
    return f"{begin}{'site' if len(unique) == 1 else 'sites'} {', '.join(unique[:SHOWN])}{more}"
