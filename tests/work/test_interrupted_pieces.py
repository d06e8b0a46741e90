"""An interrupt may come between any two lines of the engine: what was done stays done, and work goes on."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ionic_salt import RIGID, SALT, crystal, settings

from superion.calculations.defects import RESULT, branches, run_defects
from superion.files import sha256
from superion.work import journal, pieces, plan, pools, state, step
from superion.work.executors import open_executor
from superion.work.plan import run_plan
from superion.work.state import State
from superion.work.step import Step, attempt

WATCHED = {module.__file__ for module in (branches, journal, pieces, plan, pools, state, step)}


class Interrupt:
    """Raises KeyboardInterrupt before the given line that is run in the watched files; counts them."""

    def __init__(self, at: int) -> None:
        self.at, self.count = at, 0

    def __call__(self, frame, event, argument):
        if frame.f_code.co_filename not in WATCHED:
            return None
        if event == "line":
            self.count += 1
            if self.count == self.at:
                raise KeyboardInterrupt
        return self


def interrupted(work: Callable[[], object], at: int = 0) -> int:
    """Work until a line; how many lines were run."""
    tracer, before = Interrupt(at), sys.gettrace()
    sys.settrace(tracer)
    try:
        work()
    finally:
        sys.settrace(before)
    return tracer.count


def some(lines: int, count: int) -> list[int]:
    return np.sort(np.random.default_rng(0).choice(np.arange(1, lines), count, replace=False)).tolist()


def test_relaxations(tmp_path: Path) -> None:
    wanted = settings(supercells=[(1, 1, 1), (2, 1, 1)], separation=2.0, fmax=RIGID)

    def run(folder: Path) -> None:
        run_defects(SALT, crystal(), wanted, folder, progress=False)

    lines = interrupted(lambda: run(tmp_path / "whole"))
    whole = (tmp_path / "whole" / RESULT).read_bytes()
    for at in some(lines, 15):
        folder = tmp_path / f"{at}"
        with pytest.raises(KeyboardInterrupt):
            interrupted(lambda folder=folder: run(folder), at)
        done = len(journal.read_journal(folder / "journal.jsonl")[0])
        found = run_defects(SALT, crystal(), wanted, folder, progress=False)
        assert found.computed == 4 - done, at
        assert (folder / RESULT).read_bytes() == whole, at


def test_steps_of_a_plan_and_of_a_training(tmp_path: Path) -> None:
    calls: list[str] = []

    def steps(folder: Path) -> list[Step]:
        def work(name: str) -> list[Path]:
            calls.append(name)
            (folder / name).write_text(name)
            return [folder / name]

        def one(name: str, *reads: str) -> Step:
            files = {read: folder / read for read in reads}
            return Step(name, reads, None, lambda: files, lambda: work(name))

        return [one("a"), one("b", "a"), one("c", "a", "b")]

    def study(folder: Path) -> None:
        with open_executor("serial") as workers:
            run_plan(steps(folder), State.read(folder), workers, progress=False)

    def training(folder: Path) -> None:
        for each in steps(folder):
            attempt(each, State.read(folder), progress=False)

    for number, job in enumerate((study, training)):
        (tmp_path / f"{number}").mkdir()
        lines = interrupted(lambda job=job, number=number: job(tmp_path / f"{number}"))
        for at in some(lines, 25):
            folder = tmp_path / f"{number}-{at}"
            folder.mkdir()
            with pytest.raises(KeyboardInterrupt):
                interrupted(lambda job=job, folder=folder: job(folder), at)
            kept = [name for name, one in State.read(folder).records.items() if one.status == "done"]
            calls.clear()
            job(folder)
            assert calls == [name for name in "abc" if name not in kept], at
            assert [sha256(folder / name) for name in "abc"] == [
                State.read(folder).records[name].outputs[name] for name in "abc"
            ]
