"""What `superion profile` finds: charge, field and potential across a slab."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from superion.notebook import Table
from superion.results import Count, Finite, Result, ResultFile, Size, same_length

Three = Annotated[list[Finite], Field(min_length=3, max_length=3)]
_CURVES = ("height_A", "charge_e_per_A3", "field_V_per_A", "potential_V")


class RegionField(Result):
    """The mean field in a region."""

    low_A: Finite = Field(description="lower end, Å")
    high_A: Finite = Field(description="upper end, Å")
    field_V_per_A: Finite = Field(description="mean, V/Å")
    error_V_per_A: Size | None = Field(description="standard error over blocks of frames, V/Å")
    spread_V_per_A: Size = Field(description="standard deviation over the layers, V/Å")
    vector_V_per_A: Three = Field(description="Cartesian, V/Å")
    notes: list[str] = Field(default_factory=list)


class ProfileResult(ResultFile):
    """Averages over planes and frames, against the height."""

    writer: ClassVar[str] = "`superion profile --json`"

    kind: Literal["profile"] = "profile"
    axis: str
    normal: Three = Field(description="of the planes, no unit")
    thickness_A: Size = Field(description="of the cell along the normal, Å")
    frames: Count = Field(description="frames averaged over, count")
    surroundings: str
    smoothing_A: Size = Field(description="standard deviation of the smoothing, Å")
    window_A: Size = Field(description="width of the running mean, Å")
    applied_V_per_A: Finite = Field(description="mean applied field along the normal, V/Å")
    step_V: Finite = Field(description="potential at the upper end less that at the lower, V")
    height_A: list[Finite] = Field(description="heights, Å")
    charge_e_per_A3: list[Finite] = Field(description="charge density, e/Å³")
    field_V_per_A: list[Finite] = Field(description="electric field along the normal, V/Å")
    potential_V: list[Finite] = Field(description="electric potential, V")
    region: RegionField | None = None
    notes: list[str] = Field(default_factory=list)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        same_length(**{name: getattr(self, name) for name in _CURVES})
        return self

    @property
    def table(self) -> Table:
        """The curves, a row for each height."""
        rows = tuple(zip(*(getattr(self, name) for name in _CURVES), strict=True))
        head = ("height (Å)", "charge (e/Å³)", "field (V/Å)", "potential (V)")
        return Table(f"profile along {self.axis}, {self.frames} frames", head, rows)
