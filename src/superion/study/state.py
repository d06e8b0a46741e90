"""What a study has done: one record per step in `state.json`, and how much of it still holds."""

from __future__ import annotations

import hashlib
import json
import os
import socket
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, Self

from superion.errors import CorruptFileError
from superion.files import read_json, sha256, write_json

NAME = "state.json"
FORMAT = 1

Status = Literal["running", "done", "failed", "waiting"]


@dataclass(slots=True)
class Record:
    """One step: what it was made from, what it wrote, how it went.

    inputs: hash of its settings and input files. outputs: SHA-256 by path in the folder. seconds: of the
    last attempt, which began at `started` (UTC, ISO 8601) with the `fraction` done that was done before.
    version: of superion. error: why it failed or waits.
    """

    status: Status
    inputs: str | None = None
    outputs: dict[str, str] = field(default_factory=dict)
    seconds: float | None = None
    started: str | None = None
    fraction: float = 0.0
    version: str | None = None
    error: str | None = None


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
        value = read_json(path)
        try:
            if value["format"] > FORMAT:
                raise CorruptFileError(
                    f"format {value['format']}; this version reads up to {FORMAT}.",
                    file=path,
                    remedy="upgrade superion.",
                )
            records = {name: Record(**record) for name, record in value["steps"].items()}
            return cls(folder, records, value["pid"], value.get("host"))
        except (KeyError, TypeError, AttributeError) as error:
            raise CorruptFileError(
                f"not the state of a study ({error}).",
                file=path,
                remedy="delete it; finished steps are done again, dynamics goes on where it was.",
            ) from error

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
            (self.folder / stale).unlink(missing_ok=True)
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
            (self.folder / path).unlink(missing_ok=True)
        record.outputs = {}

    def holds(self, name: str, inputs: str) -> bool:
        """Whether a step is done with these inputs and all its files are as it wrote them."""
        record = self.records.get(name)
        if record is None or record.status != "done" or record.inputs != inputs:
            return False
        return all(
            (self.folder / path).is_file() and sha256(self.folder / path) == digest
            for path, digest in record.outputs.items()
        )

    @property
    def alive(self) -> bool:
        """Whether the process that wrote the state last is still there; of another machine it is believed."""
        if self.pid is None:
            return False
        if self.host not in (None, socket.gethostname()):
            return True
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True


def fingerprint(value: Any) -> str:
    """SHA-256 of a JSON-ready value, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
