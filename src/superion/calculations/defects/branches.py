"""Relaxations in order: each branch goes from field to field, every step from the one before, all resumable.

The key of a relaxation is a hash of everything that its result depends on, the relaxations before it
included. A journal keeps results by key, so that a run that was killed goes on where it was, and a run with
other settings uses what is still valid and nothing else.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from ase import Atoms

from superion.calculations.defects.dipoles import chosen_charges
from superion.calculations.defects.relaxer import Place, Relaxed, Relaxer
from superion.calculations.defects.settings import DefectSettings
from superion.errors import CorruptFileError
from superion.model import Model
from superion.potentials.opening import open_model
from superion.progress import track
from superion.work.executors import open_executor
from superion.work.fingerprint import fingerprint
from superion.work.journal import Journal
from superion.work.pieces import each_done

Array = np.ndarray
Vector = tuple[float, float, float]
Submit = Callable[[Place], "Future[Relaxed]"]
SERIAL = "serial"
COPY = ".model-"
"""Beginning of the name of the folder with the model that workers open."""


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
        for branch, future in each_done(waiting, slots, lambda branch: submit(branch.place())):
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
def relaxations(
    potential: Model, settings: DefectSettings, folder: Path, where: str | int
) -> Iterator[tuple[Submit, int]]:
    """What begins a relaxation where `where` says, and how many are done at once.

    Workers other than this process open a copy of the model in `folder`, which is there as long.
    """
    for left in folder.glob(f"{COPY}*"):  # of a run that was killed
        shutil.rmtree(left)
    with open_executor(where) as workers:
        if where == SERIAL:
            relaxer = _relaxer_of(potential, settings)
            yield lambda place: workers.begin(relaxer, place), workers.slots
            return
        with tempfile.TemporaryDirectory(dir=folder, prefix=COPY) as copy:
            model = str(Path(copy, f"model{potential.suffix}").resolve())
            potential.save(model)
            shown = settings.model_dump_json()
            try:
                yield lambda place: workers.begin(relax, model, shown, place, scratch=True), workers.slots
            finally:
                workers.stop()  # before the copy goes


_here = threading.local()


def relax(model: str, settings: str, place: Place) -> Relaxed:
    """A relaxation with a model that this thread opens once; settings: as JSON."""
    made: tuple[tuple[str, str], Relaxer] | None = getattr(_here, "made", None)
    if made is None or made[0] != (model, settings):
        relaxer = _relaxer_of(open_model(model), DefectSettings.model_validate_json(settings))
        made = _here.made = (model, settings), relaxer
    return made[1](place)


def _relaxer_of(potential: Model, settings: DefectSettings) -> Relaxer:
    return Relaxer(potential, chosen_charges(potential, settings) if settings.fields else None, settings)
