"""Processes that make labels for the threads of this one: kept from label to label, ended when one fails."""

from __future__ import annotations

import atexit
import os
import select
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from superion.machine import THREADS

JOB, RESULT, LOG = "job.json", "result.json", "log.txt"
OVERTIME = -1000
"""Stands for an exit code where the time was over."""
LEFT = 90
"""Exit code of a process that leaves for want of work."""
IDLE = 300.0
"""Seconds without a job after which a process leaves, and gives its memory back."""


class Helper:
    """One process, which does one job at a time."""

    def __init__(self) -> None:
        self.busy = False
        self._done, handle = os.pipe()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "superion.reference.child", str(handle)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=[handle],
                start_new_session=True,
                env={thread: "1" for thread in THREADS} | os.environ,
            )
        finally:
            os.close(handle)

    def alive(self) -> bool:
        """Whether it can take a job."""
        return self._process.poll() is None

    def work(self, folder: Path, deadline: float | None) -> int | None:
        """Have the job in a folder done.

        None when it was, else the exit code of the process, or OVERTIME where the deadline (of the monotonic
        clock) passed and it was killed.
        """
        assert self._process.stdin is not None
        self.busy = True
        try:
            with suppress(BrokenPipeError):  # it has left
                self._process.stdin.write(f"{folder}\n".encode())
                self._process.stdin.flush()
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            ready, _, _ = select.select([self._done], [], [], left)
            if ready and os.read(self._done, 1):
                return None
            code = self._process.wait() if ready else OVERTIME
            if code and (said := self.end()):
                with open(folder / LOG, "ab") as log:  # it died before it had a log
                    log.write(said)
            return code
        finally:
            self.busy = False

    def end(self) -> bytes:
        """Kill it and what it started, unless it has ended; what it said before its first job."""
        self.kill()
        assert self._process.stdin is not None
        assert self._process.stderr is not None
        with suppress(BrokenPipeError, ValueError):
            self._process.stdin.close()
        said = b"" if self._process.stderr.closed else self._process.stderr.read()
        self._process.stderr.close()
        if self._done >= 0:
            os.close(self._done)
            self._done = -1
        with _lock:
            _helpers.discard(self)
        return said

    def kill(self) -> None:
        """Kill it and what it started."""
        if self._process.poll() is None:
            with suppress(ProcessLookupError):  # it has just ended by itself
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


_here = threading.local()
_lock = threading.Lock()
_helpers: set[Helper] = set()


def helper_here() -> Helper:
    """The process of this thread, a new one if there is none that lives."""
    helper: Helper | None = getattr(_here, "helper", None)
    if helper is None or not helper.alive():
        if helper is not None:
            helper.end()
        helper = _here.helper = Helper()
        with _lock:
            _helpers.add(helper)
    return helper


@atexit.register
def _end_all() -> None:
    """End the processes that are kept, and close their pipes."""
    with _lock:
        left = list(_helpers)
    for helper in left:
        helper.end()


def kill_running() -> None:
    """Kill the processes that are at work."""
    with _lock:
        busy = [helper for helper in _helpers if helper.busy]
    for helper in busy:
        helper.kill()


def end_idle() -> None:
    """End the processes that have no job; threads that still want one start another."""
    with _lock:
        idle = [helper for helper in _helpers if not helper.busy]
    for helper in idle:
        helper.end()
