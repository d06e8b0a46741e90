"""What the result of `superion rotations` holds."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from superion.notebook import Table
from superion.results import Count, Finite, Result, ResultFile, Size

Interval = Annotated[list[Finite], Field(min_length=2, max_length=2)]


class AnionKind(Result):
    """Anions of one composition."""

    name: str
    anions: Count = Field(description="that stay whole, count")
    turns: Count = Field(description="of all of them, count")
    rate_per_ps: Size | None = Field(description="turns of an anion, 1/ps")
    rate_interval_per_ps: Interval | None = Field(description="95 % interval, 1/ps")
    rate_bound_per_ps: Size = Field(description="95 % upper bound, 1/ps")
    mean_turn_degrees: Size | None = Field(description="mean angle of a turn in degrees, no unit")
    libration_degrees: Size = Field(description="root mean square about an orientation in degrees, no unit")


class RotationsResult(ResultFile):
    """How anions turn, and whether ions hop when they do."""

    writer: ClassVar[str] = "`superion rotations --json`"

    kind: Literal["rotations"] = "rotations"
    species: str
    temperature_K: Size = Field(description="of the run, K")
    length_ps: Size = Field(description="of the run, ps")
    timestep_ps: Size = Field(description="between frames, ps")
    anions: list[AnionKind]
    lags_ps: list[Size] = Field(description="of the correlation functions, ps")
    first: list[Finite] = Field(description="C1 = ⟨cos θ⟩ of directions to ligands, no unit")
    second: list[Finite] = Field(description="C2 = ⟨(3 cos² θ − 1)/2⟩, no unit")
    first_relaxation_ps: Size | None = Field(description="at which C1 falls to 1/e, ps; null: later")
    second_relaxation_ps: Size | None = Field(description="at which C2 falls to 1/e, ps; null: later")
    hops: Count = Field(description="hops of all ions, count")
    pairs: Count = Field(description="pairs of a turn and a hop beside it at about the same time, count")
    pairs_by_chance: Size = Field(description="the same of shuffled times, count")
    p: Size | None = Field(description="probability of as many by chance, no unit; null: no events")
    coupling_lags_ps: list[Finite] = Field(description="from a turn to hops beside it, ps")
    coupling: list[Size] = Field(description="such hops over those of shuffled times, no unit")
    notes: list[str] = Field(default_factory=list)
    settings: dict[str, Any] | None = None

    @property
    def table(self) -> Table:
        """Turns by anion, with 95 % intervals or bounds."""
        rows = []
        for one in self.anions:
            low, high = one.rate_interval_per_ps or (None, None)
            rows.append(
                (
                    one.name, one.anions, one.turns, one.rate_per_ps, low, high, one.rate_bound_per_ps,
                    one.libration_degrees,
                )
            )  # fmt: skip
        head = ("anion", "anions", "turns", "rate (1/ps)", "low", "high", "bound", "libration (°)")
        return Table(f"rotations in {self.length_ps:g} ps", head, tuple(rows))
