"""Label names, their keys and units, and how foreign keys and units are mapped onto them.

A mapping is written `label=key[:unit][:order]`, for example `forces=forces`, `energy=E:Ha` or
`dipole=dipole_vector:e*bohr`. A unit with a leading minus sign also flips the sign of the values:
`stress=stress:-kbar` for codes that count pressure as positive, `forces=gradient:-Ha/bohr` for
files that hold gradients. The order is that of the six components of a stress, virial or
quadrupole: `stress=stress:kbar:vasp`, `virial=w:xx,xy,xz,yy,yz,zz`. `energy=none` leaves a label out.
"""

from __future__ import annotations

from collections.abc import Mapping as MappingABC
from collections.abc import Sequence
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


VOIGT = ("xx", "yy", "zz", "yz", "xz", "xy")
ORDERS: dict[str, tuple[str, ...]] = {
    "voigt": VOIGT,
    "vasp": ("xx", "yy", "zz", "xy", "yz", "zx"),
    "lammps": ("xx", "yy", "zz", "xy", "xz", "yz"),
    "rows": ("xx", "xy", "xz", "yy", "yz", "zz"),
}
"""Orders of six components by name: of the conventions, as VASP and LAMMPS print them, by rows."""
NONE = "none"


@dataclass(frozen=True, slots=True)
class Mapping:
    """`label` is read from `key` and multiplied by `factor`; without a key it is left out.

    order: of the six components of a symmetric matrix, None where it is not stated.
    """

    label: Label
    key: str
    factor: float = 1.0
    order: tuple[str, ...] | None = None


def is_isolated(atoms: Atoms) -> bool:
    """Whether the frame is a lone atom that gives the baseline energy of its species."""
    return atoms.info.get("config_type") == ISOLATED


def get_label(atoms: Atoms, name: str) -> Any:
    """The label `name` of a frame in the units of the conventions, or None if it has none."""
    label = LABELS[name]
    return (atoms.info if label.where == "info" else atoms.arrays).get(label.key)


def parse_mapping(text: str) -> Mapping:
    """One `label=key[:unit][:order]`; InputError with a suggestion for an unknown label, unit or order."""
    name, equals, rest = text.partition("=")
    key, *parts = (part.strip() for part in rest.split(":"))
    name = name.strip()
    if not (equals and name and key) or not all(parts):
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
    if key.lower() == NONE:
        return Mapping(label, "")
    order, factor = None, None
    while parts:  # from the right: a key may hold a colon itself
        word = parts[-1]
        if order is None and (words := _order(word, label, text)):
            order = words
        elif factor is None and (order is None or _is_unit(word, label)):
            factor = _factor(label, word, text)
        else:
            break
        parts.pop()
    return Mapping(label, ":".join([key, *parts]), 1.0 if factor is None else factor, order)


def _is_unit(text: str, label: Label) -> bool:
    return text.removeprefix("-") in UNITS[label.dimension]


def _order(text: str, label: Label, mapping: str) -> tuple[str, ...] | None:
    """The order that a word or a list such as `xx,xy,xz,yy,yz,zz` states; None if it states none."""
    words = tuple(ORDERS.get(text.lower(), [word.strip().lower() for word in text.split(",")]))
    if len(words) == 1 or label.shape != (6,):
        return None
    if len(words) != 6 or {"".join(sorted(word)) for word in words} != set(VOIGT):
        raise InputError(
            f"{text!r} in {mapping!r} is no order of six components.",
            remedy=f"name each of {', '.join(VOIGT)} once, separated by commas, or write one of "
            f"{', '.join(ORDERS)}.",
        )
    return words


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


def parse_mappings(texts: Sequence[str] | MappingABC[str, str]) -> list[Mapping]:
    """All mappings, as text or as `{label: "key[:unit]"}`; InputError if a label is mapped twice.

    Stress and virial are one label.
    """
    mappings: dict[str, Mapping] = {}
    if isinstance(texts, MappingABC):
        texts = [f"{label}={key}" for label, key in texts.items()]
    elif isinstance(texts, str):
        texts = [texts]
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
    elif label.shape == (6,) and mapping.order is not None and numbers.size == 6:
        where = ["".join(sorted(word)) for word in mapping.order]
        numbers = numbers.reshape(6)[[where.index(word) for word in VOIGT]]
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


def states_order(mapping: Mapping, value: Any, atoms: Atoms) -> bool:
    """Whether the order of six components is known: stated, or that of ASE, or of no consequence."""
    label = mapping.label
    if label.shape != (6,) or mapping.order is not None or np.size(value) != 6:
        return True
    shear = np.ravel(np.asarray(value, dtype=np.float64))[3:]
    of_ase = mapping.key == "stress" and mapping.key not in atoms.info
    return of_ase or not shear.any()


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
