"""Running a training, or going on with it: what is done stays done, what was killed is done again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ase import Atoms

from superion.active_learning.config import SETTINGS, STORE, TrainSettings, read_training, write_training
from superion.active_learning.explorers import EXPLORERS
from superion.active_learning.protocols import PROTOCOLS, Protocol
from superion.active_learning.summary import summarise
from superion.active_learning.work import Labelling, Work, numbers
from superion.display import say
from superion.errors import InputError
from superion.files import locked
from superion.potentials.opening import open_model
from superion.provenance import environment
from superion.reference import label_frames, labelled, make_labeller
from superion.results import write_result
from superion.study.estimate import dynamics_faults
from superion.work.executors import open_executor
from superion.work.folder import PROVENANCE, check_files, check_folder, read_state, remove_leftovers


def run_training(
    source: str | Path,
    folder: str | Path | None = None,
    *,
    label: Labelling | None = None,
    protocol: Protocol | None = None,
    figure: bool = True,
    progress: bool = True,
) -> Path:
    """Run or continue the training that `source` describes and return its folder.

    source: a training YAML, or a training folder, which is continued with its own settings. folder: where
    the results go; the name of the training in the working directory if not given. label: another source of
    labels than that of the settings. protocol: another than that of the settings. figure: write the
    report at the end.
    Raises InputError for wrong settings, BusyError if another process works in the folder, and whatever a
    step fails of; what was done before is kept.
    """
    source = Path(source)
    if source.is_dir():
        source, folder = source / SETTINGS, folder or source
    settings = read_training(source)
    folder = Path(folder or settings.name.replace("/", "-")).resolve()
    named: dict[str, list[str] | list[Path]] = {
        "data.files": settings.data.files,
        "data.label": settings.data.label,
        "explore.starts": settings.explore.starts,
        "electrostatics.model": list(settings.electrostatics.files().values()),
        **{
            f"models.{name}.electrostatics": list(model.files().values())
            for name, model in settings.fitted.items()
        },
        **{
            f"models.{name}.open": [] if model.path is None else [model.path]
            for name, model in settings.opened.items()
        },
        "diffusion.structure.file": [settings.diffusion.structure.file] if settings.diffusion else [],
    }
    check_files(named, source)
    check_folder(folder, "training", settings.name, SETTINGS, lambda file: read_training(file).name)
    if settings.diffusion is not None:
        runs = [settings.diffusion.dynamics.at(t) for t in settings.diffusion.dynamics.temperatures]
        faults = dynamics_faults(settings.diffusion.structure, runs, folder)
        if faults:
            raise InputError(" ".join(faults))
    EXPLORERS.find(settings.explore.explorer).check(settings.explore, folder)
    for model in settings.opened.values():
        open_model(model.source)  # what cannot be opened is said before anything is done
    with locked(folder):
        remove_leftovers(folder)
        state = read_state(folder, progress)
        state.pid = os.getpid()
        write_training(settings, folder)  # before the state, so that whoever looks at it finds the settings
        state.write()
        write_result(folder / PROVENANCE, environment())
        source_of_labels = None
        if label is None:
            labeller = make_labeller(settings.labels.labeller)
            source_of_labels = [labeller.name, labeller.settings()]
            label = _labelling(settings, folder, progress)
        work = Work(settings, folder, state, label, source_of_labels, progress)
        try:
            reason = (protocol or PROTOCOLS.find(settings.protocol.kind))(work)
            _forget_others(work)
            summarise(folder, max(numbers(work.names), default=0), reason)
            if figure:
                _report(folder, progress=progress)
            say(f"ended: {reason}.", progress)
        finally:
            state.pid = None
            state.write()
    return folder


def _labelling(settings: TrainSettings, folder: Path, progress: bool) -> Labelling:
    """Labels from the store in `folder`, made where they are missing."""

    def label(frames: Sequence[Atoms]) -> list[Atoms | None]:
        chosen = settings.labels
        with open_executor(chosen.executor) as workers:
            found = label_frames(
                frames,
                chosen.labeller,
                folder / STORE,
                workers,
                timeout=chosen.timeout,
                retries=chosen.retries,
                progress=progress,
            )
        for damage in found.damages:
            say(f"warning: {damage}; set aside, its label is made again if needed", progress)
        for name, entry in found.failures.items():
            say(f"no label for {name}: {entry.reason}", progress)
        made = iter(labelled(frames, found.entries))
        return [None if entry.labels is None else next(made) for entry in found.entries]

    return label


def _forget_others(work: Work) -> None:
    """Remove records and results of steps that the training no longer has."""
    for name in set(work.state.records) - work.names:
        work.state.forget(name)
    work.state.write()


def _report(folder: Path, *, progress: bool = True) -> Path | None:
    """Write the report of a training and its figures; its path, or None and a note without matplotlib."""
    try:
        from superion.active_learning.report import write_training_report
    except ImportError as error:
        say(f"note: no report ({error}); install it: pip install 'superion[report]'.", progress)
        return None
    return write_training_report(folder)
