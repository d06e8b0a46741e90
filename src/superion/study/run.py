"""Running a study: every step that is not done, or no longer holds, and nothing else."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from superion.display import Display, say
from superion.errors import InputError, SuperionError
from superion.files import locked, sha256
from superion.progress import track
from superion.provenance import Provenance, environment
from superion.results import read_result, write_result
from superion.simulation.summary import SUMMARY, RunSummary
from superion.study.config import SETTINGS, StudySettings, read_study, write_study
from superion.study.crew import Begun, run_apart
from superion.study.crew_worker import reason
from superion.study.dynamics import Job, done_fraction, outputs, run_jobs
from superion.study.folder import PROVENANCE, check_folder, read_state, remove_leftovers, set_aside
from superion.study.preflight import check_before
from superion.study.state import State
from superion.study.steps import RESULTS, Step, Study
from superion.verdict.record import record

CHANGED = "a file that it reads was changed while it was at work. Remedy: run the same command again."


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
    continued = source.is_dir()
    if continued:
        source, folder = source / SETTINGS, folder or source
    settings = read_study(source)
    if continued:
        _check_trust(settings, source)
    folder = Path(folder or settings.name.replace("/", "-")).resolve()
    if settings.potentials is not None:
        say(f"note: write models: [{', '.join(settings.potentials)}] instead of potentials.", progress)
    check_folder(folder, "study", settings.name, SETTINGS, lambda file: read_study(file).name)
    study = Study(settings, folder, progress)
    for note in check_before(study, source):
        say(f"note: {note}", progress)
    with locked(folder):
        remove_leftovers(folder)
        state = read_state(folder, progress)
        state.pid = os.getpid()
        state.write()
        write_study(settings, folder)
        record(folder, study.chosen())
        write_result(folder / PROVENANCE, _provenance(settings))
        failed = _run(study, state)
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


def _check_trust(settings: StudySettings, source: Path) -> None:
    """InputError where the settings of a folder would open a settings file, which may name code to run."""
    for name, model in settings.models.items():
        if model.may_run_code:
            raise InputError(
                f"models.{name} is opened by {model.source}, which may name code to run; that is done only "
                "for a YAML file that you name yourself.",
                file=source,
                remedy=f"if both files are yours: superion run {source} --output {source.parent}",
            )


def _run(study: Study, state: State) -> dict[str, str]:
    """Do all steps in turn; the messages of those that failed."""
    plan = study.plan()
    _forget_others(study, state, {step.name for step in plan})
    failed: dict[str, str] = {}
    missing: set[str] = set()
    for (how, family), group in groupby(plan, key=lambda step: _how(step, study)):
        ready = []
        for step in group:
            blocked = [need for need in step.needs if need in missing]
            if blocked:
                missing.add(step.name)
                _clear(step, state)
                state.stop(step.name, "waiting", f"needs {', '.join(blocked)}")
            elif how == "here" and family is None:
                _attempt(step, state, failed, study.progress)
                missing |= {step.name} & set(failed)
            else:
                ready.append(step)
        if how == "dynamics":
            _dynamics(ready, study, state, failed)
        elif how == "apart":
            _apart(ready, study, state, failed)
        elif family is not None:
            _family(family, ready, state, failed, study.progress)
        missing |= set(failed)
    return failed


def _how(step: Step, study: Study) -> tuple[str, str | None]:
    """Where a step is done, and with which others it is shown."""
    if step.job is not None:
        return "dynamics", None
    if step.apart and study.settings.processes > 1:
        return "apart", None
    return "here", step.family


def _attempt(step: Step, state: State, failed: dict[str, str], progress: bool) -> bool:
    """Do one step unless its result still holds; whether it was done, or failed, now.

    A failure is noted in the state and in `failed`; one that was not foreseen ends the study, but for steps
    that have something to say about it.
    """
    assert step.work is not None
    inputs = step.inputs()
    if state.holds(step.name, inputs):
        say(f"{step.name}: done before", progress)
        return False
    _clear(step, state)
    state.begin(step.name, inputs)
    since = time.monotonic()
    try:
        written = step.work()
        if step.inputs() != inputs:
            raise InputError(CHANGED)
    except Exception as error:
        known = isinstance(error, SuperionError | MemoryError) or step.failed is not None
        remains = step.failed(reason(error)) if step.failed else ()
        state.stop(step.name, "failed", reason(error), time.monotonic() - since, remains)
        if not known:
            raise
        failed[step.name] = reason(error)
        say(f"{step.name}: failed: {reason(error)}", progress or step.family is not None)
        return True
    state.finish(step.name, written, time.monotonic() - since)
    say(f"{step.name}: done, {time.monotonic() - since:.1f} s", progress)
    return True


def _clear(step: Step, state: State) -> None:
    """Remove what a step wrote before, unless it makes use of it."""
    if not step.keeps:
        state.drop_outputs(step.name)


def _family(name: str, steps: Sequence[Step], state: State, failed: dict[str, str], progress: bool) -> None:
    """Do steps that are reported in one line."""
    since = time.monotonic()
    done = [
        _attempt(step, state, failed, progress=False)
        for step in track(steps, name, len(steps), show=progress)
    ]
    say(_summary(name, steps, sum(done), failed, time.monotonic() - since), progress)


def _summary(name: str, steps: Sequence[Step], done: int, failed: dict[str, str], seconds: float) -> str:
    """One line on all steps of a family: how many were done now and before, and how many failed."""
    lost = sum(step.name in failed for step in steps)
    parts = [(done - lost, "done"), (len(steps) - done, "done before"), (lost, "failed")]
    line = f"{name}: " + ", ".join(f"{n} {what}" for n, what in parts if n)
    return f"{line}, {seconds:.1f} s" if done else line


def _apart(steps: Sequence[Step], study: Study, state: State, failed: dict[str, str]) -> None:
    """Do all steps that are not done in processes of their own, several at once."""
    inputs = {step.name: step.inputs() for step in steps}
    open_ = {step.name: step for step in steps if not state.holds(step.name, inputs[step.name])}
    families = {name: list(group) for name, group in groupby(steps, key=lambda step: step.family or "")}
    done = dict.fromkeys(families, 0)
    shown = [name for name, group in families.items() if any(step.name in open_ for step in group)]
    for step in open_.values():  # before any process writes a new one in its place
        _clear(step, state)
    with Display(shown, show=study.progress) as display:
        for event in run_apart(study.folder, list(open_), study.settings.processes):
            step = open_[event.step]
            if isinstance(event, Begun):
                state.begin(step.name, inputs[step.name])
                continue
            family = step.family or ""
            done[family] += 1
            error = event.error
            if error is None and step.inputs() != inputs[step.name]:
                error = CHANGED
            if error is None:
                state.finish(step.name, event.written, event.seconds)
            else:
                state.stop(step.name, "failed", error, event.seconds, event.written)
                failed[step.name] = error
            total = sum(one.name in open_ for one in families[family])
            display.update(family, done[family] / total)
            if done[family] == total:
                lost = sum(one.name in failed for one in families[family])
                display.end(family, f"{lost} failed" if lost else "done")
    for name in open_:
        if name in failed:
            say(f"{name}: failed: {failed[name]}", study.progress)
    for name, group in families.items():
        if name not in shown:
            say(f"{name}: {len(group)} done before", study.progress)


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
            for warning in read_result(job.folder / SUMMARY, RunSummary, name).warnings:
                say(f"warning: {name}: {warning}.", study.progress)
        else:
            failed[name] = reason(error)
            state.stop(name, "failed", reason(error), seconds)

    if jobs:
        run_jobs(list(jobs.values()), study.settings.processes, started, ended, progress=study.progress)


def _forget_others(study: Study, state: State, names: set[str]) -> None:
    """Remove records and results of steps the study no longer has; trajectories stay where they are.

    Results that no record knows of, as after a kill or without a state, are set aside: what they are of is
    not known.
    """
    for name in set(state.records) - names:
        if name.startswith("dynamics/"):
            del state.records[name]
        else:
            state.forget(name)
    known = {path for record in state.records.values() for path in record.outputs}
    for name, path in study.results(*RESULTS).items():
        if name not in known:
            aside = set_aside(path)
            say(f"note: {name} is of no step of this study; renamed to {aside.name}", study.progress)
    state.write()


def _provenance(settings: StudySettings) -> Provenance:
    files = [*settings.data.files, settings.structure.file]
    seeds = {
        "split": settings.data.seed,
        "fit": settings.fit.seed,
        "fits": settings.fits.seed,
        "dynamics": settings.dynamics.at(1.0).seed,
    }
    made_from = {key: path for model in settings.models.values() for key, path in model.files().items()}
    data = {Path(file).name: sha256(file) for file in files}
    data |= {key: sha256(path) for key, path in made_from.items()}
    return environment().model_copy(update={"data": data, "seeds": seeds})
