"""A process that makes labels, one after the other: `python -m superion.reference.child HANDLE`.

Each line of its standard input names a folder that holds `job.json`; `result.json` is written there, and a
line to the file descriptor HANDLE says so. The labeller is kept from job to job. The process and all it
started end as soon as its standard input closes, so that no calculation outlives the program that asked
for it, and when nothing is asked of it for a while.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

from superion.files import write_atomic
from superion.reference.attempt import Reply, atoms_from_json, label_here
from superion.reference.helper import IDLE, JOB, LEFT, LOG, RESULT
from superion.reference.journal import decode, encode
from superion.reference.labeller import Labeller, SetupError
from superion.reference.settings import LabellerSettings, make_labeller


def main(handle: int) -> None:
    """Do jobs until there are none."""
    os.set_inheritable(handle, False)
    jobs: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_listen, args=(jobs,), daemon=True).start()
    kept: tuple[Any, Labeller] | None = None
    while True:
        try:
            folder = Path(jobs.get(timeout=IDLE))
        except queue.Empty:
            sys.exit(LEFT)
        _redirect(folder)
        job = decode((folder / JOB).read_bytes())
        try:
            if kept is None or kept[0] != job["settings"]:
                settings = LabellerSettings.model_validate(job["settings"])
                kept = job["settings"], make_labeller(settings, log="-")
            reply = label_here(job["key"], atoms_from_json(job["structure"]), kept[1])
        except SetupError as error:  # of another machine than the one that asks
            reply = Reply(job["key"], reason=str(error), retry=False, stop=True)
        sys.stdout.flush()
        sys.stderr.flush()
        write_atomic(folder / RESULT, encode(asdict(reply)))
        os.write(handle, b"\n")


def _redirect(folder: Path) -> None:
    """Work in a folder, and write what is printed to its log, also from compiled code."""
    os.chdir(folder)
    log = os.open(folder / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for standard in (1, 2):
        os.dup2(log, standard)
    os.close(log)


def _listen(jobs: queue.Queue[str]) -> None:
    """Take jobs; kill this process and those it started when the other end of standard input is gone."""
    for line in sys.stdin:
        jobs.put(line.rstrip("\n"))
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main(int(sys.argv[1]))
