"""What verdict.json holds."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from superion.results import Count, Finite, Result, ResultFile, Size
from superion.verdict.rules import Outcome
from superion.verdict.values import Kind


class PairNames(Result):
    """The two models that are compared."""

    baseline: str
    candidate: str
    question: str | None = None
    charges: str | None = None


class ChangeNumbers(Result):
    """Candidate against baseline."""

    value: Finite = Field(description="in `unit`")
    low: Finite = Field(description="lower end of the interval, in `unit`")
    high: Finite = Field(description="upper end of the interval, in `unit`")
    unit: str


class ChangeInTolerances(Result):
    """The same over the tolerance."""

    value: Finite = Field(description="in tolerances, no unit")
    low: Finite = Field(description="in tolerances, no unit")
    high: Finite = Field(description="in tolerances, no unit")


class ClaimRow(Result):
    """One claim that was tested."""

    claim: str
    p: Size = Field(description="probability, no unit")
    adjusted: Size = Field(description="the same for all claims together, no unit")
    shown: bool


class VerdictRow(Result):
    """One value of one property by both models, and what follows from it."""

    property: str
    name: str
    unit: str
    kind: Kind
    outcome: Outcome
    because: str
    baseline: Finite | None = Field(None, description="in `unit`")
    candidate: Finite | None = Field(None, description="in `unit`")
    reference: Finite | None = Field(None, description="of the labels, in `unit`")
    fits: Count = Field(description="resampled pairs of fits that both have a value, count")
    tolerance: str | None = None
    change: ChangeNumbers | None = None
    in_tolerances: ChangeInTolerances | None = None
    standard_errors: dict[str, Size] = Field(
        default_factory=dict,
        description="parts of the standard error, in `unit` or of the logarithm, no unit",
    )
    claims: list[ClaimRow] = Field(default_factory=list)
    flags: list[str] = Field(default_factory=list)


class PropertyRow(Result):
    """What all values of one property say together."""

    property: str
    outcome: Outcome
    rows: Count = Field(description="values, count")
    whole: str | None = Field(None, description="the value that speaks for all")
    needed: Size = Field(description="adjusted p-value of: it is needed; probability, no unit")
    not_needed: Size = Field(
        description="adjusted p-value of: what the candidate adds does not matter; probability, no unit"
    )
    complete: bool = Field(True, description="whether all kinds of electrostatics were shown not to matter")


class RemedyRow(Result):
    """One way to decide a property."""

    lever: str = Field(
        description="fits, training trajectories, test trajectories, dynamics, everything, tolerance, "
        "labels or value"
    )
    text: str
    amount: Size | None = Field(None, description="in all, in `unit`")
    unit: str = ""
    chance: Size | None = Field(None, description="probability that it decides, no unit")
    seconds: Size | None = Field(None, description="time of computing, s")


class VerdictFile(ResultFile):
    """`verdict.json`: the first pair of models; further ones under `others`."""

    writer: ClassVar[str] = "`superion verdict`"
    remedy: ClassVar[str] = "write it again: `superion verdict` with the folder of the study."

    kind: Literal["verdict"] = "verdict"
    pair: PairNames | None = None
    answer: str
    properties: dict[str, Outcome]
    pooled: list[PropertyRow] = Field(default_factory=list)
    plan: dict[str, list[RemedyRow]] = Field(
        default_factory=dict, description="what would decide properties that are undecided"
    )
    rows: list[VerdictRow]
    tolerances: dict[str, Size] = Field(description="by property, in the units of the rows")
    level: Size = Field(description="chance of error of all claims together, no unit")
    fits: Count = Field(description="resampled pairs of fits, count")
    seeds: dict[str, int | None] = Field(default_factory=dict, description="seeds by purpose, no unit")
    not_asked: list[str] = Field(default_factory=list)
    changed: list[str] = Field(default_factory=list, description="what was chosen after results were seen")
    notes: list[str] = Field(default_factory=list)
    others: list[VerdictFile] = Field(default_factory=list)
