"""The label store: a folder with a journal, in which every label is made at most once.

A label is *pending* until its first record; *running* from a `start` record until the next, as long as the
process that wrote it lives; *done*; or *failed*, with the number of attempts and the last reason. One process
at a time may write: the lock is advisory and ends with the process.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from superion.errors import CorruptFileError, InputError, StorageError
from superion.files import locked
from superion.reference.labels import InvalidLabelError, Kind, Labels
from superion.work.journal import Damage, Journal, read_journal

NAME = "journal.jsonl"
Status = Literal["pending", "running", "interrupted", "done", "failed"]


@dataclass(frozen=True, slots=True)
class Entry:
    """What the store knows of one label.

    frame: name of the frame when it was last asked for. attempts: failures counted; an attempt that was
    interrupted from outside does not count. owner: pid@host of the last start. seconds: of the last attempt.
    retry: whether the last failure is worth another attempt.
    """

    status: Status = "pending"
    frame: str = ""
    attempts: int = 0
    reason: str = ""
    retry: bool = True
    owner: str = ""
    seconds: float = 0.0
    labels: Labels | None = None
    kind: Kind = "calculator"


class Store:
    """Entries by key. Made by `open_store`, or by `read_store` to look only."""

    def __init__(self, folder: Path, records: list[dict[str, Any]], damages: list[Damage]) -> None:
        self.folder, self.damages = folder, damages
        self.entries: dict[str, Entry] = {}
        self.settings: dict[str, dict[str, Any]] = {}
        self._journal: Journal | None = None
        for number, record in enumerate(records, start=1):
            try:
                self._apply(record)
            except InputError:
                raise
            except (KeyError, TypeError, ValueError, OverflowError, InvalidLabelError) as error:
                raise CorruptFileError(
                    f"record {number} is not as a store writes it ({error!r}).",
                    file=folder / NAME,
                    remedy="delete this line, and its label is made again; or restore the file from a copy.",
                ) from error

    def entry(self, key: str) -> Entry:
        """What is known of a label; pending if nothing is."""
        return self.entries.get(key, Entry())

    def describe(self, name: str, settings: Mapping[str, Any], digest: str) -> None:
        """Note once what the settings behind a hash are."""
        if digest not in self.settings:
            self._record({"event": "settings", "key": digest, "labeller": name, "settings": dict(settings)})

    def start(self, key: str, frame: str) -> None:
        """Note that a label is being made."""
        self._record({"event": "start", "key": key, "frame": frame, "owner": me(), "time": _now()})

    def done(self, key: str, frame: str, labels: Labels, kind: Kind, seconds: float, settings: str) -> bool:
        """Keep a label; False, and nothing kept, if there is one already."""
        if self.entry(key).status == "done":
            return False
        self._record(
            {
                "event": "done",
                "key": key,
                "frame": frame,
                "labels": labels.to_json(),
                "kind": kind,
                "seconds": round(seconds, 3),
                "settings": settings,
                "time": _now(),
            }
        )
        return True

    def failed(self, key: str, frame: str, reason: str, retry: bool, seconds: float) -> None:
        """Note a failed attempt; a label that is done stays done."""
        if self.entry(key).status == "done":
            return
        self._record(
            {
                "event": "failed",
                "key": key,
                "frame": frame,
                "reason": reason,
                "retry": retry,
                "seconds": round(seconds, 3),
                "time": _now(),
            }
        )

    def _record(self, record: dict[str, Any]) -> None:
        assert self._journal is not None, "the store is open for reading only"
        self._journal.append(record)
        self._apply(record)

    def _apply(self, record: dict[str, Any]) -> None:
        event, key = record.get("event"), str(record.get("key"))
        entry = self.entry(key)
        if event == "settings":
            self.settings[key] = record
        elif entry.status == "done":
            return
        elif event == "start":
            self.entries[key] = replace(
                entry, status="running", frame=str(record["frame"]), owner=str(record["owner"])
            )
        elif event == "failed":
            self.entries[key] = replace(
                entry,
                status="failed",
                frame=str(record["frame"]),
                attempts=entry.attempts + 1,
                reason=str(record["reason"]),
                retry=bool(record["retry"]),
                seconds=float(record["seconds"]),
            )
        elif event == "done":
            self.entries[key] = replace(
                entry,
                status="done",
                frame=str(record["frame"]),
                labels=Labels.from_json(record["labels"]),
                kind=record["kind"],
                seconds=float(record["seconds"]),
                reason="",
            )
        else:
            raise InputError(
                f"unknown record {event!r}.",
                file=self.folder / NAME,
                remedy="upgrade superion: a later version wrote this store.",
            )


@contextmanager
def open_store(folder: Path) -> Iterator[Store]:
    """The store of a folder, for one writer; BusyError if another process works in it.

    Makes the folder if there is none. Damaged lines of the journal are moved to `quarantine/`. Labels that a
    process left unfinished become pending again, without counting as an attempt.
    """
    foreign = folder.is_dir() and any(folder.iterdir()) and not {NAME, ".lock"} & set(os.listdir(folder))
    if foreign:
        raise InputError(
            "the folder is not empty and holds no labels.",
            file=folder,
            remedy="name another folder for the store; an empty or a new one will do.",
        )
    with ExitStack() as stack:
        try:
            place = stack.enter_context(locked(folder))
        except OSError as error:
            raise StorageError(
                f"the store cannot be written ({error.strerror or error}).",
                file=folder,
                remedy="make room, correct the permissions, or name another folder.",
            ) from error
        journal = stack.enter_context(Journal(folder / NAME, place.check))
        store = Store(folder, journal.records, journal.damages)
        store._journal = journal
        for key, entry in store.entries.items():
            if entry.status == "running":
                store.entries[key] = replace(entry, status="failed" if entry.attempts else "pending")
        yield store


def read_store(folder: Path) -> Store:
    """What a store holds, without touching it; InputError if it is none."""
    if not (folder / NAME).exists():
        raise InputError(
            "holds no labels.", file=folder, remedy="give a folder that `superion label` wrote to."
        )
    store = Store(folder, *read_journal(folder / NAME))
    for key, entry in store.entries.items():
        if entry.status == "running" and not _alive(entry.owner):
            store.entries[key] = replace(entry, status="interrupted")
    return store


def me() -> str:
    """`pid@host` of this process."""
    return f"{os.getpid()}@{socket.gethostname()}"


def _alive(owner: str) -> bool:
    """Whether the process `pid@host` is there; of another host it is believed."""
    pid, _, host = owner.partition("@")
    if host != socket.gethostname():
        return True
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, ValueError, OverflowError):  # gone, or no number of a process
        return False
    except PermissionError:
        return True
    return True


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
