"""A study or a training that is asked to end keeps the frames of its runs, and ends as if it had not been."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from toy_salt import write_inputs, write_study
from toy_training import truth, write_training

from superion.active_learning.run import run_training
from superion.active_learning.status import training_status
from superion.active_learning.worker import explore_job
from superion.files import locked
from superion.simulation import read_trajectory
from superion.study import run_study, status
from superion.study.dynamics import run_job

LONG = 400
"""Frames of a file, more than a run has: without a last effort there are none on disk."""


def started(*words: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "superion.cli", *map(str, words)],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )


def wait_for_steps(process: subprocess.Popen[str], logs: list[Path]) -> None:
    """Until every run has told of its progress."""
    deadline = time.monotonic() + 120
    while not all(log.exists() and "step " in log.read_text() for log in logs):
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.01)


def end(process: subprocess.Popen[str], folder: Path) -> None:
    """Ask a command to end: it says so, and its workers end with it."""
    assert workers_in(folder)
    process.terminate()
    _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM, said
    assert "stopped by SIGTERM; what was done is kept" in said
    assert not workers_in(folder)


def done_at_once(run: Path, work: Callable[..., None]) -> Path:
    """The same job in a folder beside it."""
    whole = run.with_name("whole")
    whole.mkdir()
    shutil.copyfile(run / "job.json", whole / "job.json")
    work(whole, progress=False)
    return whole


def workers_in(folder: Path) -> list[int]:
    """Processes that were started with a folder below this one."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = place.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if any(word.startswith(f"{folder}/") for word in words[3:]) and "worker" in " ".join(words):
            found.append(int(place.parent.name))
    return found


def frames_of(folder: Path) -> str:
    found = read_trajectory(folder, equilibration=True)
    digest = hashlib.sha256()
    for array in (found.steps, found.positions, found.cells, found.kinetic_energy):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def test_the_runs_of_a_study_that_is_ended_keep_their_frames(tmp_path: Path) -> None:
    write_inputs(tmp_path)
    study = write_study(
        tmp_path,
        potentials=["es-gap"],
        dynamics__steps=2 * LONG - 20,
        dynamics__chunk_frames=LONG,
        dynamics__equilibrate=20,
        parallel=1,
    )
    out = tmp_path / "out"
    run = out / "md" / "es-gap-300K"
    ended = started("run", study, "--output", out)
    wait_for_steps(ended, [run / "log.txt"])
    end(ended, out)
    assert 0 < len(read_trajectory(run, equilibration=True)) <= LONG
    with locked(run):
        pass
    assert status(out).next == "dynamics/es-gap-300K"
    run_study(out, progress=False)
    assert status(out).next is None
    assert frames_of(run) == frames_of(done_at_once(run, run_job))


def test_the_runs_of_a_training_that_is_ended_keep_their_frames(tmp_path: Path) -> None:
    source = write_training(
        tmp_path,
        models=["es-gap"],
        parallel=2,
        protocol__generations=1,
        explore__walkers=1,
        explore__dynamics__steps=2 * LONG,
        explore__dynamics__chunk_frames=LONG,
    )
    out = tmp_path / "out"
    runs = out / "generation-000" / "explore"
    ended = started("train", source, "--output", out)
    wait_for_steps(ended, [runs / name / "log.txt" for name in ("00-300K", "00-600K")])
    end(ended, out)
    for name in ("00-300K", "00-600K"):
        assert 0 < len(read_trajectory(runs / name, equilibration=True)) <= LONG
    run_training(out, label=truth, figure=False, progress=False)
    assert training_status(out).ended
    run = runs / "00-600K"
    assert frames_of(run) == frames_of(done_at_once(run, explore_job))
