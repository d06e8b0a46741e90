"""Relaxations in order: each branch goes from field to field, every step from the one before, all resumable.

The key of a relaxation is a hash of everything that its result depends on, the relaxations before it
included. A journal keeps results by key, so that a run that was killed goes on where it was, and a run with
other settings uses what is still valid and nothing else.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from superion.calculations.defects.dipoles import chosen_charges
from superion.calculations.defects.relaxer import Place, Relaxed, Relaxer
from superion.calculations.defects.settings import DefectSettings
from superion.errors import CorruptFileError, InputError
from superion.model import Model
from superion.potentials.executors import process_pool
from superion.potentials.opening import open_model
from superion.progress import track
from superion.reference.journal import Journal

Array = np.ndarray
Vector = tuple[float, float, float]
Submit = Callable[[Place], "Future[Relaxed]"]


class Branch:
    """One structure that is relaxed in a list of fields, one after the other."""

    def __init__(
        self,
        key: str,
        atoms: Atoms,
        fields: Sequence[Vector],
        anchor: Array | None = None,
        dipole: Array | None = None,
    ) -> None:
        """key: hash of all before. anchor: (N, 3) Å where the dipole (3,) e·Å is known."""
        self.atoms, self.fields = atoms.copy(), tuple(fields)
        self.found: list[Relaxed] = []
        self._anchor, self._dipole = anchor, dipole
        self.key = self._next(key)

    def place(self) -> Place:
        """Where the next relaxation starts."""
        return Place(self.atoms.copy(), self.fields[len(self.found)], self._anchor, self._dipole)

    def advance(self, relaxed: Relaxed) -> None:
        """Take the result of the next relaxation; after a failure the one before it is gone on from."""
        self.found.append(relaxed)
        if not relaxed.failure:
            self.atoms.positions[:] = relaxed.positions
            if relaxed.dipole is not None:
                self._anchor, self._dipole = relaxed.positions, relaxed.dipole
        if not self.done:
            self.key = self._next(self.key)

    @property
    def done(self) -> bool:
        """Whether all fields were gone through."""
        return len(self.found) == len(self.fields)

    def _next(self, key: str) -> str:
        return fingerprint([key, list(self.fields[len(self.found)]), self.atoms.positions.tolist()])


def run_branches(
    branches: Sequence[Branch], journal: Journal, submit: Submit, slots: int, what: str, show: bool
) -> int:
    """Bring all branches to their end, with at most `slots` relaxations at once; how many were computed."""
    known = _known(journal)
    computed = 0

    def recall(branch: Branch) -> None:
        while not branch.done and branch.key in known:
            branch.advance(known[branch.key])

    for branch in branches:
        recall(branch)
    waiting = deque(branch for branch in branches if not branch.done)
    total = sum(len(branch.fields) - len(branch.found) for branch in waiting)

    def finished() -> Iterator[None]:
        running: dict[Future[Relaxed], Branch] = {}
        while waiting or running:
            while waiting and len(running) < slots:
                branch = waiting.popleft()
                running[submit(branch.place())] = branch
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                branch = running.pop(future)
                relaxed = future.result()
                journal.append({"key": branch.key, "rest": relaxed.to_json()})
                branch.advance(relaxed)
                if not branch.done:
                    waiting.appendleft(branch)
                yield

    for _ in track(finished(), what, total, show=show and total > 0):
        computed += 1
    return computed


def _known(journal: Journal) -> dict[str, Relaxed]:
    """Results by key; CorruptFileError for a record that holds none."""
    found = {}
    for number, record in enumerate(journal.records, start=1):
        try:
            found[str(record["key"])] = Relaxed.from_json(record["rest"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise CorruptFileError(
                f"record {number} is not the result of a relaxation ({error!r}).",
                file=journal.path,
                remedy="delete this line, and it is computed again; or restore the file from a copy.",
            ) from error
    return found


@contextmanager
def relaxations(potential: Model, settings: DefectSettings, parallel: int) -> Iterator[Submit]:
    """What starts a relaxation: here, or in one of `parallel` processes."""
    if parallel < 1:
        raise InputError(f"the number of processes must be at least 1, found {parallel}.")
    if parallel == 1:
        relaxer = _relaxer_of(potential, settings)
        yield lambda place: _here(relaxer, place)
        return
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / f"model{potential.suffix}"
        potential.save(model)
        with process_pool(parallel, _set_up, (model, settings.model_dump(mode="json"))) as pool:
            try:
                yield lambda place: pool.submit(_relax, place)
            finally:  # what runs is waited for: the file of the model is needed as long
                pool.shutdown(cancel_futures=True)


def fingerprint(value: Any) -> str:
    """SHA-256 of a JSON-ready value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _here(relaxer: Relaxer, place: Place) -> Future[Relaxed]:
    future: Future[Relaxed] = Future()
    future.set_result(relaxer(place))
    return future


def _relaxer_of(potential: Model, settings: DefectSettings) -> Relaxer:
    return Relaxer(potential, chosen_charges(potential, settings) if settings.fields else None, settings)


_relaxer: Relaxer | None = None


def _set_up(model: Path, settings: dict[str, Any]) -> None:
    """Load the potential once in each process."""
    global _relaxer
    potential, chosen = open_model(model), DefectSettings.model_validate(settings)
    _relaxer = _relaxer_of(potential, chosen)


def _relax(place: Place) -> Relaxed:
    assert _relaxer is not None
    return _relaxer(place)
