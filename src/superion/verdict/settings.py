"""What a user chooses of a verdict, and the record of what was chosen before results were seen.

`superion run` writes the record into the study folder before it computes anything, and adds to it whenever it
finds something else chosen. The last choice before there were results holds; what differs from it is said.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from superion.errors import InputError
from superion.model import Charges
from superion.notebook import Table
from superion.results import Result, ResultFile, Size, read_result, write_result
from superion.verdict.topics import checked, limits, topic_of

LEVEL = 0.05
"""The chance of a false "needed" anywhere in a table, and that of a false "not needed"."""


class Pair(BaseModel):
    """Two models that are compared: whether the candidate matters, beside the baseline."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    baseline: str = Field(min_length=1, description="name of the model that is asked whether it suffices")
    candidate: str = Field(min_length=1, description="name of the model that it is compared with")
    question: Literal["electrostatics", "model"] | None = Field(
        None,
        description="electrostatics: the candidate has long-range electrostatics and the baseline has not; "
        "model: they differ in something else; null: what their presets say",
    )
    charges: Charges | None = Field(
        None,
        description="which electrostatics the candidate has: fixed charges by element, predicted from "
        "environments, equilibrated, latent, or 4g (equilibrated, and seen by local energies); null: what "
        "its preset says",
    )

    @model_validator(mode="after")
    def _two(self) -> Self:
        if self.baseline == self.candidate:
            raise ValueError(f"baseline and candidate are both {self.baseline}")
        return self


class VerdictSettings(BaseModel):
    """Which models are compared, how large a difference matters, and how sure an answer has to be."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    pairs: tuple[Pair, ...] | None = Field(
        None,
        description="pairs of models to compare, each with baseline and candidate (one pair may stand here "
        "without pairs); null: the first model with each of the others",
    )
    tolerances: dict[str, float] = Field(
        {},
        description="smallest difference that matters, where it is another than "
        + ", ".join(f"{name} {limit.value:g}" for name, limit in limits().items())
        + ": eV for defects, meV/atom for eos/energy, a factor for conductivity, fractions for the others",
    )
    level: float = Field(
        LEVEL, gt=0, lt=0.5, description='chance of any false "needed", and of any false "not needed"'
    )

    @model_validator(mode="before")
    @classmethod
    def _one_pair(cls, given: Any) -> Any:
        """`{baseline: A, candidate: B}` means `{pairs: [{baseline: A, candidate: B}]}`."""
        own = set(Pair.model_fields)
        if not isinstance(given, dict) or not own & given.keys() or "pairs" in given:
            return given
        rest = {key: value for key, value in given.items() if key not in own}
        return rest | {"pairs": [{key: value for key, value in given.items() if key in own}]}

    @model_validator(mode="after")
    def _known(self) -> Self:
        try:
            checked(self.tolerances)
        except InputError as error:
            raise ValueError(str(error)) from error
        return self


ELECTROSTATICS = Pair(baseline="gap", candidate="es-gap", question="electrostatics", charges="fixed")
"""The comparison of a study that names none."""


@dataclass(frozen=True, slots=True)
class Words:
    """Words of running text for a pair.

    baseline, candidate: as in "the local potential". subject: what makes the difference; opening: the same
    at the start of a sentence. using: "with electrostatics". whole: what the answer is about, at its start.
    """

    baseline: str
    candidate: str
    subject: str
    opening: str
    using: str
    whole: str

    @classmethod
    def of(cls, pair: Pair) -> Words:
        """The words for a pair."""
        if pair.question != "model":
            return cls(
                "local",
                "electrostatic",
                "electrostatics",
                "Electrostatics",
                "with electrostatics",
                "Long-range electrostatics",
            )
        old, new = pair.baseline, pair.candidate
        return cls(old, new, new, new, f"with {new} instead of {old}", f"{new} instead of {old}")


def capital(text: str) -> str:
    """The text with its first letter in upper case."""
    return text[:1].upper() + text[1:]


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
