"""`python kill_driver.py FOLDER`: label, killed at the n-th write for every n, then again; JSON results."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections import Counter
from pathlib import Path

import fake_calculators  # noqa: F401 - once, before the forks
from ase.io import extxyz  # noqa: F401
from label_cases import argon, faulty

from superion.reference import export, label_frames
from superion.work.executors import open_executor
from superion.work.journal import read_journal


def work(folder: Path) -> None:
    frames = argon(3)
    settings = faulty(log=folder / "calls")
    with open_executor("serial") as here:  # so that the process may fork
        outcome = label_frames(frames, settings, folder / "store", here, progress=False)
    export(folder / "out.extxyz", frames, outcome.entries)


def die_at(number: int) -> None:
    """Let the `number`-th write, sync, truncation or rename of this process be its last act, half done."""
    count = 0

    def deadly(call):
        def wrapped(*arguments, **named):
            nonlocal count
            count += 1
            if count == number:
                if call.__name__ == "write":
                    call(arguments[0], arguments[1][: len(arguments[1]) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **named)

        return wrapped

    for name in ("write", "fsync", "replace", "ftruncate"):
        setattr(os, name, deadly(getattr(os, name)))


def run(folder: Path, number: int | None) -> bool:
    """Work in a process of its own; whether it was killed."""
    pid = os.fork()
    if pid == 0:
        if number is not None:
            die_at(number)
        work(folder)
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise SystemExit(f"failed at write {number}")
    return os.WIFSIGNALED(status)


def main(root: Path) -> None:
    (root / "whole").mkdir()
    run(root / "whole", None)
    expected = (root / "whole" / "out.extxyz").read_text().replace("whole", "N")
    found: Counter[str] = Counter()
    number = 1
    while True:
        folder = root / str(number)
        folder.mkdir()
        if not run(folder, number):
            break
        found["kills"] += 1
        run(folder, None)
        found["different_exports"] += (folder / "out.extxyz").read_text() != expected
        records, _ = read_journal(folder / "store" / "journal.jsonl")
        done = Counter(record["key"] for record in records if record["event"] == "done")
        found["doubled_labels"] += max(done.values()) > 1 or len(done) != 3
        extra = len((folder / "calls").read_text().split()) - 3
        found["most_extra_calls"] = max(found["most_extra_calls"], extra)
        number += 1
    keys = ("kills", "different_exports", "doubled_labels", "most_extra_calls")
    print(json.dumps({key: found[key] for key in keys}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
