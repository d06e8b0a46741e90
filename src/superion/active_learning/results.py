"""What the files of a training hold, for those who read them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from superion.active_learning.calibration import Calibration
from superion.active_learning.clean import Rejection
from superion.analysis.accuracy_result import Errors
from superion.files import read_json
from superion.results import Count, Finite, Range, Result, Size, read_result, same_length

REMEDY = "delete the file and go on (`superion active-learning` with the folder): the step is done again."


class ExploredRun(Result):
    """One run of an exploration."""

    run: str
    temperature: Finite | None = Field(None, description="asked for, K")
    frames: Count = Field(description="frames of the trajectory, count")
    snapshots: Count = Field(description="candidates taken from it, count")
    stopped: str | None
    mean_temperature: Finite | None = Field(None, description="mean over the frames, K")
    warnings: list[str] = Field(default_factory=list)


class Chosen(Result):
    """A frame that was selected; score: None where the method gives none."""

    frame: str
    score: Finite | None = Field(description="what the method chose by, no unit that is common to all")


class Selected(Result):
    """`selected.json`."""

    method: str
    candidates: Count = Field(description="frames to choose from, count")
    chosen: list[Chosen]


class JudgedErrors(Errors):
    """Errors on one set of frames."""

    force_rmse: Size | None = Field(description="root mean square over components, eV/Å")
    judged: dict[str, Finite | None] = Field(
        default_factory=dict, description="what judges of the settings say, in the unit of each"
    )


class Judged(Result):
    """What one model is worth."""

    train: JudgedErrors | None = None
    test: JudgedErrors | None = None
    new: JudgedErrors | None = None
    calibration: Calibration | None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.calibration is not None:
            same_length(levels=list(self.calibration.levels), observed=list(self.calibration.observed))
        return self


class Judge(Result):
    """`judge.json`: the models of a generation."""

    generation: Count = Field(description="number of the generation, no unit")
    labels: Count = Field(description="frames labelled so far, count")
    training_frames: Count = Field(description="frames trained on, count")
    models: dict[str, Judged]


class Diffusion(Result):
    """`diffusion.json`: a value with its interval where there is one, else the reason."""

    diffusion: Size | None = Field(description="diffusion coefficient, cm²/s")
    reason: str
    status: str | None = None
    diffusion_interval: Range | None = Field(None, description="95 % interval, cm²/s")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.status == "converged" and (self.diffusion is None or self.diffusion_interval is None):
            raise ValueError("status is 'converged', but there is no diffusion with its diffusion_interval")
        return self


class Summary(Result):
    """`summary.json`."""

    ended: str | None
    generations: list[Judge]
    diffusion: dict[Annotated[str, Field(pattern=r"^\d+$")], Diffusion]


class Stopped(Result):
    """Why a run of an exploration ended before its last step."""

    reason: str


_KINDS: dict[str, tuple[Any, str]] = {
    "explored.json": (list[ExploredRun], "explore"),
    "selected.json": (Selected, "select"),
    "failed.json": (list[str], "label"),
    "first-failed.json": (list[str], "start/label"),
    "rejected.json": (list[Rejection], "clean"),
    "first-rejected.json": (list[Rejection], "start/data"),
    "judge.json": (Judge, "judge"),
    "diffusion.json": (Diffusion, "diffusion"),
    "summary.json": (Summary, "judge"),
    "stopped.json": (Stopped, "explore"),
}


def read_training_result(path: Path) -> Any:
    """The content of a JSON file of a training; CorruptFileError naming its faults."""
    model, step = _KINDS[path.name]
    read_result(path, model, step, REMEDY)
    return read_json(path, REMEDY)
