"""The steps of a generation. Each reads files, writes files, and is done once.

In the folder of generation g: `training.extxyz`, `models/`, `committee/`, `candidates.extxyz` and
`explored.json`, `selected.extxyz` and `selected.json`, `labelled.extxyz` and `failed.json`, `new.extxyz`
and `rejected.json`, `diffusion.json`, `judge.json`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from superion.active_learning.clean import Cleaned, mostly_rejected
from superion.active_learning.clean import clean as judge_labels
from superion.active_learning.explore import draw_starts
from superion.active_learning.explorers import DYNAMICS, Exploration
from superion.active_learning.explorers import explore as run_explorer
from superion.active_learning.frames import load_frames, write_frames
from superion.active_learning.judge import accuracy, force_calibration, force_surprises
from superion.active_learning.judges import USUAL
from superion.active_learning.measures import MEASURES
from superion.active_learning.needs import require_all
from superion.active_learning.results import (
    Chosen,
    Diffusion,
    ExploredRun,
    Judge,
    Judged,
    Selected,
    read_training_result,
)
from superion.active_learning.select import SELECTORS
from superion.active_learning.select import select as choose
from superion.active_learning.summary import summarise
from superion.active_learning.variance import fit_committee
from superion.active_learning.work import Work
from superion.analysis.conductivity import conductivity
from superion.errors import InputError, SimulationError, SuperionError
from superion.files import sha256, write_json
from superion.potentials.opening import open_model
from superion.provenance import NUMERICAL, versions
from superion.recipes.base import fit_jobs
from superion.results import write_result
from superion.simulation import read_trajectory
from superion.structures import is_isolated, structure_hash, trajectory_of
from superion.structures.bare import bare
from superion.structures.dataset import load_dataset, read_files
from superion.structures.duplicates import frame_name
from superion.study.dynamics import Job, known_by, prepare, run_job, start_structure
from superion.study.fitting import checkpoint_of, groups, made_from, save_fitted

TRAINING, TEST, NEW = "training.extxyz", "test.extxyz", "new.extxyz"
EQUIDISTANT = "equidistant"
"""What chooses every n-th candidate, in place of a selector."""


def start(work: Work) -> None:
    """Training and test set of generation 0, from what is known and what is labelled first."""
    data = work.settings.data
    known = [Path(file) for file in data.files]
    wanted = [Path(file) for file in data.label]
    first, test = work.path(0, TRAINING), work.folder / TEST
    asked, labelled = work.folder / "first.extxyz", work.folder / "first-labelled.extxyz"

    def ask() -> list[Path]:
        frames = [_without_labels(atoms, k) for k, atoms in enumerate(read_files(wanted))]
        found = load_dataset(known, data.keys, data.test, data.seed)
        held = {trajectory_of(atoms) for atoms in found.part("test")}
        for k, atoms in enumerate(frames):
            if atoms.info["trajectory"] in held:
                raise InputError(
                    f"a structure of data.label belongs to the test trajectory {atoms.info['trajectory']}.",
                    frame=k,
                    remedy="make it from another trajectory, or test on others.",
                )
        if len(frames) > work.settings.budget:
            raise InputError(
                f"data.label holds {len(frames)} structures, the budget is {work.settings.budget} labels.",
                remedy="raise the budget, or choose fewer with `superion select`.",
            )
        write_frames(asked, frames)
        return [asked]

    def divide() -> list[Path]:
        found = load_dataset(known, data.keys, data.test, data.seed)
        extra = load_frames(labelled)
        kept = judge_labels(extra, work.settings.clean, found.part("train"))
        write_json(work.folder / "first-rejected.json", [asdict(r) for r in kept.rejected])
        _require_most(kept, work.folder / "first-rejected.json")
        train = found.part("train") + [extra[k] for k in kept.kept]
        held = {structure_hash(atoms) for atoms in found.part("test") if not is_isolated(atoms)}
        write_frames(first, [a for a in train if is_isolated(a) or structure_hash(a) not in held])
        write_frames(test, found.part("test"))
        return [first, test, work.folder / "first-rejected.json"]

    division = data.model_dump(mode="json", exclude={"files", "label"})
    work.once("start/ask", {"budget": work.settings.budget, "data": division}, [*known, *wanted], ask)
    _label(work, "start/label", asked, labelled, work.folder / "first-failed.json")
    settings = {
        "data": division,
        "clean": work.settings.clean.model_dump(mode="json"),
    }
    work.once("start/data", settings, [*known, labelled], divide)


def fit(work: Work, generation: int) -> dict[str, Path]:
    """Fit all models to the training set of a generation; their files by name."""
    training = work.path(generation, TRAINING)
    fitted = work.settings.fitted
    models = {name: work.path(generation, f"models/{name}.safetensors") for name in fitted}
    identity = _fit_settings(work) | {"models": list(models)}

    def make() -> list[Path]:
        frames = load_frames(training)
        facts = {
            name: {
                "training": work.settings.name,
                "generation": generation,
                "settings": {"preset": model.preset, **identity},
                "data": {TRAINING: sha256(training)},
                "training_frames": len(frames),
                "versions": versions(NUMERICAL),
            }
            for name, model in fitted.items()
        }
        for group in groups(dict(fitted), work.settings.fit):
            open_ = [name for name in group.models if not made_from(models[name], facts[name])]
            if not open_:
                continue
            jobs = {
                name: model.job(
                    frames,
                    workers=work.settings.processes,
                    checkpoint=checkpoint_of(models[name], facts[name]),
                    progress=work.progress,
                )
                for name, model in group.models.items()
            }
            found = fit_jobs(frames, jobs)
            for name in open_:
                save_fitted(models[name], found[name], facts[name])
        return list(models.values())

    work.once(_name(generation, "fit"), identity, [training], make)
    return models


def committee(work: Work, generation: int) -> list[Path]:
    """Models like that of the protocol, fitted to resampled training sets; their files."""
    training, student = work.path(generation, TRAINING), work.settings.student
    size = work.settings.select.committee
    members = [work.path(generation, f"committee/{k:02d}.safetensors") for k in range(size)]

    def make() -> list[Path]:
        frames = load_frames(training)
        job = work.settings.fitted[student].job(frames, workers=work.settings.processes)
        found = fit_committee(frames, job, size, work.rng(generation, "committee"))
        for potential, path in zip(found, members, strict=True):
            potential.save(path)
        return members

    shown = _fit_settings(work) | {"model": student, "size": size, "seed": work.settings.seed}
    work.once(_name(generation, "committee"), shown, [training], make)
    return members


def explore(work: Work, generation: int) -> list[ExploredRun]:
    """Look for structures, as the settings have it; `candidates.extxyz`. Returns a summary of every run."""
    settings = work.settings.explore
    training, student = work.path(generation, TRAINING), _model(work, generation)
    source = _explorer(work, generation)
    sources = [Path(file) for file in settings.starts] or [training]
    candidates, report = work.path(generation, "candidates.extxyz"), work.path(generation, "explored.json")
    stop = getattr(settings, "stop", None)
    watching = stop is not None and "committee" in MEASURES.find(stop.measure).reads
    members = committee(work, generation) if watching else []

    def make() -> list[Path]:
        judge = open_model(student)
        for what, needs in work.settings.needs.items():
            require_all(judge, needs, what)
        rng = work.rng(generation, "explore")
        frames = read_files(sources) if settings.starts else load_frames(training)
        found = run_explorer(
            Exploration(
                draw_starts(frames, settings.walkers, rng),
                source,
                settings,
                work.path(generation, "explore"),
                f"g{generation:03d}",
                rng,
                judge=student,
                training=training,
                committee=members,
                parallel=work.settings.where,
                progress=work.progress,
            )
        )
        write_frames(candidates, found.candidates)
        write_json(report, found.runs)
        return [candidates, report]

    own = settings.model_dump(mode="json", exclude={"starts"})
    usual = {"model": None, "explorer": DYNAMICS}  # what is usual is no fact
    own = {key: value for key, value in own.items() if usual.get(key, ...) != value}
    shown = {"explore": own, "seed": work.settings.seed}
    if source != student:
        shown["model"] = known_by(source)
    work.once(_name(generation, "explore"), shown, [student, training, *members, *sources], make)
    runs: list[ExploredRun] = read_training_result(report)
    return runs


def select(work: Work, generation: int, method: str | None = None) -> int:
    """Choose candidates to be labelled, as many as settings and budget allow; their number.

    method: a selector other than that of the settings, or EQUIDISTANT for every n-th candidate.
    """
    settings = work.settings.select
    method = method or settings.method
    training, model = work.path(generation, TRAINING), _model(work, generation)
    candidates = work.path(generation, "candidates.extxyz")
    selected, report = work.path(generation, "selected.extxyz"), work.path(generation, "selected.json")
    left = work.settings.budget - spent(work, generation)
    asked = method != EQUIDISTANT and SELECTORS.find(method).committee
    judges = committee(work, generation) if asked else [model]

    def make() -> list[Path]:
        rng = work.rng(generation, "select")
        known = load_frames(training)
        hashes = {structure_hash(atoms) for atoms in known}
        pool = [atoms for atoms in load_frames(candidates) if structure_hash(atoms) not in hashes]
        count = min(settings.count, left, len(pool))
        if count < 1:
            indices, scores = np.empty(0, dtype=np.int64), np.empty(0)
        elif method == EQUIDISTANT:
            indices = np.array([round((k + 1) * len(pool) / count) - 1 for k in range(count)])
            scores = np.zeros(count)
        else:
            found = choose(
                method,
                pool,
                known,
                [open_model(path) for path in judges],
                count=count,
                rng=rng,
                soap=settings.soap,
                threshold=settings.threshold,
            )
            indices, scores = found.indices, found.scores
        write_frames(selected, [pool[k] for k in indices])
        chosen = [
            Chosen(frame=frame_name(pool[k], int(k)), score=float(s) if np.isfinite(s) else None)
            for k, s in zip(indices, scores, strict=True)
        ]
        write_result(report, Selected(method=method, candidates=len(pool), chosen=chosen))
        return [selected, report]

    shown = {"select": settings.model_dump(mode="json"), "method": method, "left": left}
    work.once(
        _name(generation, "select"),
        shown | {"seed": work.settings.seed},
        [training, *judges, candidates],
        make,
    )
    return len(read_training_result(report).chosen)


def label(work: Work, generation: int) -> None:
    """Label what was selected; `labelled.extxyz`, and the names of those that could not be."""
    _label(
        work,
        _name(generation, "label"),
        work.path(generation, "selected.extxyz"),
        work.path(generation, "labelled.extxyz"),
        work.path(generation, "failed.json"),
    )


def clean(work: Work, generation: int) -> None:
    """Leave out labels that would spoil the fit; `new.extxyz`, and the reasons in `rejected.json`."""
    training, labelled = work.path(generation, TRAINING), work.path(generation, "labelled.extxyz")
    new, report, model = (
        work.path(generation, NEW),
        work.path(generation, "rejected.json"),
        _model(work, generation),
    )
    student = work.settings.fitted[work.settings.student]
    sigma = student.recipe.force_sigma(student.settings)

    def make() -> list[Path]:
        frames = load_frames(labelled)
        expects = student.deviates and work.settings.clean.surprise is not None
        surprises = force_surprises(open_model(model), frames, sigma) if expects else None
        found = judge_labels(frames, work.settings.clean, load_frames(training), surprises)
        write_frames(new, [frames[k] for k in found.kept])
        write_json(report, [asdict(rejection) for rejection in found.rejected])
        _require_most(found, report)
        return [new, report]

    shown = work.settings.clean.model_dump(mode="json") | {"sigma": sigma}
    work.once(_name(generation, "clean"), shown, [training, labelled, model], make)


def _require_most(found: Cleaned, report: Path) -> None:
    """SuperionError where most labels were left out: the next fit would be to the frames of this one."""
    if text := mostly_rejected(found):
        raise SuperionError(
            f"{text} The training stops, for it would go on with what it knew.",
            file=report,
            remedy="this file gives every reason. Mend the labeller or the structures, or loosen `clean` in "
            "the settings, and run the same command again.",
        )


def judge(work: Work, generation: int, *, last: bool = False) -> Judge:
    """Errors of every model on training set, test set and the new frames of a generation.

    New frames are those labelled in this generation, which its models have not seen; there are none in the
    `last`. Calibration is that of forces on the new frames, or on the test set where there are none.
    """
    files = {"train": work.path(generation, TRAINING), "test": work.folder / TEST}
    if not last:
        files["new"] = work.path(generation, NEW)
    settings, judges = work.settings, _judges(work)
    models = {name: work.path(generation, f"models/{name}.safetensors") for name in settings.fitted}
    opened = {name: model.source for name, model in settings.opened.items()}
    report = work.path(generation, "judge.json")
    sigmas = {name: one.recipe.force_sigma(one.settings) for name, one in settings.fitted.items()}

    def make() -> list[Path]:
        sets: dict[str, Sequence[Atoms]] = {name: load_frames(path) for name, path in files.items()}
        found: dict[str, Judged] = {}
        for name, source in {**models, **opened}.items():
            model = open_model(source)
            unseen = sets.get("new") or sets["test"]
            sure = "forces_std" in model.gives
            calibration = force_calibration(model, unseen, sigmas.get(name, 0.0)) if sure else None
            content = {**accuracy(model, sets, judges), "calibration": calibration}
            found[name] = Judged.model_validate(content, strict=False)
        frames = sum(not is_isolated(atoms) for atoms in sets["train"])
        asked = spent(work, generation)
        write_result(report, Judge(generation=generation, labels=asked, training_frames=frames, models=found))
        return [report]

    shown: dict[str, Any] = {"sigma": settings.fit.sigma.force, "uncertainty": settings.fit.uncertainty}
    shown |= {"judges": judges} if judges else {}
    shown |= {"opened": {name: known_by(source) for name, source in opened.items()}} if opened else {}
    if work.once(_name(generation, "judge"), shown, [*files.values(), *models.values()], make):
        summarise(work.folder, generation, None)
    judged: Judge = read_training_result(report)
    return judged


def grow(work: Work, generation: int) -> None:
    """The training set of the next generation: that of this one and its new frames."""
    training, new = work.path(generation, TRAINING), work.path(generation, NEW)
    grown = work.path(generation + 1, TRAINING)

    def make() -> list[Path]:
        write_frames(grown, [*load_frames(training), *load_frames(new)])
        return [grown]

    work.once(_name(generation, "grow"), None, [training, new], make)


def diffusion(work: Work, generation: int) -> Diffusion:
    """Diffusion with the model of the protocol, as the settings have it."""
    settings = work.settings.diffusion
    if settings is None:
        raise InputError("this protocol needs the settings `diffusion`.", remedy="add them.")
    model, structure = _model(work, generation), Path(settings.structure.file)
    report, folder = work.path(generation, "diffusion.json"), work.path(generation, "diffusion")
    (kelvin,) = settings.dynamics.temperatures
    dynamics = settings.dynamics.at(kelvin)

    def make() -> list[Path]:
        start = work.path(generation, "diffusion-start.extxyz")
        write_frames(start, [start_structure(structure, settings.structure.supercell)])
        identity = {"model": sha256(model), "structure": sha256(start)}
        job = Job(folder.name, folder, model, start, (1, 1, 1), dynamics, identity)
        prepare(job)
        try:
            run_job(folder, progress=work.progress)
            known = conductivity(read_trajectory(folder), settings.transport)
            found = Diffusion.model_validate(known.model_dump(mode="json", exclude={"kind", "format"}))
        except SimulationError as error:  # the model does not yet hold its atoms together
            found = Diffusion(diffusion=None, reason=error.problem)
        write_result(report, found)
        return [start, report]

    shown = settings.model_dump(mode="json", exclude={"structure": {"file"}})
    work.once(_name(generation, "diffusion"), shown, [model, structure], make)
    result: Diffusion = read_training_result(report)
    return result


def spent(work: Work, generation: int) -> int:
    """Labels asked for before the choice of a generation."""
    files = [work.folder / "first.extxyz"]
    files += [work.path(g, "selected.extxyz") for g in range(generation)]
    return sum(len(load_frames(path)) for path in files)


def _label(work: Work, name: str, wanted: Path, labelled: Path, failures: Path) -> None:
    def make() -> list[Path]:
        frames = load_frames(wanted)
        found = work.label(frames) if frames else []
        made = [atoms for atoms in found if atoms is not None]
        if frames and not made:
            raise SuperionError(
                f"none of {len(frames)} structures could be labelled.",
                file=wanted,
                remedy="look into the label store for the errors, mend the labeller and go on.",
            )
        failed = [frame_name(a, k) for k, (a, f) in enumerate(zip(frames, found, strict=True)) if f is None]
        write_frames(labelled, made)
        write_json(failures, failed)
        return [labelled, failures]

    work.once(name, work.labeller, [wanted], make)


def _without_labels(atoms: Atoms, index: int) -> Atoms:
    """A structure to label, named so that no two share a name; one that names no trajectory is its own."""
    copy = bare(atoms, constraints=True)
    name = f"first-{index:04d}"
    trajectory = str(atoms.info.get("trajectory", "")).strip() or name
    copy.info |= {"config_type": str(atoms.info.get("config_type", "first")), "frame_id": name}
    copy.info["trajectory"] = trajectory
    return copy


def _fit_settings(work: Work) -> dict[str, Any]:
    """What decides a fit beside its frames, JSON-ready."""
    settings, fitted = work.settings, work.settings.fitted
    shared = settings.fit, settings.electrostatics, settings.repulsion
    if any(model.beside(*shared) != {"preset": name} for name, model in fitted.items()):
        files = {key: path for model in fitted.values() for key, path in model.files().items()}
        return {
            "fits": {name: model.identity() for name, model in fitted.items()},
            "files": {key: sha256(path) for key, path in files.items()},
        }
    return {  # all is as the settings say for all models
        "fit": settings.fit.model_dump(mode="json"),
        "repulsion": settings.repulsion,
        "electrostatics": settings.electrostatics.identity() | settings.electrostatics.hashes(),
    }


def _judges(work: Work) -> list[str]:
    """Names of what models are judged by beside the usual errors."""
    named = [*work.settings.judges, work.settings.protocol.judge]
    return [name for name in dict.fromkeys(named) if name not in USUAL]


def _model(work: Work, generation: int) -> Path:
    """The file of the model that selects, and whose errors count."""
    return work.path(generation, f"models/{work.settings.student}.safetensors")


def _explorer(work: Work, generation: int) -> Path | str:
    """The file, or the name, of the model that moves the atoms."""
    name = work.settings.explore.model or work.settings.student
    if name in work.settings.opened:
        return work.settings.opened[name].source
    return work.path(generation, f"models/{name}.safetensors")


def _name(generation: int, step: str) -> str:
    return f"{generation:03d}/{step}"
