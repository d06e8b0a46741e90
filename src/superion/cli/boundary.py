"""What a command says when it cannot go on: one message that names a remedy, and an exit code.

2: an error that a user can mend. 1: one that nobody expected, whose traceback is kept in a file. 130, 143,
129: interrupted, terminated, hung up. With --debug the traceback of any of them is shown.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from superion.cli.process import Terminated
from superion.cli.ranks import rank
from superion.errors import SuperionError

MENDABLE, UNEXPECTED = 2, 1
DISK = {
    errno.ENOSPC: "make room on this disk.",
    errno.EDQUOT: "make room within your quota.",
    errno.EROFS: "write to a disk that is not read-only.",
    errno.EACCES: "correct the permissions, or write elsewhere.",
}
"""What helps when a file cannot be written."""


@contextmanager
def boundary(*, debug: bool) -> Iterator[None]:
    """Turn what is raised inside into a message on standard error and an exit code."""
    try:
        yield
    except (SuperionError, OSError, MemoryError, RecursionError, KeyboardInterrupt) as error:
        if debug or isinstance(error, BrokenPipeError):
            raise
        message, code = explain(error)
        _tell(message)
        raise typer.Exit(code) from error
    except Exception as error:
        if debug or type(error).__module__.partition(".")[0] in ("click", "typer"):
            raise
        _tell(
            f"error: unexpected {_named(error)}. This is a fault of superion, or of a file that it does not "
            f"see through. Remedy: {_remedy(error)}"
        )
        raise typer.Exit(UNEXPECTED) from error


def explain(error: BaseException) -> tuple[str, int]:
    """What went wrong, with the file and the remedy, and the exit code."""
    if isinstance(error, KeyboardInterrupt):
        number = error.number if isinstance(error, Terminated) else signal.SIGINT
        name = signal.Signals(number).name
        return "; ".join([f"stopped by {name}", *getattr(error, "__notes__", ())]), 128 + number
    if isinstance(error, MemoryError):
        what = str(error).rstrip(".") or "no more can be had"
        return (
            f"error: out of memory: {what}. Remedy: give fewer or smaller structures, or use a machine with "
            f"more memory.{_kept(error)}",
            MENDABLE,
        )
    if isinstance(error, RecursionError):
        return (
            "error: something in a file is nested too deep to be read. Remedy: --debug shows where.",
            MENDABLE,
        )
    if isinstance(error, OSError) and not isinstance(error, SuperionError):
        where = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
        remedy = f" Remedy: {DISK[error.errno]}{_kept(error)}" if error.errno in DISK else ""
        return f"error: {where}{error.strerror or error}.{remedy}", MENDABLE
    return f"error: {error}", MENDABLE


def _kept(error: BaseException) -> str:
    """What the command says of what it leaves, as sentences."""
    return "".join(f" {note[0].upper()}{note[1:]}" for note in getattr(error, "__notes__", ()))


def _named(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__


def _remedy(error: Exception) -> str:
    """Where the traceback is, which may be all that is left of hours of work."""
    text = "".join(traceback.format_exception(error))
    try:
        handle, name = tempfile.mkstemp(prefix="superion-", suffix=".traceback", text=True)
        with open(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError:
        return "give --debug for the traceback, and report it with the file."
    return f"the traceback is in {name}; report it with the file. --debug shows it."


def _tell(message: str) -> None:
    if not rank():
        print(message, file=sys.stderr, flush=True)
