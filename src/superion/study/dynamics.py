"""Molecular dynamics of a study: one process per run, several runs at once, all of them resumable."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ase import Atoms

from superion.display import Display
from superion.errors import BusyError, CorruptFileError, InputError, SimulationError, SuperionError
from superion.files import is_model, sha256, write_json
from superion.potentials.opening import open_model
from superion.results import read_result
from superion.simulation import MDSettings, run_md
from superion.simulation.chunks import META, count_chunks, read_meta
from superion.simulation.summary import SUMMARY, RunSummary
from superion.structures import read_structure
from superion.structures.bare import repeated
from superion.study.job_file import JobFile, read_job
from superion.work.pieces import each_done
from superion.work.pools import Workers
from superion.work.step import Task
from superion.work.worker import serving

if TYPE_CHECKING:
    from superion.simulation.md import Watch

JOB = "job.json"
LOG = "log.txt"


PATIENCE = 10.0
"""Seconds to wait for the process of a killed study to leave the folder."""


def run_job(
    folder: Path,
    watching: Callable[[JobFile, Any], Watch | None] | None = None,
    *,
    progress: bool = True,
) -> None:
    """Run or resume the dynamics described in `folder`; `watching` makes the watch of a job, if any."""
    job = read_job(folder / JOB)
    file = folder / job.model
    source = file if file.exists() else job.model
    found = {"model": known_by(source), "structure": sha256(folder / job.structure)}
    for name, digest in found.items():
        if digest != getattr(job.identity, name):
            raise InputError(
                f"the {name} was changed while the run waited for its turn.",
                file=(folder / getattr(job, name)).resolve(),
                remedy="run the same command again.",
            )
    atoms = start_structure(folder / job.structure, job.supercell)
    model = open_model(source)
    calculator = model.calculator()
    watch = watching(job, model) if watching else None
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            run_md(
                atoms,
                calculator,
                job.settings,
                folder,
                resume=True,
                progress=progress,
                provenance=job.identity.model_dump(),
                watch=watch,
            )
            return
        except BusyError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


@dataclass(frozen=True, slots=True)
class Job:
    """One run: its folder, its files, and what identifies it.

    model: a file, or the name of a labeller. identity: JSON-ready facts (what the model is known by, hash of
    the structure file); a folder made from others is
    set aside, never continued or overwritten. work: runs what `job.json` in a folder describes. extra:
    JSON-ready, what that needs beyond the rest.
    """

    name: str
    folder: Path
    model: Path | str
    structure: Path
    supercell: tuple[int, int, int]
    settings: MDSettings
    identity: dict[str, Any]
    work: Callable[..., None] = run_job
    extra: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """What the worker needs, with paths relative to the folder of the run."""
        return {
            "model": self.model if isinstance(self.model, str) else os.path.relpath(self.model, self.folder),
            "structure": os.path.relpath(self.structure, self.folder),
            "supercell": list(self.supercell),
            "settings": self.settings.model_dump(mode="json"),
            "identity": self.identity,
            **self.extra,
        }


def known_by(source: Path | str) -> str:
    """SHA-256 of a model file; of another model that of its settings, the files and versions behind it."""
    if isinstance(source, Path) and is_model(source):
        return sha256(source)
    return open_model(source).digest


def start_structure(file: str | Path, supercell: Sequence[int]) -> Atoms:
    """The last frame of a structure file, repeated along its axes, and its charges with it."""
    return repeated(read_structure(file, "-1"), supercell)


def prepare(job: Job) -> None:
    """Make the folder of a run ready; one that was made from something else is set aside first."""
    if job.folder.exists() and not _continues(job):
        _set_aside(job.folder)
    job.folder.mkdir(parents=True, exist_ok=True)
    write_json(job.folder / JOB, job.to_json())


def _continues(job: Job) -> bool:
    """Whether the folder holds the beginning of this very run (more steps are one, but for ramps)."""
    try:
        meta = read_meta(job.folder) if (job.folder / META).exists() else None
    except CorruptFileError:
        return False
    if meta is None:
        return count_chunks(job.folder) == 0
    begun = MDSettings.model_validate(meta["settings"])  # settings that are new since then have defaults
    same = begun.model_copy(update={"steps": job.settings.steps}) == job.settings
    more = job.settings.steps - begun.steps
    fits = more == 0 or (more > 0 and begun.ramp_to is None)
    return same and fits and meta.get("provenance") == job.identity


def _set_aside(folder: Path) -> None:
    number = 1
    while (other := folder.with_name(f"{folder.name}.old-{number}")).exists():
        number += 1
    folder.rename(other)


def done_fraction(folder: Path, settings: MDSettings) -> float:
    """How much of a run is on disk, 0 to 1, judged by its number of files."""
    frames = (settings.steps + settings.equilibrate) // settings.sample_every + 1
    return min(1.0, count_chunks(folder) * settings.chunk_frames / frames)


def outputs(job: Job) -> list[Path]:
    """The files of a finished run."""
    chunks = sorted(job.folder.glob("chunk-*.safetensors"))
    return [job.folder / JOB, job.folder / META, *chunks, job.folder / SUMMARY]


def task_of(job: Job) -> Task:
    """The run as a task; where it fails, the error names its log."""
    return Task(
        do_job,
        (job,),
        lambda _: outputs(job),
        lambda: prepare(job),
        lambda: done_fraction(job.folder, job.settings),
        lambda: _warnings(job),
        str(job.folder),
        job.folder / LOG,
    )


def do_job(job: Job) -> None:
    """Run or resume a job; SimulationError, naming its log, if it fails."""
    try:
        job.work(job.folder, progress=serving())
    except (SuperionError, OSError) as error:
        log = job.folder / LOG
        where = log if log.exists() else job.folder
        raise SimulationError(f"dynamics of {job.name} failed: {error}", file=where) from error


def run_jobs(
    jobs: Sequence[Job],
    workers: Workers,
    *,
    progress: bool = True,
) -> list[SuperionError]:
    """Run all jobs, and go on where one fails; their errors.

    The processes end with this one, however it ends; what they have written stays.
    """
    failed: list[SuperionError] = []
    names = {job.name: f"dynamics/{job.name}" for job in jobs}
    running: dict[str, Job] = {}
    with Display(list(names.values()), show=progress) as display:

        def begin(job: Job) -> Future[None]:
            prepare(job)
            running[job.name] = job
            return workers.begin(do_job, job, name=str(job.folder), log=job.folder / LOG)

        def look() -> None:
            for name, job in running.items():
                display.update(names[name], done_fraction(job.folder, job.settings))

        for job, future in each_done(deque(jobs), workers.slots, begin, look):
            del running[job.name]
            try:
                future.result()
                display.end(names[job.name], "done")
            except SuperionError as error:
                failed.append(error)
                display.end(names[job.name], "failed")
    return failed


def _warnings(job: Job) -> list[str]:
    found = read_result(job.folder / SUMMARY, RunSummary, f"dynamics/{job.name}").warnings
    return [f"warning: dynamics/{job.name}: {warning}." for warning in found]
