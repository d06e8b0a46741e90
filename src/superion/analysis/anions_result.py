"""The anions of a trajectory."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import ConfigDict, Field

from superion.notebook import Table
from superion.results import Count, Result, ResultFile, Size


class Kind(Result):
    """One kind of anion; its name is formula and charge."""

    model_config = ConfigDict(frozen=True)

    name: str
    mean: Size = Field(description="in a frame, count")
    error: Size | None = Field(description="standard error of the mean over blocks, count")
    least: Count = Field(description="in a frame, count")
    most: Count = Field(description="in a frame, count")


class AnionsResult(ResultFile):
    """Anions by kind, and places of ligands.

    ligands: by element, how many of a frame bridge two formers, hang on one, are bonded to ligands alone, or
    are free. first_change: the first frame with other anions, or the same of other atoms, than the first one;
    null without. changed: atoms of which that is true at any time.
    """

    model_config = ConfigDict(frozen=True)
    writer: ClassVar[str] = "`superion anions --json`"

    kind: Literal["anions"] = "anions"
    frames: Count = Field(description="frames, count")
    kinds: tuple[Kind, ...]
    ligands: dict[str, dict[str, float]] = Field(description="mean of a frame, count")
    first_change: Count | None = Field(description="number of the frame, no unit")
    changed: Count = Field(description="atoms, count")
    notes: tuple[str, ...]

    @property
    def table(self) -> Table:
        """Anions of a frame."""
        rows = tuple((one.name, one.mean, one.error, one.least, one.most) for one in self.kinds)
        return Table(f"anions in {self.frames} frames", ("anion", "mean", "±", "least", "most"), rows)
