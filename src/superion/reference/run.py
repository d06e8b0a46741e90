"""Labelling frames: what is missing is made, everything is written down at once, nothing is made twice."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ase import Atoms

from superion.errors import InputError, LabelError, SuperionError, naming
from superion.progress import track
from superion.reference.attempt import Reply, atoms_to_json, label_job, lost_label
from superion.reference.labeller import Labeller, SetupError, label_key
from superion.reference.labels import Kind, Labels
from superion.reference.settings import LabellerSettings, make_labeller
from superion.reference.store import NAME, Entry, Store, open_store, read_store
from superion.structures.duplicates import frame_name
from superion.work.fingerprint import fingerprint
from superion.work.pieces import each_done
from superion.work.pools import Workers
from superion.work.process import LostError


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the frames. names, entries: one per frame, in order. made: labels made by this run.

    damages: lines of the journal that cannot be trusted; a run moves them to quarantine.
    """

    names: list[str]
    entries: list[Entry]
    made: int
    damages: list[str]

    @property
    def failures(self) -> dict[str, Entry]:
        """Entries without labels, by the name of the frame."""
        pairs = zip(self.names, self.entries, strict=True)
        return {name: entry for name, entry in pairs if entry.labels is None}


def stored_labels(frames: Sequence[Atoms], settings: LabellerSettings, folder: Path) -> Outcome:
    """What the store in `folder` has for these frames; safe while another process labels."""
    labeller = make_labeller(settings)
    store = read_store(folder)
    return _outcome(store, frames, [_key(atoms, k, labeller) for k, atoms in enumerate(frames)], 0)


def label_frames(
    frames: Sequence[Atoms],
    settings: LabellerSettings,
    folder: Path,
    workers: Workers,
    *,
    timeout: float | None = None,
    retries: int = 1,
    again: bool = False,
    progress: bool = True,
) -> Outcome:
    """Labels of all frames, from the store in `folder` where it has them, else made by `workers`.

    timeout: seconds for one label, after which its process is killed. retries: further attempts after a
    failure (over the life of the store) where another may help. again: forget earlier failures.

    Raises BusyError if another process writes to the store, StorageError if it cannot be written, SetupError
    if the labeller cannot work at all. A label that fails is an entry of the outcome.
    """
    if timeout is not None and not workers.apart:
        raise InputError(
            "labels made here, or in threads, cannot be stopped, so a time-out has no meaning.",
            remedy="use processes:N, or give no time-out.",
        )
    labeller = make_labeller(settings)
    keys = [_key(atoms, k, labeller) for k, atoms in enumerate(frames)]
    with open_store(folder) as store:
        digest = fingerprint([labeller.name, labeller.settings()])
        store.describe(labeller.name, labeller.settings(), digest)
        limits = {k: retries + 1 + (store.entry(k).attempts if again else 0) for k in keys}
        todo = {
            key: atoms
            for key, atoms in zip(keys, frames, strict=True)
            if store.entry(key).status != "done"
            and store.entry(key).attempts < limits[key]
            and (again or store.entry(key).retry)
        }
        names = {key: frame_name(atoms, k) for k, (key, atoms) in enumerate(zip(keys, frames, strict=True))}
        waiting = deque(todo)
        plain = settings.with_path(os.path.abspath).model_dump(mode="json", exclude_unset=True)

        def begin(key: str) -> Future[Reply]:
            store.start(key, names[key])
            log: Literal["-"] | None = "-" if workers.apart else None
            job = key, atoms_to_json(todo[key]), plain, log
            return workers.begin(label_job, *job, timeout=timeout, scratch=True)

        def finished() -> Iterator[bool]:
            """Whether each label could be made, as they come."""
            for key, future in each_done(waiting, workers.slots, begin):
                reply = _reply(key, future, timeout)
                if _settle(store, reply, names[key], todo[key], labeller.kind, digest):
                    yield True
                elif store.entry(key).retry and store.entry(key).attempts < limits[key]:
                    waiting.append(key)
                else:
                    yield False

        made = sum(track(finished(), "labels", len(todo), show=progress and bool(todo)))
        return _outcome(store, frames, keys, made)


def _outcome(store: Store, frames: Sequence[Atoms], keys: Sequence[str], made: int) -> Outcome:
    names = [frame_name(atoms, k) for k, atoms in enumerate(frames)]
    damages = [f"{store.folder / NAME}, line {d.number}: {d.reason}" for d in store.damages]
    return Outcome(names, [store.entry(key) for key in keys], made, damages)


def _key(atoms: Atoms, index: int, labeller: Labeller) -> str:
    with naming(frame_name(atoms, index)):
        return label_key(atoms, labeller)


def _reply(key: str, future: Future[Reply], timeout: float | None) -> Reply:
    try:
        return future.result()
    except LostError as error:
        return lost_label(key, error, timeout)
    except (OSError, SuperionError):
        raise
    except Exception as error:  # the executor lost the attempt
        return Reply(key, reason=f"the executor failed ({type(error).__name__}: {error}).")


def _settle(store: Store, reply: Reply, name: str, atoms: Atoms, kind: Kind, digest: str) -> bool:
    """Write down the outcome of one attempt; whether there is a label now."""
    if reply.stop:
        raise SetupError(reply.reason, frame=name)
    try:
        if reply.labels is None:
            raise LabelError(reply.reason)
        labels = Labels.from_json(reply.labels)
        labels.check(atoms)
    except LabelError as error:
        store.failed(reply.key, name, str(error), reply.retry, reply.seconds)
        return False
    store.done(reply.key, name, labels, kind, reply.seconds, digest)
    return True
