"""Labelling frames: what is missing is made, everything is written down at once, nothing is made twice."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from pathlib import Path

from ase import Atoms

from superion.errors import InputError, LabelError, SuperionError, naming
from superion.progress import track
from superion.reference.attempt import Reply
from superion.reference.executors import Workers
from superion.reference.labeller import Labeller, SetupError, fingerprint, label_key
from superion.reference.labels import Kind, Labels
from superion.reference.settings import LabellerSettings, make_labeller
from superion.reference.store import NAME, Entry, Store, open_store, read_store
from superion.structures.duplicates import frame_name


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
            "labels made in threads cannot be stopped, so a time-out has no meaning.",
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
        running: dict[Future[Reply], str] = {}

        def finished() -> Iterator[bool]:
            """Whether each label could be made, as they come."""
            while waiting or running:
                while waiting and len(running) < workers.slots:
                    key = waiting.popleft()
                    store.start(key, names[key])
                    running[workers.submit(key, todo[key], settings, timeout)] = key
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    key = running.pop(future)
                    if _settle(store, future, key, names[key], todo[key], labeller.kind, digest):
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


def _settle(
    store: Store, future: Future[Reply], key: str, name: str, atoms: Atoms, kind: Kind, digest: str
) -> bool:
    """Write down the outcome of one attempt; whether there is a label now."""
    try:
        reply = future.result()
    except (OSError, SuperionError):
        raise
    except Exception as error:  # the executor lost the attempt
        reply = Reply(key, reason=f"the executor failed ({type(error).__name__}: {error}).")
    if reply.stop:
        raise SetupError(reply.reason, frame=name)
    try:
        if reply.labels is None:
            raise LabelError(reply.reason)
        labels = Labels.from_json(reply.labels)
        labels.check(atoms)
    except LabelError as error:
        store.failed(key, name, str(error), reply.retry, reply.seconds)
        return False
    store.done(key, name, labels, kind, reply.seconds, digest)
    return True
