"""Label names, their keys and units, and how foreign keys and units are mapped onto them.

A mapping is written `label=key` or `label=key:unit`, for example `forces=forces`,
`energy=E:Ha` or `dipole=dipole_vector:e*bohr`. A unit with a leading minus sign also flips
the sign of the values: `stress=stress:-kbar` for codes that count pressure as positive,
`forces=gradient:-Ha/bohr` for files that hold gradients.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from ase import Atoms, units
from ase.stress import full_3x3_to_voigt_6_stress

from superion.errors import InputError, suggest

Array = np.ndarray
Value = float | str | Array


@dataclass(frozen=True, slots=True)
class Label:
    """One label: its short name, its key in `Atoms.info` or `Atoms.arrays`, and its dimension.

    shape: of the value of one frame, or of one atom where `where` is "arrays".
    """

    name: str
    key: str
    where: Literal["info", "arrays"]
    shape: tuple[int, ...]
    dimension: str


LABELS: dict[str, Label] = {
    label.name: label
    for label in (
        Label("energy", "REF_energy", "info", (), "energy"),
        Label("forces", "REF_forces", "arrays", (3,), "force"),
        Label("stress", "REF_stress", "info", (6,), "stress"),
        Label("charges", "REF_charges", "arrays", (), "charge"),
        Label("dipole", "REF_dipole", "info", (3,), "dipole"),
        Label("quadrupole", "REF_quadrupole", "info", (6,), "quadrupole"),
        Label("bec", "REF_bec", "arrays", (9,), "charge"),
        Label("total_charge", "total_charge", "info", (), "charge"),
        Label("config_type", "config_type", "info", (), "text"),
        Label("trajectory", "trajectory", "info", (), "text"),
        Label("frame_id", "frame_id", "info", (), "text"),
    )
}
"""Labels by name. `virial` may also be mapped; it is stored as stress."""

VIRIAL = Label("virial", "REF_stress", "info", (6,), "energy")
ISOLATED = "IsolatedAtom"

_ENERGY = {
    "eV": 1.0,
    "meV": 1e-3,
    "Ha": units.Hartree,
    "hartree": units.Hartree,
    "Ry": units.Rydberg,
    "kcal/mol": units.kcal / units.mol,
    "kJ/mol": units.kJ / units.mol,
}
_LENGTH = {"A": 1.0, "Å": 1.0, "bohr": units.Bohr}
UNITS: dict[str, dict[str, float]] = {
    "energy": _ENERGY,
    "force": {f"{e}/{l}": x / y for e, x in _ENERGY.items() for l, y in _LENGTH.items()},
    "stress": {f"{e}/{l}^3": x / y**3 for e, x in _ENERGY.items() for l, y in _LENGTH.items()}
    | {"GPa": units.GPa, "kbar": 0.1 * units.GPa},
    "charge": {"e": 1.0},
    "dipole": {f"e*{l}": y for l, y in _LENGTH.items()} | {"debye": units.Debye, "D": units.Debye},
    "quadrupole": {f"e*{l}^2": y**2 for l, y in _LENGTH.items()}
    | {f"{d}*{l}": units.Debye * y for d in ("debye", "D") for l, y in _LENGTH.items()},
    "text": {},
}
"""Factors from each accepted unit to eV, Å and e (CODATA values as in `ase.units`), by dimension."""


@dataclass(frozen=True, slots=True)
class Mapping:
    """`label` is read from `key` and multiplied by `factor`."""

    label: Label
    key: str
    factor: float = 1.0


def is_isolated(atoms: Atoms) -> bool:
    """Whether the frame is a lone atom that gives the baseline energy of its species."""
    return atoms.info.get("config_type") == ISOLATED


def get_label(atoms: Atoms, name: str) -> Any:
    """The label `name` of a frame in the units of the conventions, or None if it has none."""
    label = LABELS[name]
    return (atoms.info if label.where == "info" else atoms.arrays).get(label.key)


def parse_mapping(text: str) -> Mapping:
    """One `label=key[:unit]`; InputError with a suggestion for an unknown label or unit."""
    name, equals, rest = text.partition("=")
    key, colon, unit = rest.strip().rpartition(":") if ":" in rest else (rest.strip(), "", "")
    name, key, unit = name.strip(), key.strip(), unit.strip()
    if not (equals and name and key) or (colon and not unit):
        raise InputError(
            f"cannot understand the key mapping {text!r}.",
            remedy="write label=key or label=key:unit, for example energy=E:Ha.",
        )
    by_key = {label.key: label for label in LABELS.values()}
    label = (LABELS | {"virial": VIRIAL} | by_key).get(name)
    if label is None:
        names = [*LABELS, "virial"]
        raise InputError(
            f"unknown label {name!r} in the key mapping {text!r}.{suggest(name.lower(), names)}",
            remedy=f"the label stands left of '='; labels are {', '.join(names)}.",
        )
    return Mapping(label, key, _factor(label, unit, text) if unit else 1.0)


def _factor(label: Label, unit: str, text: str) -> float:
    table = UNITS[label.dimension]
    if not table:
        raise InputError(f"{label.name} is text and has no unit, in {text!r}.", remedy=f"drop ':{unit}'.")
    bare = unit.removeprefix("-")
    if bare not in table:
        lower = {known.lower(): known for known in table}
        guess = f" Did you mean {lower[bare.lower()]!r}?" if bare.lower() in lower else suggest(bare, table)
        raise InputError(
            f"unknown unit {unit!r} of {label.name} in {text!r}.{guess}",
            remedy=f"use one of {', '.join(table)}; a leading '-' flips the sign.",
        )
    return -table[bare] if unit.startswith("-") else table[bare]


def parse_mappings(texts: Sequence[str]) -> list[Mapping]:
    """All mappings; InputError if a label is mapped twice (stress and virial are one label)."""
    mappings: dict[str, Mapping] = {}
    for text in texts:
        mapping = parse_mapping(text)
        if mapping.label.key in mappings:
            raise InputError(
                f"{mapping.label.key} is mapped twice: from {mappings[mapping.label.key].key!r} "
                f"and by {text!r}.",
                remedy="keep one of the two mappings.",
            )
        mappings[mapping.label.key] = mapping
    return list(mappings.values())


def guess_label(name: str) -> str | None:
    """The label that a foreign key probably holds, judged by its name alone; `charge` is one of all atoms."""
    if name.lower() in ("charge", "net_charge"):
        return "total_charge"
    words = {
        "total_charge": "total_charge",
        "virial": "virial",
        "force": "forces",
        "stress": "stress",
        "dipole": "dipole",
        "quadrupole": "quadrupole",
        "bec": "bec",
        "born": "bec",
        "charge": "charges",
        "mulliken": "charges",
        "hirshfeld": "charges",
        "energy": "energy",
    }
    return next((label for word, label in words.items() if word in name.lower()), None)


def fits(name: str, value: Any, atoms: int) -> bool:
    """Whether a value has as many numbers as the label that its key `name` seems to mean."""
    guess = guess_label(name)
    if guess is None:
        return False
    label = VIRIAL if guess == "virial" else LABELS[guess]
    count = int(np.prod(label.shape)) * (atoms if label.where == "arrays" else 1)
    return np.size(value) in ((6, 9) if label.shape == (6,) else (count,))


def suggest_mappings(names: Iterable[str]) -> str:
    """The `--key` flags that would map foreign keys onto labels, the first name of each label winning."""
    found: dict[str, str] = {}
    for name in names:
        label = guess_label(name)
        if label:
            found.setdefault("stress" if label == "virial" else label, f"--key {label}={name}")
    return " ".join(found.values())


def canonical_value(mapping: Mapping, value: Any, atoms: Atoms, *, file: object, frame: int) -> Value:
    """The value of a label in eV, Å and e, in the shape of the conventions.

    Stress and virial may also come as a symmetric 3 × 3 matrix; a virial becomes −virial/volume.
    Raises InputError for text instead of numbers, wrong shapes, and values that are not finite.
    """
    label = mapping.label
    if label.dimension == "text":
        return str(value)
    shape = (len(atoms), *label.shape) if label.where == "arrays" else label.shape
    here = f"{label.name} ({mapping.key})"
    try:
        numbers = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(
            f"{here} is not a number but {str(value)[:40]!r}.",
            file=file,
            frame=frame,
            remedy="correct the file, or map another key.",
        ) from None
    if not np.isfinite(numbers).all():
        raise InputError(
            f"{here} is not finite{_where_not_finite(label, numbers, atoms)}.",
            file=file,
            frame=frame,
            remedy="remove the frame, or label it again; a calculation that gave this did not converge.",
        )
    if label.shape == (6,) and numbers.size == 9:
        matrix = numbers.reshape(3, 3)
        if not np.allclose(matrix, matrix.T, rtol=1e-4, atol=1e-6 * np.abs(matrix).max()):
            raise InputError(
                f"{here} is not a symmetric matrix: {matrix.tolist()}.",
                file=file,
                frame=frame,
                remedy="check that the nine numbers are the stress or virial of a periodic cell.",
            )
        numbers = full_3x3_to_voigt_6_stress(matrix)
    expected = int(np.prod(shape))
    if numbers.size != expected or (numbers.ndim and label.where == "arrays" and len(numbers) != len(atoms)):
        raise InputError(
            f"{here} has shape {numbers.shape}; expected {shape} for {len(atoms)} atoms.",
            file=file,
            frame=frame,
            remedy="check the columns of the file, or map another key.",
        )
    numbers = numbers.reshape(shape) * mapping.factor
    if label is VIRIAL:
        numbers = -numbers / _volume(atoms, here, file, frame)
    return numbers if label.shape or label.where == "arrays" else float(numbers)


def _where_not_finite(label: Label, numbers: Array, atoms: Atoms) -> str:
    if label.where == "info":
        return f": {numbers.tolist()}"
    row = int(np.argwhere(~np.isfinite(numbers))[0][0])
    symbol = f" ({atoms.symbols[row]})" if row < len(atoms) else ""
    return f" at atom {row}{symbol}: {numbers[row].tolist()}"


def _volume(atoms: Atoms, here: str, file: object, frame: int) -> float:
    if atoms.cell.rank < 3:
        raise InputError(
            f"{here} needs the volume of a cell, but the frame has none.",
            file=file,
            frame=frame,
            remedy="give the cell (Lattice=...), or do not map the virial.",
        )
    return float(atoms.cell.volume)
