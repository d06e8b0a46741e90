"""A process that does calls for another one: `python -P -m superion.work.worker HANDLE NAME`.

HANDLE is one end of a pipe, `process.Process` holds the other. Each message is a pickled call; each answer
says what the call returned or raised. The process and all that it started end as soon as the other end is
closed, so that nothing outlives the program that asked for it, and when nothing is asked of it for a while.
SIGTERM comes to a call as KeyboardInterrupt, so that it can save what it has. NAME is for people who look at
their processes.
"""

from __future__ import annotations

import os
import pickle
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from superion.errors import SuperionError

IDLE = 300.0
"""Seconds without a call after which the process leaves, and gives its memory back."""
LEFT = 90
"""Exit code of a process that leaves because nothing is asked of it, or because a call wants it to."""
LOG = "log.txt"
"""File in a scratch folder that takes what a call prints."""


@dataclass(frozen=True, slots=True)
class Call:
    """What is to be done. scratch: a folder to work in, None to stay. logged: errors belong to a log too."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    scratch: str | None = None
    logged: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of it. error: what was raised."""

    value: Any = None
    error: BaseException | None = None


_leaving, _serving = threading.Event(), threading.Event()


def leave() -> None:
    """Let this process end after the call that it is at: what failed may have left it in any state."""
    _leaving.set()


def serving() -> bool:
    """Whether this process does calls for another one, so that what it prints is for a log."""
    return _serving.is_set()


def main(handle: int) -> None:
    """Do calls until there are none."""
    _serving.set()
    os.set_inheritable(handle, False)
    os.dup2(2, 1)  # what is printed belongs to the log, or to standard error
    channel = Connection(handle)
    calls: queue.Queue[bytes] = queue.Queue()
    threading.Thread(target=_listen, args=(channel, calls), daemon=True).start()
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        while not _leaving.is_set():
            channel.send_bytes(_packed(_answer(calls.get(timeout=IDLE))))
    except queue.Empty:
        pass
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGTERM)
    sys.exit(LEFT)


def _answer(raw: bytes) -> Answer:
    call: Call | None = None
    try:
        call = pickle.loads(raw)  # by a pipe that only the process has which started this one
        assert call is not None
        with _inside(call.scratch):
            return Answer(call.function(*call.arguments))
    except (Exception, SystemExit) as error:
        known = isinstance(error, SuperionError | MemoryError | OSError)
        if call is not None and call.logged:
            print(f"error: {error}" if known else traceback.format_exc(), file=sys.stderr)
        if not known:
            error.add_note(traceback.format_exc())
        return Answer(error=error)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _packed(answer: Answer) -> bytes:
    try:
        raw = pickle.dumps(answer)
        pickle.loads(raw)  # own bytes: some errors can be written and not read, and the reader would be lost
        return raw
    except Exception as error:
        traceback.print_exc()
        wrong = f"{type(error).__name__}: {error}" if answer.error is None else str(answer.error)
        return pickle.dumps(Answer(error=RuntimeError(wrong)))


@contextmanager
def _inside(folder: str | None) -> Iterator[None]:
    """Work in a folder, and write what is printed to its log, also from compiled code."""
    if folder is None:
        yield
        return
    home, said = os.open(".", os.O_RDONLY), os.dup(2)
    os.chdir(folder)
    log = os.open(LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    _print_to(log)
    os.close(log)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        _print_to(said)
        os.fchdir(home)
        os.close(said)
        os.close(home)


def _print_to(handle: int) -> None:
    for standard in (1, 2):
        os.dup2(handle, standard)


def _interrupt(number: int, frame: object) -> None:
    """Let a call save what it has, as after Ctrl-C; a second signal ends the process."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    raise KeyboardInterrupt


def _listen(channel: Connection, calls: queue.Queue[bytes]) -> None:
    """Take calls; kill this process and those it started when the other end is gone."""
    try:
        while True:
            calls.put(channel.recv_bytes())
    except (EOFError, OSError):
        os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    # under its own name, so that `leave` of a call is that of this module
    from superion.work import worker

    worker.main(int(sys.argv[1]))
