"""Steps done by several processes at once: each does one after another, and ends with the study."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from superion.files import open_inside
from superion.machine import THREADS

MODULE = "superion.study.crew_worker"
LOG = "properties.log"


@dataclass(frozen=True, slots=True)
class Begun:
    """A process has started a step."""

    step: str


@dataclass(frozen=True, slots=True)
class Ended:
    """A step is over. written: its files. error: why it failed, None if it did not."""

    step: str
    written: list[Path]
    error: str | None
    seconds: float


def run_apart(folder: Path, steps: Sequence[str], parallel: int) -> Iterator[Begun | Ended]:
    """Do steps of the study in `folder`, `parallel` at once; tells when each begins and ends.

    Every failure of a step, the death of its process included, is reported by its `Ended`. Processes end when
    this generator is closed, and with this process, however it ends.
    """
    reports: SimpleQueue[Begun | Ended] = SimpleQueue()
    waiting = iter(steps)
    turn = threading.Lock()
    workers = [_Worker(folder) for _ in range(min(parallel, len(steps)))]

    def serve(worker: _Worker) -> None:
        while True:
            with turn:
                step = next(waiting, None)
            if step is None:
                return
            reports.put(Begun(step))
            reports.put(worker.do(step))

    threads = [threading.Thread(target=serve, args=(worker,), daemon=True) for worker in workers]
    try:
        for thread in threads:
            thread.start()
        left = len(steps)
        while left:
            found = reports.get()
            left -= isinstance(found, Ended)
            yield found
    finally:
        with turn:
            waiting = iter(())
        for worker in workers:
            worker.stop()
        for thread in threads:
            thread.join()


class _Worker:
    """One process; started when there is something to do, and again after it died."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[str] | None = None
        self._stopped = False
        self._turn = threading.Lock()

    def do(self, step: str) -> Ended:
        """Have a step done; never raises for what goes wrong in it."""
        process = self._ready()
        if process is None:
            return Ended(step, [], "the study was stopped.", 0.0)
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(f"{step}\n")
            process.stdin.flush()
            answer = process.stdout.readline()
        except OSError:
            answer = ""
        if answer:
            found = json.loads(answer)
            return Ended(step, [Path(path) for path in found["written"]], found["error"], found["seconds"])
        code = process.wait()
        log = self._folder / LOG
        return Ended(step, [], f"its process ended with code {code}; see {log}.", 0.0)

    def _ready(self) -> subprocess.Popen[str] | None:
        with self._turn:
            if self._stopped:
                return None
            if self._process is None or self._process.poll() is not None:
                self._end()
                with open_inside(self._folder, LOG, "ab") as log:
                    self._process = subprocess.Popen(
                        [sys.executable, "-P", "-m", MODULE, str(self._folder)],
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        stderr=log,
                        text=True,
                        env=os.environ | dict.fromkeys(THREADS, "1"),
                        start_new_session=True,
                    )
            return self._process

    def stop(self) -> None:
        """End the process, whatever it is doing."""
        with self._turn:
            self._stopped = True
            self._end()

    def _end(self) -> None:
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):  # what could not be written is of no use any more
                    pipe.close()
