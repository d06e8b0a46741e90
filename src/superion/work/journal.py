"""An append-only file of checked JSON lines that survives kills, full disks and damage.

Each line is `{"record": …, "sha256": …}`; the checksum is that of the record. Journals can be
joined with `cat`: order matters only between records of one key.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from superion.errors import StorageError
from superion.files import write_atomic

QUARANTINE = "quarantine"


@dataclass(frozen=True, slots=True)
class Damage:
    """A line that cannot be trusted. number: from 1. reason: what is wrong with it."""

    number: int
    reason: str
    raw: bytes


def encode(record: dict[str, Any]) -> bytes:
    """One line."""
    text = json.dumps(record, sort_keys=True, allow_nan=False)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f'{{"record": {text}, "sha256": "{digest}"}}\n'.encode()


def decode(line: bytes) -> dict[str, Any]:
    """The record of one line; ValueError if it is not as it was written."""
    value = json.loads(line.decode())
    if not isinstance(value, dict) or not isinstance(value.get("record"), dict):
        raise ValueError("not a record")
    text = json.dumps(value["record"], sort_keys=True)
    if hashlib.sha256(text.encode()).hexdigest() != value.get("sha256"):
        raise ValueError("the checksum does not match")
    return value["record"]


def read_journal(path: Path) -> tuple[list[dict[str, Any]], list[Damage]]:
    """All records that can be trusted, and the lines that cannot; nothing is changed."""
    records: list[dict[str, Any]] = []
    damages: list[Damage] = []
    lines = path.read_bytes().split(b"\n") if path.exists() else []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            records.append(decode(line))
        except (ValueError, RecursionError) as error:
            torn = number == len(lines)
            reason = "the line was cut short" if torn else f"{type(error).__name__}: {error}"
            damages.append(Damage(number, reason, line))
    return records, damages


class Journal:
    """A journal open for appending by one process; damaged lines are moved to `quarantine/` first.

    check: called after every record; raises if the folder is no longer where it was.
    """

    def __init__(self, path: Path, check: Callable[[], None] = lambda: None) -> None:
        self.path, self._check = path, check
        self._handle: int | None = None

    def __enter__(self) -> Self:
        try:
            self.records, self.damages = read_journal(self.path)
            if self.damages:
                self._repair()
            self._handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            self._terminate()
        except OSError as error:
            raise _cannot_write(self.path, error) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def append(self, record: dict[str, Any]) -> None:
        """Write one record to disk; StorageError if that fails, with the file as it was before."""
        assert self._handle is not None
        raw = encode(record)
        size = os.fstat(self._handle).st_size
        try:
            _write(self._handle, raw)
        except OSError as error:
            os.ftruncate(self._handle, size)
            raise _cannot_write(self.path, error) from error
        self.records.append(record)
        self._check()

    def _terminate(self) -> None:
        """A last line that is whole but lacks its newline gets it."""
        assert self._handle is not None
        if self.path.stat().st_size and not self.path.read_bytes().endswith(b"\n"):
            _write(self._handle, b"\n")

    def _repair(self) -> None:
        """Copy damaged lines to `quarantine/`, then write the journal without them."""
        folder = self.path.with_name(QUARANTINE)
        folder.mkdir(exist_ok=True)
        for damage in self.damages:
            name = hashlib.sha256(damage.raw).hexdigest()[:16]
            write_atomic(folder / f"{name}.line", damage.raw)
        write_atomic(self.path, b"".join(encode(record) for record in self.records))


def _write(handle: int, raw: bytes) -> None:
    left = memoryview(raw)
    while left:
        left = left[os.write(handle, left) :]
    os.fsync(handle)


def _cannot_write(path: Path, error: OSError) -> StorageError:
    return StorageError(
        f"cannot be written ({error.strerror or error}).",
        file=path,
        remedy="make room or correct the permissions, then run the same command again: the labels are safe.",
    )
