"""A run that is killed in the middle of a piece loses this piece, and nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from lennard_jones import call, defect, locality, write_argon

COMMANDS = {
    "defect": (defect, "journal.jsonl", b'"rest"', "defects.json"),
    "locality": (locality, "labels/journal.jsonl", b'"done"', "samples.extxyz"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_run_that_is_killed_while_it_computes_goes_on_as_if_it_had_not_been(name, tmp_path: Path) -> None:
    command, journal, mark, result = COMMANDS[name]
    log = tmp_path / "log"
    write_argon(tmp_path, "fake_calculators:Faulty", pause=0.05, log=str(log))
    call(command(tmp_path, "whole", "serial"))
    calls = len(log.read_text().split())
    log.unlink()
    kill_in_a_piece(command(tmp_path, "killed", "processes:2"), tmp_path / "killed" / journal, mark, log)
    done = (tmp_path / "killed" / journal).read_bytes().count(mark)
    assert done > 0
    for pid in set(map(int, log.read_text().split())):
        wait_for(lambda pid=pid: not alive(pid))
    before = len(log.read_text().split())
    call(command(tmp_path, "killed", "serial"))
    assert (tmp_path / "killed" / result).read_bytes() == (tmp_path / "whole" / result).read_bytes()
    assert len(log.read_text().split()) - before < calls  # what was done is not done again
    assert not list((tmp_path / "killed").glob(".model-*"))


def kill_in_a_piece(words: list[str], journal: Path, mark: bytes, log: Path) -> None:
    """SIGKILL when something is in the journal and a calculator works on what is not."""
    process = subprocess.Popen(
        [sys.executable, "-m", "superion.cli", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def records() -> int:
        return journal.read_bytes().count(mark) if journal.exists() else 0

    wait_for(lambda: records() or process.poll() is not None)
    assert process.poll() is None
    begun = len(log.read_text().split())
    wait_for(lambda: len(log.read_text().split()) > begun or process.poll() is not None)
    assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()


def wait_for(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 120
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
