"""How large a difference has to be to matter: what a user may set, and what holds for a row."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from superion.errors import InputError, suggest
from superion.verdict.topics import limits, topic_of
from superion.verdict.values import Kind


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
    known = limits()
    for name, value in tolerances.items():
        if name not in known:
            raise InputError(
                f"there is no tolerance {name!r}.{suggest(name, known)}",
                remedy=f"use {', '.join(known)}.",
            )
        if not math.isfinite(value) or value <= 0:
            raise InputError(
                f"the tolerance of {name} must be above 0, found {value:g}.",
                remedy="give the smallest difference that matters to you.",
            )
        if known[name].factor and value <= 1:
            raise InputError(
                f"the tolerance of {name} is a factor and must be above 1, found {value:g}.",
                remedy=f"give {1 + value:g} for {100 * value:g} %.",
            )
        if not known[name].factor and known[name].unit is None and value >= 1:
            raise InputError(
                f"the tolerance of {name} is a fraction and must be below 1, found {value:g}.",
                remedy=f"give {value / 100:g} for {value:g} %.",
            )
    return {name: limit.value for name, limit in known.items()} | dict(tolerances)


def tolerance_of(
    property_name: str, row: str, unit: str, kind: Kind, tolerances: Mapping[str, float]
) -> Tolerance | None:
    """The tolerance of a row; None for a difference in a unit that no tolerance is known for."""
    limit = topic_of(property_name).limit(row, kind)
    value = tolerances.get(limit.name, limit.value)
    if limit.unit is not None:
        fits = kind != "positive" and unit == limit.unit
        return Tolerance(value, False, f"{value:g} {unit}") if fits else None
    if kind == "plain":
        return None
    if limit.factor:
        return Tolerance(math.log(value), True, f"a factor of {value:g}")
    percent = f"{100 * value:g} %"
    if kind == "error":
        return Tolerance(-math.log1p(-value), True, percent)
    return Tolerance(math.log1p(value), True, percent)
