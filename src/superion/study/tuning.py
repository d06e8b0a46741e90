"""Hyper-parameters and the scale of charges, chosen inside the training data, alike for all models.

Of every candidate the forces of left-out trajectories are predicted, in a few folds of the frames that a fit
is given, also of those of a draw: the spread of fits holds that of the choice (recipes/left_out.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import Any, Literal

import numpy as np
from ase import Atoms
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat

from superion.notebook import Table
from superion.potentials import FitSettings
from superion.recipes.base import Job
from superion.recipes.electrostatics import ElectrostaticsSettings, fixed_charges
from superion.recipes.left_out import force_rmse, left_out, predicted
from superion.results import Result, ResultFile, Size


class TuneSettings(BaseModel):
    """Choices for every model with a local Gaussian process, by forces of left-out training trajectories."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    sigmas: tuple[PositiveFloat, ...] = Field(
        (0.5, 1.0, 2.0), min_length=1, description="factors on the sigmas of the fit, tried for every model"
    )
    scales: tuple[PositiveFloat, ...] = Field(
        (0.25, 0.5, 1.0),
        min_length=1,
        description="factors on fixed charges, tried for models that have them",
    )
    folds: int = Field(3, ge=2, le=10, description="parts of the training data that are left out in turn")


class Score(Result):
    """One candidate."""

    sigma: Size = Field(description="factor on the sigmas, no unit")
    scale: Size | None = Field(None, description="factor on the charges, no unit")
    force_rmse: Size = Field(description="of left-out frames, eV/Å")


class TuningFile(ResultFile):
    """`tuning/<model>.json`: what was chosen for a fit, and all that was tried."""

    kind: Literal["tuning"] = "tuning"
    made_from: str = Field(description="SHA-256 of all that the choice depends on")
    folds: list[int] = Field(description="frames left out in each fold, count")
    chosen: Score
    tried: list[Score]

    @property
    def table(self) -> Table:
        """All that was tried."""
        rows = tuple((one.sigma, one.scale, one.force_rmse, one == self.chosen) for one in self.tried)
        return Table("tried", ("sigma", "scale", "force RMSE (eV/Å)", "chosen"), rows)


def tunable(job: Job) -> bool:
    """Whether there is something to choose for a model."""
    return isinstance(job.settings, FitSettings)


def scalable(job: Job) -> bool:
    """Whether its charges are fixed by element, so that they can be scaled."""
    chosen = job.options.electrostatics
    return "charges" in job.recipe.reads and chosen.model is None and not isinstance(chosen.charges, str)


def tune(job: Job, frames: Sequence[Atoms], settings: TuneSettings, made_from: str) -> TuningFile:
    """Choose for a job that is `tunable`; of equal candidates the one nearest to the settings as they are."""
    folds = left_out(frames, settings.folds, "add training frames, or leave tune out of the settings.").folds
    scales: Sequence[float | None] = settings.scales if scalable(job) else (None,)
    tried = []
    for sigma, scale in product(settings.sigmas, scales):
        error = force_rmse(*predicted(with_choice(job, sigma, scale, deviations=False), frames, folds))
        tried.append(Score(sigma=sigma, scale=scale, force_rmse=error))
    best = min(tried, key=lambda one: (one.force_rmse, abs(np.log(one.sigma)), abs(np.log(one.scale or 1.0))))
    return TuningFile(made_from=made_from, folds=[len(out) for out in folds], chosen=best, tried=tried)


def with_choice(job: Job, sigma: float, scale: float | None, *, deviations: bool = True) -> Job:
    """The job with sigmas and charges times factors."""
    own: Any = job.settings
    factors = {name: value * sigma for name, value in own.sigma.model_dump().items()}
    update: dict[str, Any] = {"sigma": own.sigma.model_copy(update=factors)}
    if not deviations:
        update["uncertainty"] = False
    found = replace(job, settings=own.model_copy(update=update))
    if scale is None:
        return found
    charges, screening = fixed_charges(job.options.electrostatics)
    scaled = ElectrostaticsSettings(
        charges={symbol: scale * charge for symbol, charge in charges.items()},
        screening=screening,
        accuracy=job.options.electrostatics.accuracy,
        charged_cells=job.options.electrostatics.charged_cells,
    )
    return replace(found, options=replace(job.options, electrostatics=scaled))
