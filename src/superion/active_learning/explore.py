"""Dynamics that looks for new structures: from several starts, at several temperatures, ended in time."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from superion.active_learning.explore_settings import ExploreSettings
from superion.active_learning.explorers import DYNAMICS, EXPLORERS, Exploration, Explored, Explorer
from superion.active_learning.frames import snapshot, write_frames
from superion.active_learning.measures import MEASURES
from superion.active_learning.results import read_training_result
from superion.active_learning.worker import STOPPED, explore_job
from superion.display import say
from superion.errors import InputError
from superion.files import sha256
from superion.simulation import read_trajectory, summary_of, to_ase
from superion.simulation.chunks import count_chunks
from superion.simulation.estimate import check_run
from superion.simulation.fixed import fixed_atoms
from superion.structures import is_isolated
from superion.structures.bare import bare
from superion.study.dynamics import Job, done_fraction, known_by, prepare, run_jobs
from superion.work.executors import open_executor
from superion.work.pools import ONE_THREAD


def explore(exploration: Exploration) -> Explored:
    """Run dynamics from every start; runs in its folder are resumed, those done are kept.

    The generator draws one seed per run. They are done where `parallel` says; one at a time is done here.
    Raises SimulationError if a process dies of anything but a run that had to be ended.
    """
    settings: ExploreSettings = exploration.settings
    temperatures = settings.dynamics.temperatures
    seeds = exploration.rng.integers(2**31, size=(len(exploration.starts), len(temperatures)))
    exploration.folder.mkdir(parents=True, exist_ok=True)
    found: dict[tuple[int, int], tuple[list[Atoms], dict[str, Any]]] = {}
    current: dict[int, Atoms] = dict(enumerate(exploration.starts))
    stages = [[t] for t in range(len(temperatures))] if settings.ramp else [list(range(len(temperatures)))]
    for stage in stages:
        jobs = {
            (w, t): _job(exploration, w, temperatures[t], int(seeds[w, t]), atoms)
            for w, atoms in current.items()
            for t in stage
        }
        _run(list(jobs.values()), exploration.parallel, exploration.progress)
        for (w, t), job in jobs.items():
            found[w, t] = _result(job, exploration.name, temperatures[t], current[w], settings)
        if settings.ramp:
            (t,) = stage
            current = {w: _frames(jobs[w, t])[-1] for w in current if found[w, t][1]["stopped"] is None}
    order = sorted(found)
    return Explored([a for key in order for a in found[key][0]], [found[key][1] for key in order])


def draw_starts(frames: Sequence[Atoms], count: int, rng: np.random.Generator) -> list[Atoms]:
    """`count` structures without labels, all different as long as there are enough; no isolated atoms.

    Atoms that they fix stay fixed. Those whose constraints dynamics cannot hold are left out, with a warning.
    """
    whole = [atoms for atoms in frames if not is_isolated(atoms) and len(atoms) > 1]
    usable = [atoms for atoms in whole if _can_move(atoms)]
    if len(usable) < len(whole):
        warnings.warn(
            f"no run starts from {len(whole) - len(usable)} of {len(whole)} structures: all their atoms are "
            "fixed, or some along some directions only.",
            stacklevel=2,
        )
    if not usable:
        raise InputError("there is no structure to start dynamics from.", remedy="give explore.starts.")
    order = [k for _ in range(-(-count // len(usable))) for k in rng.permutation(len(usable))]
    return [bare(usable[k], constraints=True) for k in order[:count]]


def _can_move(atoms: Atoms) -> bool:
    try:
        return len(fixed_atoms(atoms)) < len(atoms)
    except InputError:
        return False


def _job(exploration: Exploration, walker: int, kelvin: float, seed: int, start: Atoms) -> Job:
    settings: ExploreSettings = exploration.settings
    model, folder, name = exploration.model, exploration.folder, f"{walker:02d}-{kelvin:g}K"
    structure = folder / f"{name}.extxyz"
    write_frames(structure, [start])
    dynamics = settings.dynamics.at(kelvin).model_copy(update={"seed": seed})
    stop = settings.stop.model_dump(mode="json") if settings.stop else None
    extra: dict[str, Any] = {"stop": stop}
    identity: dict[str, Any] = {"model": known_by(model), "structure": sha256(structure), "stop": stop}
    reads = MEASURES.find(stop["measure"]).reads if stop else frozenset()
    if stop and exploration.judge is not None and exploration.judge != model:
        extra["judge"] = os.path.relpath(exploration.judge, folder / name)
        identity["judge"] = sha256(exploration.judge)
    if "training" in reads and exploration.training is not None:
        extra["training"] = os.path.relpath(exploration.training, folder / name)
        identity["training"] = sha256(exploration.training)
    if "committee" in reads:
        extra["committee"] = [os.path.relpath(path, folder / name) for path in exploration.committee]
        identity["committee"] = [sha256(path) for path in exploration.committee]
    return Job(name, folder / name, model, structure, (1, 1, 1), dynamics, identity, explore_job, extra)


def _run(jobs: list[Job], parallel: str | int, progress: bool) -> None:
    if parallel in (1, "serial"):
        for job in jobs:
            prepare(job)
            since = time.monotonic()
            explore_job(job.folder, progress=False)
            say(f"explore/{job.name}: {time.monotonic() - since:.1f} s", progress)
        return
    with open_executor(parallel, ONE_THREAD) as workers:
        if failed := run_jobs(jobs, workers, progress=progress):
            raise failed[0]


def _frames(job: Job) -> list[Atoms]:
    """Frames of production that a run wrote, perhaps none."""
    if count_chunks(job.folder) == 0:
        return []
    trajectory = read_trajectory(job.folder, equilibration=True)
    return [atoms for atoms in to_ase(trajectory) if atoms.info["step"] >= 0]


def _result(
    job: Job, name: str, kelvin: float, start: Atoms, settings: ExploreSettings
) -> tuple[list[Atoms], dict[str, Any]]:
    stopped = read_training_result(job.folder / STOPPED).reason if (job.folder / STOPPED).exists() else None
    trajectory = read_trajectory(job.folder) if count_chunks(job.folder) else None
    frames = _frames(job)
    taken = snapshots(frames, settings.snapshots)
    if stopped is not None and not taken:  # outside the data from the beginning: the start is what is new
        taken = [start.copy()]
        taken[0].info["step"] = 0
    result = [snapshot(atoms, start, f"{name}-{job.name}", kelvin, "explored") for atoms in taken]
    summary = {
        "run": job.name,
        "temperature": kelvin,
        "frames": len(frames),
        "snapshots": len(result),
        "stopped": stopped,
    }
    if trajectory is not None and len(trajectory):
        found = summary_of(trajectory)
        summary |= {"mean_temperature": found.mean_temperature, "warnings": list(found.warnings)}
    return result, summary


def snapshots(frames: Sequence[Atoms], count: int) -> list[Atoms]:
    """`count` equidistant frames of a run, its last among them and its first, the start, not."""
    moved = list(frames[1:])
    count = min(count, len(moved))
    return [moved[round((k + 1) * len(moved) / count) - 1] for k in range(count)]


def _check(settings: ExploreSettings, folder: Path) -> None:
    """What would not fit on the disk, before anything is computed."""
    check_run(2, settings.dynamics.at(settings.dynamics.temperatures[0]), folder)


def _fraction(settings: ExploreSettings, folder: Path) -> float:
    dynamics = settings.dynamics
    runs = [
        1.0 if (path / STOPPED).exists() else done_fraction(path, dynamics.at(dynamics.temperatures[0]))
        for path in folder.glob("*K")
    ]
    return min(1.0, sum(runs) / (settings.walkers * len(dynamics.temperatures)))


EXPLORERS.add(
    Explorer(name=DYNAMICS, settings=ExploreSettings, explore=explore, check=_check, fraction=_fraction)
)
