"""Molecular dynamics of a study: one process per run, several runs at once, all of them resumable."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ase import Atoms

from superion.display import Display
from superion.errors import CorruptFileError, SimulationError
from superion.files import is_model, open_inside, sha256, write_json
from superion.machine import THREADS
from superion.potentials.opening import open_model
from superion.simulation import MDSettings
from superion.simulation.chunks import META, count_chunks, read_meta
from superion.simulation.summary import SUMMARY
from superion.structures import read_structure
from superion.structures.bare import repeated

JOB = "job.json"
LOG = "log.txt"
GRACE = 5.0
"""Seconds that a process has to write what it holds, when the study is stopped."""
POLL = 0.1
"""Seconds between two looks at the running processes."""


@dataclass(frozen=True, slots=True)
class Job:
    """One run: its folder, its files, and what identifies it.

    model: a file, or the name of a labeller. identity: JSON-ready facts (what the model is known by, hash of
    the structure file); a folder made from others is
    set aside, never continued or overwritten. worker: module that runs it. extra: JSON-ready, what that
    module needs beyond the rest.
    """

    name: str
    folder: Path
    model: Path | str
    structure: Path
    supercell: tuple[int, int, int]
    settings: MDSettings
    identity: dict[str, Any]
    worker: str = "superion.study.worker"
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


def run_jobs(
    jobs: Sequence[Job],
    parallel: int,
    started: Callable[[Job], None],
    ended: Callable[[Job, SimulationError | None, float], None],
    *,
    progress: bool = True,
) -> None:
    """Run all jobs, at most `parallel` at once, and tell `ended` of each with its error and its seconds.

    The processes end with this one, however it ends; what they have written stays.
    """
    waiting, running = deque(jobs), dict[str, tuple[Job, subprocess.Popen[bytes], float]]()
    try:
        with Display([f"dynamics/{job.name}" for job in jobs], show=progress) as display:
            while waiting or running:
                while waiting and len(running) < parallel:
                    job = waiting.popleft()
                    prepare(job)
                    started(job)
                    running[job.name] = (job, _start(job), time.monotonic())
                time.sleep(POLL)
                for name, (job, process, since) in list(running.items()):
                    display.update(f"dynamics/{name}", done_fraction(job.folder, job.settings))
                    if process.poll() is None:
                        continue
                    del running[name]
                    _release(process)
                    error = _failure(job, process.returncode) if process.returncode else None
                    display.end(f"dynamics/{name}", "failed" if error else "done")
                    ended(job, error, time.monotonic() - since)
    finally:
        for _, process, _ in running.values():
            process.terminate()  # frames that are not written yet are written now
        for _, process, _ in running.values():
            _end(process)


def _start(job: Job) -> subprocess.Popen[bytes]:
    """Start the worker of a run; it ends when its standard input closes, that is, with this process."""
    command = [sys.executable, "-P", "-m", job.worker, str(job.folder)]
    environment = os.environ | dict.fromkeys(THREADS, "1")
    with open_inside(job.folder, LOG, "ab") as log:
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=log, stderr=log, env=environment, start_new_session=True
        )


def _end(process: subprocess.Popen[bytes]) -> None:
    """Wait for a process that was asked to end, and end it if it does not."""
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    _release(process)


def _release(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()


def _failure(job: Job, code: int) -> SimulationError:
    log = job.folder / LOG
    try:
        text = log.read_text(errors="replace")
    except FileNotFoundError:
        return SimulationError(
            f"dynamics of {job.name} ended with code {code}: its folder was moved or deleted.",
            file=job.folder,
            remedy="run the same command again, and leave its folder alone while it works.",
        )
    lines = [line for line in text.splitlines() if line.strip()]
    reason = lines[-1] if lines else "it left no message"
    return SimulationError(
        f"dynamics of {job.name} ended with code {code}: {reason.removeprefix('error: ')}",
        file=log,
    )
