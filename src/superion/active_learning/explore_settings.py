"""The settings of exploration by molecular dynamics."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, model_validator

from superion.active_learning.explorers import Exploring
from superion.active_learning.measures import MEASURES
from superion.registry import known_in
from superion.study.config import DynamicsSettings


class StopSettings(BaseModel):
    """When a run has left the data."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    measure: Annotated[str, AfterValidator(known_in(MEASURES))] = Field(
        "deviation",
        description="deviation: predicted standard deviation of a force, eV/Å; extrapolation: grade (above 1 "
        "the model extrapolates); committee: disagreement on a force, eV/Å, of select.committee potentials "
        "fitted to resampled frames; or what an installed package brings (CONTRIBUTING.md)",
    )
    above: PositiveFloat = Field(description="the run ends before the first checked frame above this")
    every: PositiveInt = Field(100, description="steps between checks, a multiple of sample_every")


class ExploreSettings(Exploring):
    """Dynamics that looks for new structures."""

    dynamics: DynamicsSettings = Field(
        description="one run from every start at every temperature; the seed is drawn for each run"
    )
    ramp: bool = Field(
        False, description="go through the temperatures in turn, each from the last frame of the one before"
    )
    snapshots: PositiveInt = Field(20, description="equidistant frames taken from each run")
    stop: StopSettings | None = Field(None, description="end a run that leaves the data; null: never")

    @model_validator(mode="after")
    def _checks_frames(self) -> Self:
        every = self.dynamics.at(300).sample_every
        if self.stop is not None and self.stop.every % every:
            raise ValueError(
                f"stop.every must be a multiple of sample_every ({every}), found {self.stop.every}"
            )
        return self
