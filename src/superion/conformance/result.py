"""What a referee finds: one result for each check, and the report of all of them."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from superion.notebook import Table
from superion.results import Count, ResultFile

Status = Literal["pass", "fail", "not applicable"]


class Strict(BaseModel):
    """A part of a report."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Settings(Strict):
    """How a model is judged."""

    level: Literal["quick", "standard", "thorough"] = Field(
        "standard",
        description="how many directions, species and evaluations; thorough: every force and a finer search "
        "for jumps",
    )
    accuracy: float = Field(
        1e-5,
        gt=0,
        le=0.1,
        description="eV/Å by which forces may differ where they should be equal; limits of energies, "
        "stresses and charges follow from it",
    )
    rattle: float = Field(
        0.05, ge=0, le=1, description="standard deviation in Å of random moves of the atoms of the structure"
    )
    temperature: float = Field(300.0, gt=0, le=1e5, description="K, of the dynamics")
    seed: int = Field(0, ge=0, description="of all random choices")
    only: tuple[str, ...] = Field((), description="checks to run; none: all")
    skip: tuple[str, ...] = Field((), description="checks to leave out")


class Check(Strict):
    """One property of a model: whether it has it, by how much, and why."""

    name: str
    status: Status
    number: float | None = Field(None, description="the largest deviation, in `unit`")
    limit: float | None = Field(None, description="the largest deviation that passes, in `unit`")
    unit: str = ""
    why: str = Field("", description="what was compared, why it fails, or why it does not apply")
    evaluations: int = Field(0, description="structures evaluated, count")
    seconds: float = Field(0.0, description="wall-clock time, s")


class Noise(Strict):
    """Rounding of a model as found: standard deviations."""

    energy: float = Field(description="eV, of the whole structure")
    force: float = Field(description="eV/Å, of a component")
    virial: float | None = Field(description="eV, of a component")


class Report(ResultFile):
    """All checks of a model."""

    model_config = ConfigDict(frozen=True, strict=False)
    writer: ClassVar[str] = "`superion check --json`"

    kind: Literal["check"] = "check"
    model: dict[str, Any] = Field(description="what the model is")
    structure: str = Field(description="formula of what it was judged with, and where that came from")
    atoms: Count = Field(description="atoms of it, count")
    settings: Settings
    noise: Noise
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether no check fails."""
        return not self.failed

    @property
    def failed(self) -> list[str]:
        """Names of the checks that fail."""
        return [check.name for check in self.checks if check.status == "fail"]

    def __getitem__(self, name: str) -> Check:
        """The check of this name; KeyError if it was not run."""
        for check in self.checks:
            if check.name == name:
                return check
        raise KeyError(name)

    def __str__(self) -> str:
        return "\n".join(
            f"{check.name}: {check.status}{_measured(check)}{f'; {check.why}' if check.why else ''}"
            for check in self.checks
        )

    @property
    def table(self) -> Table:
        """The checks with their numbers and limits."""
        rows = [(c.name, c.status, c.number, c.limit, c.unit, c.why) for c in self.checks]
        return Table(self.structure, COLUMNS, tuple(rows))


COLUMNS = ("check", "status", "number", "limit", "unit", "why")


def row(check: Check) -> tuple[str, ...]:
    """A check as the cells of a table."""
    return (
        check.name,
        check.status,
        "" if check.number is None else f"{check.number:.2g}",
        "" if check.limit is None else f"{check.limit:.2g}",
        check.unit,
        check.why,
    )


def _measured(check: Check) -> str:
    if check.number is None or check.limit is None:
        return ""
    return f", {check.number:.2g} of at most {check.limit:.2g} {check.unit}".rstrip()
