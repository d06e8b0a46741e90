"""A folder of a long job, opened to be read: its parts when they are asked for, and what is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from html import escape
from pathlib import Path
from typing import TypeVar

from superion.errors import InputError, SuperionError

T = TypeVar("T")
PROVENANCE = "provenance.json"
REPORT = "report.html"


class OpenedFolder:
    """The folder of a job as it is on disk when it is first asked; nothing is written.

    Every part is read when it is first used. A part that cannot be read is None or empty, and `missing` of
    the job says why.
    """

    def __init__(self, folder: Path, kind: str, marks: Iterable[str], remedy: str) -> None:
        """kind: what the folder should hold. marks: files of which it has at least one, or InputError."""
        self.folder = folder
        self._faults: dict[str, str] = {}
        if not folder.is_dir():
            raise InputError(f"no such {kind} folder.", file=folder, remedy=remedy)
        if not any((folder / name).exists() for name in marks):
            raise InputError(f"the folder holds no {kind}.", file=folder, remedy=remedy)

    def _part(self, name: str, read: Callable[[], T], otherwise: T) -> T:
        """What `read` returns; `otherwise`, and a fault under this name, where it cannot be read."""
        try:
            return read()
        except (SuperionError, OSError) as error:
            self._faults[name] = str(error)
            return otherwise

    @property
    def report(self) -> Path | None:
        """The HTML report, if it was written."""
        path = self.folder / REPORT
        return path if path.exists() else None


def page(title: str, parts: Sequence[str], missing: Sequence[str]) -> str:
    """HTML of an opened folder: its title, parts that are HTML already, and a list of what is missing."""
    lacks = "".join(f"<li>{escape(text)}</li>" for text in missing)
    rest = f"<p>Missing:</p><ul>{lacks}</ul>" if lacks else ""
    return f"<div><h3>{escape(title)}</h3>{''.join(parts)}{rest}</div>"
