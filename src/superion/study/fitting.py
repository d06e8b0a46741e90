"""The fits of a study: which models are fitted together, to which frames, and the files they become."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ase import Atoms

from superion.errors import CorruptFileError, ModelError
from superion.files import sha256
from superion.potentials import FitSettings, Potential, model_file
from superion.provenance import NUMERICAL, versions
from superion.recipes.base import Job, fit_jobs
from superion.results import read_result, write_result
from superion.study.models import FittedModel
from superion.study.resample import Draw, Fit, resample
from superion.study.tuning import TuneSettings, TuningFile, tunable, tune, with_choice
from superion.terms import Term
from superion.verdict.values import RESAMPLED
from superion.work.fingerprint import fingerprint

if TYPE_CHECKING:
    from superion.study.steps import Study

CHECKPOINT = ".training-"
"""Between the name of a model and what identifies its training, in names of files."""


@dataclass(frozen=True, slots=True)
class Group:
    """Models that one step fits. step: the name of that step for the main fits."""

    step: str
    models: dict[str, FittedModel]

    def step_of(self, resampled: int | None) -> str:
        """The step that fits them to all frames, or to those of a draw."""
        if resampled is None:
            return self.step
        return f"fit/resampled-{resampled}" if self.step == "fit" else f"{self.step}{RESAMPLED}{resampled}"


def groups(models: dict[str, Any], shared: FitSettings) -> list[Group]:
    """All fitted models, those together whose local terms have the same settings and so one design matrix.

    shared: the settings of the study, whose group is the step `fit`; others are called after a model.
    """
    found: dict[Any, dict[str, FittedModel]] = {}
    for name, model in models.items():
        if isinstance(model, FittedModel):
            alike = isinstance(model.settings, FitSettings)
            found.setdefault(model.settings.model_dump_json() if alike else name, {})[name] = model
    return [
        Group("fit" if key == shared.model_dump_json() else f"fit/{next(iter(group))}", group)
        for key, group in found.items()
    ]


def fit_group(study: Study, group: Group, number: int | None = None) -> list[Path]:
    """Fit the models of a group to all training frames, or to draw `number`; the files they are in.

    Models that are as they should be are not rewritten; if all are, nothing is fitted.
    """
    train = study.data.part("train")
    draw = None if number is None else resample(train, study.settings.fits, number)
    paths = {name: study.model(Fit(name, number)) for name in group.models}
    provenance = {name: _provenance(study, model, draw) for name, model in group.models.items()}
    open_ = {name for name in paths if not made_from(paths[name], provenance[name])}
    frames = train if draw is None else draw.frames
    jobs = {name: _job(study, model, name, train, draw) for name, model in group.models.items()}
    choices = {name: study.folder / "tuning" / f"{Fit(name, number).name}.json" for name in jobs}
    if study.settings.tune is None:
        choices = {}
    for name, path in choices.items():
        jobs[name], changed = _tuned(jobs[name], frames, study.settings.tune, path, provenance[name])
        open_ |= {name} if changed else set()
    if open_:
        fitted = fit_jobs(frames, jobs) if not choices else _one_by_one(frames, jobs)
        for name in open_:
            save_fitted(paths[name], fitted[name], provenance[name])
    return [*paths.values(), *(path for path in choices.values() if path.exists())]


def _one_by_one(frames: Sequence[Atoms], jobs: dict[str, Job]) -> dict[str, list[Term]]:
    """The fits of jobs whose settings differ."""
    return {name: fit_jobs(frames, {name: job})[name] for name, job in jobs.items()}


def _tuned(
    job: Job, frames: Sequence[Atoms], settings: TuneSettings | None, path: Path, provenance: dict[str, Any]
) -> tuple[Job, bool]:
    """A job with what was chosen for it, and whether that was chosen now."""
    if settings is None or not tunable(job):
        return job, False
    identity, found = fingerprint(provenance), None
    if path.exists():
        found = read_result(path, TuningFile, "fit")
    if found is not None and found.made_from == identity:
        return with_choice(job, found.chosen.sigma, found.chosen.scale), False
    found = tune(job, frames, settings, identity)
    path.parent.mkdir(exist_ok=True)
    write_result(path, found)
    return with_choice(job, found.chosen.sigma, found.chosen.scale), True


def _job(study: Study, model: FittedModel, name: str, train: Sequence[Atoms], draw: Draw | None) -> Job:
    """The fit of a model; long trainings keep a checkpoint beside the file they become."""
    path = study.model(Fit(name, None if draw is None else draw.number))
    path.parent.mkdir(exist_ok=True)
    return model.job(
        train if draw is None else draw.frames,
        seed=None if draw is None else draw.seed,
        whole=train,
        workers=study.settings.processes,
        checkpoint=checkpoint_of(path, _provenance(study, model, draw)),
        progress=study.progress,
    )


def checkpoint_of(path: Path, provenance: dict[str, Any]) -> Path:
    """Where a training is kept until its model is; another one, of other data or settings, elsewhere."""
    return path.with_name(f"{path.stem}{CHECKPOINT}{fingerprint(provenance)[:12]}")


def save_fitted(path: Path, terms: Sequence[Term], provenance: dict[str, Any]) -> None:
    """Write the model file, and remove what its training has kept."""
    path.parent.mkdir(exist_ok=True)
    Potential(terms, provenance).save(path)
    for leftover in path.parent.glob(f"{path.stem}{CHECKPOINT}*"):
        leftover.unlink()


def _provenance(study: Study, model: FittedModel, draw: Draw | None) -> dict[str, Any]:
    """Facts kept in the model file; the same inputs give the same bytes."""
    files = {Path(path).name: sha256(path) for path in study.data_files.values()}
    tuned = study.settings.tune
    return {
        "study": study.settings.name,
        "settings": model.identity(),
        "data": files | {name: sha256(path) for name, path in model.files().items()},
        "split": study.settings.data.model_dump(mode="json", exclude={"files"}),
        "training_frames": len(study.data.train),
        "versions": versions(NUMERICAL),
        **({} if tuned is None else {"tune": tuned.model_dump(mode="json")}),
        **({} if draw is None else {"resampled": draw.record()}),
    }


def made_from(path: Path, provenance: dict[str, Any]) -> bool:
    """Whether a model file is intact and was made from exactly these inputs."""
    if not path.exists():
        return False
    try:
        return model_file.load(path)[1] == provenance
    except (CorruptFileError, ModelError):
        return False
