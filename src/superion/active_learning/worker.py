"""One exploring run: a run of a study that watches itself."""

from __future__ import annotations

from pathlib import Path

from ase import Atoms

from superion.active_learning.measures import MEASURES, Watched
from superion.active_learning.needs import require_all
from superion.active_learning.results import Stopped
from superion.errors import SimulationError
from superion.model import Model
from superion.potentials.opening import open_model
from superion.results import write_result
from superion.simulation.md import Watch
from superion.study.dynamics import run_job
from superion.study.job_file import JobFile

STOPPED = "stopped.json"


def explore_job(folder: Path, *, progress: bool = True) -> None:
    """Run or resume the job in `folder`; a run that ends early notes why in `stopped.json`."""
    (folder / STOPPED).unlink(missing_ok=True)
    try:
        run_job(folder, lambda job, model: watch_of(job, model, folder), progress=progress)
    except SimulationError as error:
        write_result(folder / STOPPED, Stopped(reason=error.problem))


def watch_of(job: JobFile, model: Model, folder: Path) -> Watch | None:
    """The watch that a job asks for: `stop` with measure, threshold and steps between checks.

    The model that is watched moves the atoms, unless the job names another one under `judge`.
    """
    stop = job.stop
    if stop is None:
        return None
    rule = MEASURES.find(stop.measure)
    judge = open_model(folder / job.judge) if job.judge is not None else model
    require_all(judge, rule.needs, f"explore.stop.measure: {rule.name}")
    training = folder / job.training if job.training is not None else None
    measure = rule.make(Watched(judge, training, [folder / path for path in job.committee]))

    def watch(step: int, atoms: Atoms) -> None:
        if step % stop.every:
            return
        value = measure(atoms)
        if value > stop.above:
            raise SimulationError(
                f"stopped at step {step}: the {rule.about} {value:.4g} is above {stop.above:g}.",
                file=folder,
            )

    return watch
