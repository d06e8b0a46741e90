"""An interrupt may come between any two lines of the engine: what was done stays done, and work goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
from ionic_salt import RIGID, SALT, crystal, settings

from interrupter import Interrupter, some
from superion.calculations.defects import RESULT, branches, run_defects
from superion.files import sha256
from superion.work import journal, pieces, plan, pools, state, step
from superion.work.executors import open_executor
from superion.work.plan import run_plan
from superion.work.state import State
from superion.work.step import Step, attempt

INTERRUPTER = Interrupter(branches, journal, pieces, plan, pools, state, step)


def test_relaxations(tmp_path: Path) -> None:
    wanted = settings(supercells=[(1, 1, 1), (2, 1, 1)], separation=2.0, fmax=RIGID)

    def run(folder: Path) -> None:
        run_defects(SALT, crystal(), wanted, folder, progress=False)

    lines = INTERRUPTER.lines(lambda: run(tmp_path / "whole"))
    whole = (tmp_path / "whole" / RESULT).read_bytes()
    for at in some(lines, 15):
        folder = tmp_path / f"{at}"
        with pytest.raises(KeyboardInterrupt):
            INTERRUPTER.stop(lambda folder=folder: run(folder), at)
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
        lines = INTERRUPTER.lines(lambda job=job, number=number: job(tmp_path / f"{number}"))
        for at in some(lines, 25):
            folder = tmp_path / f"{number}-{at}"
            folder.mkdir()
            with pytest.raises(KeyboardInterrupt):
                INTERRUPTER.stop(lambda job=job, folder=folder: job(folder), at)
            kept = [name for name, one in State.read(folder).records.items() if one.status == "done"]
            calls.clear()
            job(folder)
            assert calls == [name for name in "abc" if name not in kept], at
            assert [sha256(folder / name) for name in "abc"] == [
                State.read(folder).records[name].outputs[name] for name in "abc"
            ]
