"""Running a study: every step that is not done, or no longer holds, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

from superion.display import say
from superion.errors import InputError, SuperionError
from superion.files import locked, sha256
from superion.provenance import Provenance, environment
from superion.results import write_result
from superion.study.config import SETTINGS, StudySettings, read_study, write_study
from superion.study.preflight import check_before
from superion.study.steps import PRINTED, RESULTS, Study
from superion.verdict.settings import record
from superion.work.executors import open_executor
from superion.work.folder import PROVENANCE, check_folder, read_state, remove_leftovers, set_aside
from superion.work.plan import run_plan
from superion.work.pools import ONE_THREAD
from superion.work.state import State


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
    with open_executor(settings.where, ONE_THREAD, folder / PRINTED) as workers, locked(folder):
        remove_leftovers(folder)
        state = read_state(folder, progress)
        state.pid = os.getpid()
        write_study(settings, folder)  # before the state, so that whoever looks at it finds the settings
        state.write()
        record(folder, study.chosen())
        write_result(folder / PROVENANCE, _provenance(settings))
        plan = study.plan()
        _forget_others(study, state, {step.name for step in plan})
        failed = run_plan(plan, state, workers, progress=progress)
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
    files = [*settings.data.files, *([] if settings.structure is None else [settings.structure.file])]
    seeds = {
        "split": settings.data.seed,
        "fit": settings.fit.seed,
        "fits": settings.fits.seed,
    }
    if settings.dynamics is not None:
        seeds["dynamics"] = settings.dynamics.at(1.0).seed
    made_from = {key: path for model in settings.models.values() for key, path in model.files().items()}
    data = {Path(file).name: sha256(file) for file in files}
    data |= {key: sha256(path) for key, path in made_from.items()}
    return environment().model_copy(update={"data": data, "seeds": seeds})
