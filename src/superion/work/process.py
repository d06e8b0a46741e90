"""Processes that do calls for this one: started when needed, kept from call to call, ended with it."""

from __future__ import annotations

import atexit
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from multiprocessing.connection import Pipe
from pathlib import Path
from typing import Any
from weakref import WeakSet

from superion.errors import SuperionError
from superion.files import open_inside
from superion.work.worker import LEFT, LOG, Answer, Call

TAIL = 2000
"""Characters of the last output that are kept with a failure."""


class LostError(SuperionError):
    """A call whose process did not answer. code: its exit code, negative for a signal. said: last output."""

    code = 0
    said = ""
    seconds = 0.0


class OvertimeError(LostError):
    """A call that took too long; its process was killed."""


class Process:
    """One process, which does one call at a time."""

    def __init__(
        self, name: str = "", *, log: Path | None = None, environment: Mapping[str, str] | None = None
    ) -> None:
        """name: shown by `ps`. log: file for what it prints; standard error if not given."""
        self.busy = False
        self._channel, theirs = Pipe()
        out = None if log is None else open_inside(log.parent, log.name, "ab")
        command = [sys.executable, "-P", "-m", "superion.work.worker", str(theirs.fileno()), name]
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL if out is None else out,
                stderr=out,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
                env=dict(os.environ if environment is None else environment),
            )
        finally:
            theirs.close()
            if out is not None:
                out.close()
        _alive.add(self)

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    def alive(self) -> bool:
        """Whether it can take a call."""
        return self._process.poll() is None

    def call(self, call: Call, deadline: float | None = None) -> Any:
        """What a call returns; raises what it raises, and LostError if the process ends instead.

        deadline: of the monotonic clock, after which the process is killed and OvertimeError raised.
        """
        raw = pickle.dumps(call)
        self.busy = True
        try:
            self._channel.send_bytes(raw)
            if not self._channel.poll(None if deadline is None else max(0.0, deadline - time.monotonic())):
                self.kill()
                raise OvertimeError("its process took too long and was killed.")
            # by a pipe that only the process has which was started here; no file and no network feeds it
            answer: Answer = pickle.loads(self._channel.recv_bytes())
        except (EOFError, OSError) as error:
            raise lost(self._process.wait()) from error
        finally:
            self.busy = False
        if answer.error is not None:
            raise answer.error
        return answer.value

    def ask_to_end(self) -> None:
        """Let a call that is at work save what it has."""
        if self.alive():
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)

    def end(self, grace: float = 0.0) -> None:
        """End it and what it started, after `grace` seconds if it has not ended by itself."""
        with suppress(subprocess.TimeoutExpired):
            if grace:
                self._process.wait(grace)
        self.kill()
        if not self.busy:
            self._channel.close()
        _alive.discard(self)

    def kill(self) -> None:
        """Kill it and what it started."""
        if self._process.poll() is None:
            with suppress(ProcessLookupError):  # it has just ended by itself
                os.killpg(self.pid, signal.SIGKILL)
            self._process.wait()


_alive: WeakSet[Process] = WeakSet()


@atexit.register
def _end_all() -> None:
    for process in list(_alive):
        process.end()


def lost(code: int) -> LostError:
    """What is said of a process that ended with this exit code and did not answer."""
    if code < 0:
        name = signal.Signals(-code).name
        how = f"its process was killed by {name}" + (", as when memory runs out" if code == -9 else "")
    else:
        how = f"its process ended with exit code {code}" if code else "its process left no complete result"
    error = LostError(
        f"{how}.", remedy="run the same command again, with fewer processes if memory is short."
    )
    error.code = code
    return error


class Kept:
    """A process for every thread that asks for one, kept from call to call until it ends."""

    def __init__(self, environment: Mapping[str, str] | None = None, log: Path | None = None) -> None:
        self._environment, self._log = environment, log
        self._here = threading.local()
        self._lock = threading.Lock()
        self._all: set[Process] = set()
        self._stopped = False

    def call(
        self,
        function: Callable[..., Any],
        arguments: tuple[Any, ...],
        *,
        timeout: float | None = None,
        scratch: bool = False,
        name: str = "",
        log: Path | None = None,
    ) -> Any:
        """Do a call in the process of this thread.

        timeout: seconds after which it is killed. scratch: work in a folder that is removed afterwards, with
        a log of its own, whose end a LostError tells. name, log: of a process that does this call only.
        """
        started = time.monotonic()
        deadline = None if timeout is None else started + timeout
        with _folder() if scratch else nullcontext() as folder:
            logged = not scratch and (log or self._log) is not None
            call = Call(function, arguments, folder, logged)
            try:
                if log is not None:
                    return self._alone(call, deadline, name, log)
                try:
                    return self._process().call(call, deadline)
                except LostError as error:
                    if error.code != LEFT:
                        raise
                return self._process().call(call, deadline)  # it had just left for want of work
            except LostError as error:
                error.seconds = time.monotonic() - started
                where = log or self._log if folder is None else Path(folder) / LOG
                if where is not None and where.exists():
                    with open(where, "rb") as file:
                        file.seek(max(0, where.stat().st_size - 4 * TAIL))
                        error.said = file.read().decode(errors="replace").strip()[-TAIL:]
                raise (error if folder is not None or where is None else _with_log(error, where)) from None

    def stop(self, grace: float = 0.0) -> None:
        """End all processes; those at work have `grace` seconds to save what they have."""
        with self._lock:
            self._stopped = True
            everyone = list(self._all)
        if grace:
            for process in everyone:
                process.ask_to_end()
        until = time.monotonic() + grace
        for process in everyone:
            process.end(max(0.0, until - time.monotonic()))

    def _alone(self, call: Call, deadline: float | None, name: str, log: Path) -> Any:
        process = self._start(name, log)
        try:
            return process.call(call, deadline)
        finally:
            self._forget(process)

    def _process(self) -> Process:
        found: Process | None = getattr(self._here, "process", None)
        if found is None or not found.alive():
            if found is not None:
                self._forget(found)
            found = self._here.process = self._start("", self._log)
        return found

    def _start(self, name: str, log: Path | None) -> Process:
        with self._lock:
            if self._stopped:
                raise lost(0)
            process = Process(name, log=log, environment=self._environment)
            self._all.add(process)
        return process

    def _forget(self, process: Process) -> None:
        with self._lock:
            self._all.discard(process)
        process.end()


def _with_log(error: LostError, log: Path) -> LostError:
    """The same, with the log that may tell more."""
    last = error.said.splitlines()[-1:]
    problem = f"{error.problem} It said last: {last[0]}" if last else error.problem
    told = type(error)(problem, file=log, remedy=error.remedy)
    told.code, told.said, told.seconds = error.code, error.said, error.seconds
    return told


def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="superion-", ignore_cleanup_errors=True)


_kept: dict[tuple[tuple[str, str], ...], Kept] = {}


def call_apart(
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    environment: Mapping[str, str],
    options: Mapping[str, Any],
) -> Any:
    """`Kept.call` in processes that live as long as this one; environment: added to that of this process."""
    key = tuple(sorted(environment.items()))
    if key not in _kept:
        _kept[key] = Kept({**os.environ, **environment})
    return _kept[key].call(function, arguments, **options)
