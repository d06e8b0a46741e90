"""What the result of `superion neb` holds."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from superion.notebook import Table
from superion.results import Count, Finite, Result, ResultFile, Size, same_length

Interval = Annotated[list[Finite], Field(min_length=2, max_length=2)]


class OnPath(Result):
    """Energies of another model, or of labels, at the images of a path."""

    name: str
    energies_eV: list[Finite | None] = Field(description="against the first image, eV; null: not known")
    forward_eV: Finite | None = Field(description="highest image less first, eV")
    backward_eV: Finite | None = Field(description="highest image less last, eV")


class BarrierRow(Result):
    """One hop: the path of lowest energy between its relaxed ends.

    Where there is no path everything but `why` is null or empty.
    """

    name: str
    atoms: Count = Field(description="atoms of the cell, count")
    mover: Count = Field(description="number of the atom that moves most, count from 0")
    hop_length_A: Size | None = Field(description="way of that atom from end to end, Å")
    forward_eV: Finite | None = Field(description="barrier from the initial state, eV")
    backward_eV: Finite | None = Field(description="barrier from the final state, eV")
    forward_interval_eV: Interval | None = Field(None, description="95 % interval over other fits, eV")
    backward_interval_eV: Interval | None = Field(None, description="95 % interval over other fits, eV")
    saddle: Count | None = Field(description="number of the highest image, count from 0")
    path_A: list[Size] = Field(description="length of the path up to each image, Å")
    energies_eV: list[Finite] = Field(description="of the images, against the first, eV")
    slopes_eV_per_A: list[Finite] = Field(description="of the energy along the path, eV/Å")
    converged: bool
    steps: Count = Field(description="steps of the band, count")
    force_left_eV_per_A: Size | None = Field(description="largest across the path, eV/Å")
    extrapolation_grades: list[Finite] = Field(default_factory=list, description="of the images, no unit")
    force_deviations_eV_per_A: list[Size] = Field(
        default_factory=list, description="largest predicted of each image, eV/Å"
    )
    why: str | None = None
    flags: list[str] = Field(default_factory=list)
    fits_forward_eV: dict[str, Finite | None] = Field(
        default_factory=dict, description="barriers of other fits on paths of their own, eV"
    )
    fits_backward_eV: dict[str, Finite | None] = Field(
        default_factory=dict, description="barriers of other fits from the final state, eV"
    )
    others: list[OnPath] = Field(default_factory=list)
    labels: OnPath | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        same_length(
            path_A=self.path_A,
            energies_eV=self.energies_eV,
            slopes_eV_per_A=self.slopes_eV_per_A,
        )
        return self


class BarrierFile(ResultFile):
    """`barriers.json`."""

    writer: ClassVar[str] = "`superion neb`"
    remedy: ClassVar[str] = "delete the file and run `superion neb` again: what is computed is kept."

    kind: Literal["barriers"] = "barriers"
    formula: str | None = None
    model: str | None = None
    barriers: list[BarrierRow]
    notes: list[str] = Field(default_factory=list)
    settings: dict[str, Any] | None = None

    @property
    def table(self) -> Table:
        """Barriers in eV with 95 % intervals, a row for each hop."""
        rows = []
        for one in self.barriers:
            low, high = one.forward_interval_eV or (None, None)
            remarks = "; ".join(filter(None, (one.why, *one.flags)))
            rows.append((one.name, one.hop_length_A, one.forward_eV, low, high, one.backward_eV, remarks))
        head = ("hop", "length (Å)", "forward (eV)", "low (eV)", "high (eV)", "backward (eV)", "remarks")
        return Table("barriers", head, tuple(rows))
