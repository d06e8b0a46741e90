"""The properties that a verdict knows: how they are spoken of, and how large a difference matters in each.

A property that none of these is goes by its own name, and a tenth of its values matters.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from superion.verdict.values import Kind

FRACTION = 0.10
"""What matters where nothing else is said."""


@dataclass(frozen=True, slots=True)
class Limit:
    """The smallest difference that matters in some rows of a property.

    name: by which a user sets another. value: a fraction; in the unit of the row if `unit` names it; or a
    factor. rows: of which rows it is, by a pattern in their names; kind: or by the kind of their values.
    """

    name: str
    value: float = FRACTION
    unit: str | None = None
    factor: bool = False
    rows: str = ""
    kind: Kind | None = None

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
    Topic("forces", "forces", limits=(Limit("forces"),), whole="forces of all atoms"),
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
