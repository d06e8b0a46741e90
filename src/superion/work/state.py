"""What a study has done: one record per step in `state.json`, and how much of it still holds."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from superion.errors import CorruptFileError
from superion.files import read_json, sha256, write_json
from superion.results import Finite

NAME = "state.json"
FORMAT = 1

Status = Literal["running", "done", "failed", "waiting"]


REMEDY = "delete it; finished steps are done again, dynamics goes on where it was."


def _inside(name: str) -> str:
    """The path of an output, which lies in the folder."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts or "\0" in name:
        raise ValueError(f"{name!r} is not the path of a file in the folder")
    return name


@dataclass(slots=True)
class Record:
    """One step: what it was made from, what it wrote, how it went.

    inputs: hash of its settings and input files. outputs: SHA-256 by path in the folder. seconds: of the
    last attempt, which began at `started` (UTC, ISO 8601) with the `fraction` done that was done before.
    version: of superion. error: why it failed or waits.
    """

    status: Status
    inputs: str | None = None
    outputs: dict[Annotated[str, AfterValidator(_inside)], str] = field(default_factory=dict)
    seconds: Finite | None = None
    started: str | None = None
    fraction: Finite = 0.0
    version: str | None = None
    error: str | None = None


class _Stored(BaseModel):
    """What `state.json` holds."""

    model_config = ConfigDict(strict=True)

    format: int
    pid: int | None
    host: str | None = None
    steps: dict[str, Record]


class State:
    """The records of a study folder, written at every change.

    pid, host: of the process at work, None if none is.
    """

    def __init__(
        self,
        folder: Path,
        records: dict[str, Record] | None = None,
        pid: int | None = None,
        host: str | None = None,
    ) -> None:
        self.folder = folder
        self.records = records or {}
        self.pid = pid
        self.host = host

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The state of `folder`, empty if it has none; CorruptFileError if it is damaged."""
        path = folder / NAME
        if not path.exists():
            return cls(folder)
        value = read_json(path, REMEDY)
        form = value.get("format") if isinstance(value, dict) else None
        if isinstance(form, int) and form > FORMAT:
            raise CorruptFileError(
                f"format {form}; this version reads up to {FORMAT}.", file=path, remedy="upgrade superion."
            )
        try:
            found = _Stored.model_validate_json(json.dumps(value))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(map(str, first["loc"]))
            raise CorruptFileError(
                f"not the state of a study ({place}: {first['msg']}).", file=path, remedy=REMEDY
            ) from error
        return cls(folder, found.steps, found.pid, found.host)

    def write(self) -> None:
        """Write `state.json`, atomically."""
        steps = {name: asdict(record) for name, record in self.records.items()}
        self.host = None if self.pid is None else socket.gethostname()
        value = {"format": FORMAT, "pid": self.pid, "host": self.host, "steps": steps}
        write_json(self.folder / NAME, value)

    def begin(self, name: str, inputs: str, fraction: float = 0.0) -> None:
        """Note that a step has started; what it wrote before stays known until it is done again."""
        before = self.records.get(name)
        self.records[name] = Record(
            "running",
            inputs,
            dict(before.outputs) if before else {},
            started=datetime.now(UTC).isoformat(timespec="seconds"),
            fraction=fraction,
            version=version("superion"),
        )
        self.write()

    def finish(self, name: str, outputs: Iterable[Path], seconds: float) -> None:
        """Note that a step is done; files it wrote before and no longer writes are removed."""
        record = self.records[name]
        before = set(record.outputs)
        record.outputs = {str(path.relative_to(self.folder)): sha256(path) for path in outputs}
        for stale in before - set(record.outputs):
            self._remove(stale)
        record.status, record.seconds = "done", round(seconds, 3)
        self.write()

    def stop(
        self,
        name: str,
        status: Status,
        error: str,
        seconds: float | None = None,
        outputs: Iterable[Path] = (),
    ) -> None:
        """Note that a step failed, or that it waits for one that did; outputs: what it wrote all the same."""
        record = self.records.setdefault(name, Record(status))
        record.status, record.error = status, error
        record.seconds = None if seconds is None else round(seconds, 3)
        record.outputs |= {str(path.relative_to(self.folder)): sha256(path) for path in outputs}
        self.write()

    def drop_outputs(self, name: str) -> None:
        """Remove the files of a step, so that nothing can take them for its new result."""
        record = self.records.get(name)
        if record is None:
            return
        for path in record.outputs:
            self._remove(path)
        record.outputs = {}

    def forget(self, name: str) -> None:
        """Remove the record of a step that is no longer known, and its files.

        Files that are not as it wrote them, or that another step has written, stay.
        """
        outputs = self.records.pop(name).outputs
        others = {path for record in self.records.values() for path in record.outputs}
        for path, digest in outputs.items():
            if path not in others and self._is(path, digest):
                self._remove(path)

    def _remove(self, name: str) -> None:
        """Remove an output, unless a link among its folders leads out of the study."""
        path = self.folder / name
        if path.parent.resolve().is_relative_to(self.folder.resolve()) and not path.is_dir():
            path.unlink(missing_ok=True)

    def _is(self, name: str, digest: str) -> bool:
        path = self.folder / name
        return path.is_file() and sha256(path) == digest

    def changed(self, name: str, among: tuple[str, ...] = ("",)) -> list[str]:
        """Outputs of a step that is done which are gone, or no longer as it wrote them.

        among: of these endings only.
        """
        record = self.records.get(name)
        if record is None or record.status != "done":
            return []
        outputs = record.outputs.items()
        return [path for path, digest in outputs if path.endswith(among) and not self._is(path, digest)]

    def holds(self, name: str, inputs: str) -> bool:
        """Whether a step is done with these inputs and all its files are as it wrote them."""
        record = self.records.get(name)
        if record is None or record.status != "done" or record.inputs != inputs:
            return False
        return not self.changed(name)

    @property
    def alive(self) -> bool:
        """Whether the process that wrote the state last is still there; of another machine it is believed."""
        if self.pid is None:
            return False
        if self.host not in (None, socket.gethostname()):
            return True
        try:
            os.kill(self.pid, 0)
        except (ProcessLookupError, OverflowError):  # gone, or no number of a process
            return False
        except PermissionError:
            return True
        return True
