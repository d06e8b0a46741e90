"""What was chosen before results were seen: tolerances, level, pairs and properties, with their hash.

`superion run` writes it into the study folder before it computes anything, and adds to it whenever it finds
something else chosen. The last choice before there were results holds; what differs from it is said.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from superion.notebook import Table
from superion.results import Result, ResultFile, Size, read_result, write_result
from superion.verdict.settings import Pair
from superion.verdict.tolerances import checked
from superion.verdict.topics import topic_of

NAME = "verdict-plan.json"


class Choice(Result):
    """What was chosen at one time."""

    tolerances: dict[str, Size] = Field(description="by property, in the units of the rows")
    level: Size = Field(description="chance of error, no unit")
    pairs: list[str] = Field(description="baseline and candidate of each")
    properties: dict[str, str] = Field(description="hash of the settings by property, which fix its rows")
    hash: str = Field(description="SHA-256 of all of it")
    seen: bool = Field(description="whether there were results")
    time: str


class PlanFile(ResultFile):
    """`verdict-plan.json`: choices in their order."""

    kind: Literal["verdict-plan"] = "verdict-plan"
    choices: list[Choice]

    @property
    def table(self) -> Table:
        """What was chosen, a row for each time."""
        rows = tuple(
            (c.time, c.level, "; ".join(c.pairs), ", ".join(c.properties), c.seen) for c in self.choices
        )
        return Table("choices", ("time", "level", "pairs", "properties", "results seen"), rows)


def choice(
    tolerances: Mapping[str, float],
    level: float,
    pairs: Sequence[Pair] | None,
    properties: Mapping[str, Any],
    *,
    seen: bool,
) -> Choice:
    """A choice with all defaults; properties: their settings, JSON-ready."""
    content: dict[str, Any] = {
        "tolerances": checked(tolerances),
        "level": level,
        "pairs": [f"{pair.baseline}, {pair.candidate}" for pair in pairs or ()],
        "properties": {name: _hash(own)[:16] for name, own in sorted(properties.items())},
    }
    return Choice(
        **content, hash=_hash(content), seen=seen, time=datetime.now(UTC).isoformat(timespec="seconds")
    )


def record(folder: Path, made: Choice) -> None:
    """Add a choice to the record of a study folder, unless it is the last one there."""
    path = folder / NAME
    choices = _read(path) if path.exists() else []
    if not choices or choices[-1].hash != made.hash:
        write_result(path, PlanFile(choices=[*choices, made]))


def changed(
    folder: Path, tolerances: Mapping[str, float], level: float, properties: Sequence[str]
) -> list[str] | None:
    """What is not as it was chosen before results were seen; None without a record of that.

    tolerances: all that hold now; properties: those that there are values of.
    """
    path = folder / NAME
    before = [each for each in (_read(path) if path.exists() else []) if not each.seen]
    if not before:
        return None
    held = before[-1]
    found = [
        f"the tolerance of {name} is {value:g}, was {held.tolerances[name]:g}"
        for name, value in tolerances.items()
        if name in held.tolerances and value != held.tolerances[name]
    ]
    if level != held.level:
        found.append(f"the level is {level:g}, was {held.level:g}")
    last = _read(path)[-1]
    for name in properties:
        plain = topic_of(name).plain
        if name not in held.properties:
            found.append(f"{plain} was not asked for")
        elif name in last.properties and last.properties[name] != held.properties[name]:
            found.append(f"the settings of {plain} are others")
    return found


def _read(path: Path) -> list[Choice]:
    remedy = "delete the file; what was chosen before is then not known."
    found: PlanFile = read_result(path, PlanFile, "verdict", remedy)
    return found.choices


def _hash(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
