"""The properties that a verdict knows: how they are spoken of, and how large a difference matters in each.

A property that none of these is goes by its own name, and a tenth of its values matters. Users may set other
tolerances.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from superion.errors import InputError, suggest
from superion.verdict.values import Kind

FRACTION = 0.10
"""What matters where nothing else is said."""


@dataclass(frozen=True, slots=True)
class Limit:
    """The smallest difference that matters in some rows of a property.

    name: by which a user sets another. value: a fraction; in the unit of the row if `unit` names it; or a
    factor. rows: of which rows it is, by a pattern in their names; kind: or by the kind of their values.
    least: in the unit of the row, an error of the baseline below which nothing matters, whatever removes it.
    """

    name: str
    value: float = FRACTION
    unit: str | None = None
    factor: bool = False
    rows: str = ""
    kind: Kind | None = None
    least: float = 0.0

    def holds_for(self, row: str, kind: Kind) -> bool:
        """Whether it is that of a row."""
        return self.kind in (None, kind) and re.search(self.rows, row) is not None


@dataclass(frozen=True, slots=True)
class Topic:
    """A property as a verdict speaks of it.

    plain: in running text. whole: the row that speaks for the property, if one does.
    dynamics: whether longer runs narrow it. label: what would tell
    which of two values is right, where no label does. limits: the first that holds for a row counts.
    """

    name: str
    plain: str
    label: str = "a first-principles or measured value"
    limits: tuple[Limit, ...] = ()
    whole: str | None = None
    dynamics: bool = False

    def limit(self, row: str, kind: Kind) -> Limit:
        """The limit of a row."""
        return next((limit for limit in self.limits if limit.holds_for(row, kind)), Limit(self.name))


TOPICS: dict[str, Topic] = {}
"""By name, in the order in which they are shown."""


def add_topic(topic: Topic) -> Topic:
    """Make a property known to all verdicts."""
    TOPICS[topic.name] = topic
    return topic


def topic_of(name: str) -> Topic:
    """The property of this name, as far as anything is known of it."""
    return TOPICS.get(name) or Topic(name, name, limits=(Limit(name),))


def limits() -> Mapping[str, Limit]:
    """All limits by their names."""
    return {limit.name: limit for topic in TOPICS.values() for limit in topic.limits}


for _topic in (
    Topic("forces", "forces", limits=(Limit("forces", least=0.001),), whole="forces of all atoms"),
    Topic("energies", "energies", limits=(Limit("energies", 1.0, unit="meV/atom"),)),
    Topic("stresses", "stresses", limits=(Limit("stresses"),)),
    Topic(
        "eos",
        "the equation of state",
        "first-principles energies of the crystal at several volumes",
        (
            Limit("eos/energy", 1.0, unit="meV/atom", kind="error"),
            Limit("eos/volume", 0.01, rows="volume"),
            Limit("eos"),
        ),
    ),
    Topic(
        "elastic",
        "the elastic moduli",
        "first-principles stresses of strained cells",
        (Limit("elastic"),),
    ),
    Topic(
        "defects",
        "defects",
        "first-principles energies of these defects",
        (Limit("defects", 0.1, unit="eV"),),
    ),
    Topic(
        "conductivity",
        "the conductivity",
        "a measured conductivity, or one of first-principles dynamics",
        (Limit("conductivity", 1.5, factor=True),),
        dynamics=True,
    ),
    Topic(
        "dielectric",
        "the dielectric constant",
        "a measured or first-principles dielectric constant",
        (Limit("dielectric"),),
    ),
):
    add_topic(_topic)


@dataclass(frozen=True, slots=True)
class Tolerance:
    """The tolerance of one row.

    relative: whether the comparison is that of logarithms; `value` is then the logarithm's tolerance, else it
    has the unit of the row. text: as a reader is told it. least: of a relative one, the error of the baseline
    below which nothing matters, in the unit of the row.
    """

    value: float
    relative: bool
    text: str
    least: float = 0.0


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
        return Tolerance(-math.log1p(-value), True, percent, limit.least)
    return Tolerance(math.log1p(value), True, percent)
