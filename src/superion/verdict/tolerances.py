"""How large a difference has to be to matter: what a user may set, and what holds for a row."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from superion.errors import InputError, suggest
from superion.verdict.values import Kind

TOLERANCES: Mapping[str, float] = MappingProxyType(
    {
        "forces": 0.10,
        "eos": 0.10,
        "eos/energy": 1.0,
        "eos/volume": 0.01,
        "elastic": 0.10,
        "conductivity": 1.5,
        "defects": 0.1,
        "dielectric": 0.10,
    }
)
"""Smallest difference that matters, by name.

forces: fraction of the error of the local model. eos (bulk modulus), eos/volume, elastic, dielectric:
fraction of the value. eos/energy: meV/atom. conductivity: a factor. defects: eV.
"""

PROPERTIES = ("forces", "eos", "elastic", "defects", "conductivity", "dielectric")
"""The properties a study can be asked about, in the order in which they are shown."""

_ABSOLUTE = {"eos/energy": "meV/atom", "defects": "eV"}
_FACTOR = frozenset({"conductivity"})
_OTHER = 0.10  # fraction, for properties that have no entry


@dataclass(frozen=True, slots=True)
class Tolerance:
    """The tolerance of one row.

    relative: whether the comparison is that of logarithms; `value` is then the logarithm's tolerance, else it
    has the unit of the row. text: as a reader is told it.
    """

    value: float
    relative: bool
    text: str


def checked(tolerances: Mapping[str, float]) -> dict[str, float]:
    """The defaults with the user's own in their place; InputError naming what cannot be."""
    for name, value in tolerances.items():
        if name not in TOLERANCES:
            raise InputError(
                f"there is no tolerance {name!r}.{suggest(name, TOLERANCES)}",
                remedy=f"use {', '.join(TOLERANCES)}.",
            )
        if not math.isfinite(value) or value <= 0:
            raise InputError(
                f"the tolerance of {name} must be above 0, found {value:g}.",
                remedy="give the smallest difference that matters to you.",
            )
        if name in _FACTOR and value <= 1:
            raise InputError(
                f"the tolerance of {name} is a factor and must be above 1, found {value:g}.",
                remedy=f"give {1 + value:g} for {100 * value:g} %.",
            )
        if name not in _FACTOR and name not in _ABSOLUTE and value >= 1:
            raise InputError(
                f"the tolerance of {name} is a fraction and must be below 1, found {value:g}.",
                remedy=f"give {value / 100:g} for {value:g} %.",
            )
    return {**TOLERANCES, **tolerances}


def tolerance_of(
    property_name: str, row: str, unit: str, kind: Kind, tolerances: Mapping[str, float]
) -> Tolerance | None:
    """The tolerance of a row; None for a difference in a unit that no tolerance is known for."""
    name = property_name
    if property_name == "eos":
        name = "eos/energy" if kind == "error" else "eos/volume" if "volume" in row else "eos"
    value = tolerances.get(name, _OTHER)
    if name in _ABSOLUTE:
        fits = kind != "positive" and unit == _ABSOLUTE[name]
        return Tolerance(value, False, f"{value:g} {unit}") if fits else None
    if kind == "plain":
        return None
    if name in _FACTOR:
        return Tolerance(math.log(value), True, f"a factor of {value:g}")
    percent = f"{100 * value:g} %"
    if kind == "error":
        return Tolerance(-math.log1p(-value), True, percent)
    return Tolerance(math.log1p(value), True, percent)
