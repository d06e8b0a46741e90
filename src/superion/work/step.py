"""A step: what it needs, what its result depends on, what it does."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from superion.display import say
from superion.errors import InputError, SuperionError
from superion.files import sha256
from superion.work.fingerprint import fingerprint
from superion.work.state import State

CHANGED = "a file that it reads was changed while it was at work. Remedy: run the same command again."


@dataclass(frozen=True, slots=True)
class Task:
    """What an executor does for a step.

    function, arguments: can be pickled. outputs: the files of the step, from what the function returned.
    prepare: done before it begins. fraction: how much of it is done, 0 to 1. done: lines to show when it is.
    name, log: of a process that does this task only.
    """

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    outputs: Callable[[Any], Sequence[Path]]
    prepare: Callable[[], object] = lambda: None
    fraction: Callable[[], float] | None = None
    done: Callable[[], Sequence[str]] = lambda: ()
    name: str = ""
    log: Path | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a job that is done once.

    needs: steps that must be done before. settings: JSON-ready, all that its result depends on. reads: files,
    by the name that enters the hash. work: makes the outputs and returns them, here. task: the same, where an
    executor says; of both, `work` is for one at a time. keeps: a new attempt makes use of the files of the
    one before. family: of steps that are shown together. failed: writes what remains to be said after a
    failure, given its reason.
    """

    name: str
    needs: tuple[str, ...]
    settings: Any
    reads: Callable[[], dict[str, Path]]
    work: Callable[[], Sequence[Path]] | None = None
    task: Callable[[], Task] | None = None
    keeps: bool = False
    family: str | None = None
    failed: Callable[[str], Sequence[Path]] | None = None

    def inputs(self) -> str:
        """Hash of settings and files read, as they are now."""
        return inputs_of(self.settings, self.reads())


def inputs_of(settings: Any, reads: dict[str, Path]) -> str:
    """Hash of JSON-ready settings and of files, as they are now."""
    return fingerprint({"settings": settings, "files": {name: sha256(path) for name, path in reads.items()}})


def reason(error: BaseException) -> str:
    """What a state says about a failure."""
    if isinstance(error, MemoryError):
        return (
            f"out of memory: {str(error).rstrip('.') or 'no more can be had'}. Remedy: run the same command "
            "again, with fewer processes, with smaller structures, or on a machine with more memory."
        )
    return str(error) if isinstance(error, SuperionError) else f"{type(error).__name__}: {error}"


def attempt(step: Step, state: State, progress: bool = True) -> bool:
    """Do a step here unless its result still holds; whether it was done now.

    Whatever it raises is noted in the state, and raised.
    """
    assert step.work is not None
    inputs = step.inputs()
    if state.holds(step.name, inputs):
        say(f"{step.name}: done before", progress)
        return False
    clear(step, state)
    state.begin(step.name, inputs)
    since = time.monotonic()
    try:
        written = step.work()
        if step.inputs() != inputs:
            raise InputError(CHANGED)
    except Exception as error:
        try:
            note_failure(step, state, reason(error), time.monotonic() - since)
        except OSError as refused:  # a full disk: the first error tells more
            error.add_note(f"The failure could not be noted in the state: {refused}.")
        raise
    state.finish(step.name, written, time.monotonic() - since)
    say(f"{step.name}: done, {time.monotonic() - since:.1f} s", progress)
    return True


def clear(step: Step, state: State) -> None:
    """Remove what a step wrote before, unless it makes use of it."""
    if not step.keeps:
        state.drop_outputs(step.name)


def note_failure(step: Step, state: State, why: str, seconds: float) -> None:
    """Note that a step failed, and what remains to be said."""
    state.stop(step.name, "failed", why, seconds, step.failed(why) if step.failed else ())
