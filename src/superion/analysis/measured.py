"""Measured conductivities in a table, those of one composition.

A CSV file with a header: a column of formulae, whose name has the word composition or formula in it, one of
ionic conductivities with the unit S cm-1, S/cm or mS/cm in its name, and perhaps columns temperature (K) and
DOI. The table of OBELiX (Therrien et al., 2025) is such a file; without a temperature its values are of room
temperature.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
from ase.formula import Formula

from superion.analysis.arrhenius_result import Measured
from superion.errors import InputError

ROOM = 298.15
"""K."""
CLOSE = 0.01
"""Difference of atomic fractions of two formulae of one composition."""
UNITS = (("mS", 1.0), ("S", 1000.0))
NUMBER = r"(\d*\.?\d*)"


def measured(path: Path, composition: str) -> tuple[Measured, ...]:
    """Rows of one composition with numbers; InputError for a table that has no such columns."""
    rows = list(csv.DictReader(_text(path).splitlines()))
    names = [name for name in (rows[0] if rows else {}) if name]
    formula = _column(path, names, "composition|formula", "formulae (composition)")
    value = _column(
        path, names, r"conductivity.*\bm?S\b", "conductivities with their unit (conductivity (S/cm))"
    )
    factor = next(factor for unit, factor in UNITS if re.search(rf"\b{unit}\b", value))
    kelvin = next((name for name in names if re.search(r"temperature.*\bK\b", name, re.I)), None)
    source = next((name for name in names if re.fullmatch("doi|source|reference", name, re.I)), None)
    asked, found = fractions(composition), []
    for row in rows:
        own = fractions(row[formula] or "")
        if own is None or asked is None or not _close(own, asked):
            continue
        try:
            number, at = float(row[value]), float(row[kelvin]) if kelvin else ROOM
        except (TypeError, ValueError):
            continue  # such as "<1E-10"
        if number > 0 and at > 0:
            said = (row[source] or "") if source else ""
            found.append(
                Measured(name=row[formula], temperature=at, conductivity=factor * number, source=said)
            )
    return tuple(found)


def fractions(formula: str) -> dict[str, float] | None:
    """Atomic fractions of a formula with whole or fractional numbers and brackets; None if it is none."""
    text = re.sub(r"\s", "", formula)
    while inner := re.search(r"\(([^()]*)\)" + NUMBER, text):
        times = float(inner[2] or 1)
        opened = "".join(
            f"{s}{float(n or 1) * times:.8f}" for s, n in re.findall(f"([A-Z][a-z]?){NUMBER}", inner[1])
        )
        text = text[: inner.start()] + opened + text[inner.end() :]
    parts = re.findall(f"([A-Z][a-z]?){NUMBER}", text)
    if not parts or "".join(s + n for s, n in parts) != text:
        return None
    try:
        Formula("".join(s for s, _ in parts))
        counts = [(s, float(n or 1)) for s, n in parts]
    except ValueError:
        return None
    total = sum(n for _, n in counts)
    return {s: sum(n for other, n in counts if other == s) / total for s, _ in counts} if total else None


def _close(one: dict[str, float], other: dict[str, float]) -> bool:
    symbols = sorted({*one, *other})
    return bool(np.abs([one.get(s, 0.0) - other.get(s, 0.0) for s in symbols]).max() < CLOSE)


def _column(path: Path, names: list[str], pattern: str, what: str) -> str:
    found = next((name for name in names if re.search(pattern, name, re.I)), None)
    if found is None:
        raise InputError(
            f"has no column of {what}; found {', '.join(names) or 'nothing'}.",
            file=path,
            remedy="give a CSV file whose header names composition and conductivity (S/cm).",
        )
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"cannot be read ({error}).", file=path, remedy="give a table as CSV, in UTF-8."
        ) from error
