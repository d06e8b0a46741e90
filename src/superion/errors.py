"""Every error a user can meet: what was expected, what was found, where, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

MAKE_CRYSTAL = (
    'give it three lattice vectors and three periodic axes (extended XYZ: Lattice="..." pbc="T T T").'
)
"""The remedy for what is not periodic along three axes and has to be."""


class SuperionError(Exception):
    """Base of all errors that superion raises on purpose.

    The message names, where they apply, the file, the frame and the atom, what was
    expected, what was found, and a remedy.
    """

    def __init__(
        self,
        problem: str,
        *,
        file: object = None,
        frame: int | str | None = None,
        remedy: str | None = None,
    ) -> None:
        where = ", ".join(
            part
            for part in (
                f"{file}" if file is not None else "",
                f"frame {frame}" if frame is not None else "",
            )
            if part
        )
        message = f"{where}: {problem}" if where else problem
        if remedy:
            message += f" Remedy: {remedy}"
        super().__init__(message)
        self.problem, self.file, self.frame, self.remedy = problem, file, frame, remedy


@contextmanager
def naming(frame: int | str | None) -> Iterator[None]:
    """Let errors raised inside name the frame, unless they name one or there is none to name."""
    try:
        yield
    except SuperionError as error:
        if frame is None or error.frame is not None:
            raise
        raise type(error)(error.problem, file=error.file, frame=frame, remedy=error.remedy) from error


class InputError(SuperionError, ValueError):
    """A file, label, option or structure that cannot be used as given."""


class ModelError(SuperionError):
    """A model that does not fit the structure, or a model file that cannot be read."""


class CorruptFileError(SuperionError):
    """A file that is truncated or whose checksum does not match."""


class BusyError(SuperionError):
    """Another process holds the lock of a study or trajectory folder."""


class StorageError(SuperionError):
    """A file that cannot be written: the disk is full, read-only or out of quota."""


class LabelError(SuperionError):
    """A first-principles label that could not be made."""

    retry = True
    """Whether the same calculation may succeed when it is tried again."""


class SimulationError(SuperionError):
    """Dynamics that left the range where the potential means anything."""


def suggest(word: str, known: Iterable[str]) -> str:
    """A ' Did you mean …?' for the closest known word, or an empty string."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" Did you mean {close[0]!r}?" if close else ""
