"""What the files of a training hold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from superion.active_learning.calibration import Calibration
from superion.active_learning.clean import Rejection
from superion.analysis.accuracy_result import Errors, errors_table
from superion.notebook import Table
from superion.results import Count, Finite, Range, Result, ResultFile, Size, read_result, same_length

SETS = ("train", "test", "new")
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


class Selected(ResultFile):
    """`selected.json`: the frames that are to be labelled."""

    writer: ClassVar[str] = "the step 'select' of a training"
    remedy: ClassVar[str] = REMEDY

    kind: Literal["selected"] = "selected"

    method: str
    candidates: Count = Field(description="frames to choose from, count")
    chosen: list[Chosen]

    @property
    def table(self) -> Table:
        """The frames with their scores, in the order of choice."""
        rows = tuple((rank, one.frame, one.score) for rank, one in enumerate(self.chosen, start=1))
        return Table(f"chosen by {self.method}", ("rank", "frame", "score"), rows)


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


class Judge(ResultFile):
    """`judge.json`: the models of a generation."""

    writer: ClassVar[str] = "the step 'judge' of a training"
    remedy: ClassVar[str] = REMEDY

    kind: Literal["judge"] = "judge"

    generation: Count = Field(description="number of the generation, no unit")
    labels: Count = Field(description="frames labelled so far, count")
    training_frames: Count = Field(description="frames trained on, count")
    models: dict[str, Judged]

    @property
    def table(self) -> Table:
        """Errors of energies, forces and stresses, a row for each model and set."""
        return judged_table([self])


class Diffusion(ResultFile):
    """`diffusion.json`: a value with its interval where there is one, else the reason.

    Where the model held its atoms together, all keys of `TransportResult` stand beside these.
    """

    writer: ClassVar[str] = "the step 'diffusion' of a training"
    remedy: ClassVar[str] = REMEDY

    kind: Literal["diffusion"] = "diffusion"

    diffusion: Size | None = Field(description="diffusion coefficient, cm²/s")
    reason: str
    status: str | None = None
    diffusion_interval: Range | None = Field(None, description="95 % interval, cm²/s")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.status == "converged" and (self.diffusion is None or self.diffusion_interval is None):
            raise ValueError("status is 'converged', but there is no diffusion with its diffusion_interval")
        return self


class Summary(ResultFile):
    """`summary.json`: what all generations came to; ended: why, null while it goes on."""

    writer: ClassVar[str] = "the step 'judge' of a training"
    remedy: ClassVar[str] = REMEDY

    kind: Literal["training"] = "training"

    ended: str | None
    generations: list[Judge]
    diffusion: dict[Annotated[str, Field(pattern=r"^\d+$")], Diffusion]

    @property
    def table(self) -> Table:
        """Errors by generation, a row for each model and set."""
        return judged_table(self.generations)


def errors_of(generation: Judge, model: str, part: str) -> JudgedErrors | None:
    """Errors of a model of a generation on the set "train", "test" or "new"; None if they are not known."""
    return getattr(generation.models.get(model), part, None)


def judged_table(found: Sequence[Judge]) -> Table:
    """Errors, a row for each generation, model and set."""
    rows: dict[tuple[Any, ...], Errors | None] = {
        (one.generation, one.labels, name, part): getattr(model, part)
        for one in found
        for name, model in one.models.items()
        for part in SETS
    }
    return errors_table(("generation", "labels", "model", "set"), rows)


class Stopped(ResultFile):
    """Why a run of an exploration ended before its last step."""

    writer: ClassVar[str] = "a run of an exploration"
    remedy: ClassVar[str] = REMEDY

    kind: Literal["stopped"] = "stopped"
    reason: str


class SelectedFrame(Result):
    """A frame that `superion select` chose; index: in the pool."""

    index: Count = Field(description="number in the pool, count from 0")
    frame: str
    score: Finite | None = Field(description="what the method chose by, no unit that is common to all")


class Selection(ResultFile):
    """What `superion select` chose, in the order of choice."""

    writer: ClassVar[str] = "`superion select --json`"

    kind: Literal["selection"] = "selection"
    method: str
    chosen: list[SelectedFrame]

    @property
    def table(self) -> Table:
        """The frames with their scores."""
        rows = tuple((k, one.frame, one.score) for k, one in enumerate(self.chosen, start=1))
        return Table(f"chosen by {self.method}", ("rank", "frame", "score"), rows)


class LearningCurve(Result):
    """Errors of one method: a row for each repeat, a value for each number of labels."""

    force_rmse: list[list[Size | None]] = Field(description="root mean square on the test set, eV/Å")
    energy_rmse_per_atom: list[list[Size | None]] = Field(description="the same of energies, eV/atom")
    calibration: Calibration | None = None


class Comparison(ResultFile):
    """`comparison.json` of `superion compare-selectors`."""

    writer: ClassVar[str] = "`superion compare-selectors`"

    kind: Literal["selectors"] = "selectors"
    settings: dict[str, Any]
    labels: list[Count] = Field(description="frames trained on, count")
    methods: dict[str, LearningCurve]

    @property
    def table(self) -> Table:
        """Errors of forces in eV/Å by method and labels, a row for each repeat."""
        rows = [
            (name, repeat, labels, error)
            for name, curve in self.methods.items()
            for repeat, errors in enumerate(curve.force_rmse, start=1)
            for labels, error in zip(self.labels, errors, strict=True)
        ]
        return Table("selectors", ("method", "repeat", "labels", "force RMSE (eV/Å)"), tuple(rows))


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
    """A result of a training by the name of its file; CorruptFileError naming its faults."""
    model, step = _KINDS[path.name]
    return read_result(path, model, step, REMEDY)
