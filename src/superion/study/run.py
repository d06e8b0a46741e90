"""Running a study: every step that is not done, or no longer holds, and nothing else."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from superion.errors import SuperionError
from superion.files import locked, sha256, write_json
from superion.study.config import StudySettings, read_study, write_study
from superion.study.display import say
from superion.study.dynamics import Job, done_fraction, outputs, run_jobs
from superion.study.folder import check_files, check_folder, read_state
from superion.study.provenance import environment
from superion.study.state import State
from superion.study.steps import Step, Study

SETTINGS = "study.yaml"


def run_study(source: str | Path, folder: str | Path | None = None, *, progress: bool = True) -> Path:
    """Run or continue the study that `source` describes and return its folder.

    source: a study YAML, or a study folder, which is continued with its own settings. folder: where the
    results go; the name of the study in the working directory if not given. Steps that are done and whose
    settings and files have not changed are skipped. If a step fails, those that do not depend on it are
    still done.
    Raises InputError for wrong settings, BusyError if another process works in the folder, and
    SuperionError naming every step that failed.
    """
    source = Path(source)
    if source.is_dir():
        source, folder = source / SETTINGS, folder or source
    settings = read_study(source)
    folder = Path(folder or settings.name.replace("/", "-")).resolve()
    named: dict[str, list[str] | list[Path]] = {
        "data.files": settings.data.files,
        "structure.file": [settings.structure.file],
        "electrostatics.model": list(settings.electrostatics.files().values()),
        "locality": [] if settings.locality is None else [settings.locality],
    }
    check_files(named, source)
    check_folder(folder, "study", settings.name, SETTINGS, lambda file: read_study(file).name)
    with locked(folder):
        state = read_state(folder, progress)
        state.pid = os.getpid()
        state.write()
        write_study(settings, folder)
        write_json(folder / "provenance.json", _provenance(settings))
        failed = _run(Study(settings, folder, progress), state)
        state.pid = None
        state.write()
    if failed:
        raise SuperionError(
            f"{len(failed)} of the steps failed. "
            + " ".join(f"{name}: {text}" for name, text in failed.items()),
            file=folder,
            remedy="mend the cause and run the same command again; finished steps are kept.",
        )
    return folder


def _run(study: Study, state: State) -> dict[str, str]:
    """Do all steps in turn; the messages of those that failed."""
    plan = study.plan()
    _forget_others(state, {step.name for step in plan})
    failed: dict[str, str] = {}
    missing: set[str] = set()
    for is_dynamics, group in groupby(plan, key=lambda step: step.job is not None):
        ready = []
        for step in group:
            blocked = [need for need in step.needs if need in missing]
            if blocked:
                missing.add(step.name)
                if not step.keeps:
                    state.drop_outputs(step.name)
                state.stop(step.name, "waiting", f"needs {', '.join(blocked)}")
            elif not is_dynamics:
                _attempt(step, state, failed, study.progress)
                missing |= {step.name} & set(failed)
            else:
                ready.append(step)
        if is_dynamics:
            _dynamics(ready, study, state, failed)
            missing |= set(failed)
    return failed


def _attempt(step: Step, state: State, failed: dict[str, str], progress: bool) -> None:
    """Do one step unless its result still holds; a failure is noted in the state and in `failed`."""
    assert step.work is not None
    inputs = step.inputs()
    if state.holds(step.name, inputs):
        say(f"{step.name}: done before", progress)
        return
    if not step.keeps:
        state.drop_outputs(step.name)
    state.begin(step.name, inputs)
    since = time.monotonic()
    try:
        written = step.work()
    except Exception as error:
        state.stop(step.name, "failed", _reason(error), time.monotonic() - since)
        if not isinstance(error, SuperionError):
            raise
        failed[step.name] = _reason(error)
        say(f"{step.name}: failed: {error}", progress)
        return
    state.finish(step.name, written, time.monotonic() - since)
    say(f"{step.name}: done, {time.monotonic() - since:.1f} s", progress)


def _dynamics(steps: Sequence[Step], study: Study, state: State, failed: dict[str, str]) -> None:
    """Do all runs that are not done, several at once."""
    jobs: dict[str, Job] = {}
    hashes: dict[str, str] = {}
    for step in steps:
        assert step.job is not None
        inputs = step.inputs()
        if state.holds(step.name, inputs):
            say(f"{step.name}: done before", study.progress)
        else:
            job = step.job()
            jobs[job.name], hashes[job.name] = job, inputs

    def started(job: Job) -> None:
        state.begin(f"dynamics/{job.name}", hashes[job.name], done_fraction(job.folder, job.settings))

    def ended(job: Job, error: SuperionError | None, seconds: float) -> None:
        name = f"dynamics/{job.name}"
        if error is None:
            state.finish(name, outputs(job), seconds)
        else:
            failed[name] = _reason(error)
            state.stop(name, "failed", _reason(error), seconds)

    if jobs:
        run_jobs(list(jobs.values()), study.settings.processes, started, ended, progress=study.progress)


def _forget_others(state: State, names: set[str]) -> None:
    """Remove records and results of steps the study no longer has; trajectories stay where they are."""
    for name in set(state.records) - names:
        if not name.startswith("dynamics/"):
            state.drop_outputs(name)
        del state.records[name]
    state.write()


def _provenance(settings: StudySettings) -> dict[str, Any]:
    files = [*settings.data.files, settings.structure.file]
    seeds = {
        "split": settings.data.seed,
        "fit": settings.fit.seed,
        "fits": settings.fits.seed,
        "dynamics": settings.dynamics.at(1.0).seed,
    }
    data = {Path(file).name: sha256(file) for file in files} | settings.electrostatics.hashes()
    return environment() | {"data": data, "seeds": seeds}


def _reason(error: BaseException) -> str:
    return str(error) if isinstance(error, SuperionError) else f"{type(error).__name__}: {error}"
