"""What a run of barriers has done: relaxed ends and paths in a journal, the band at hand in a file."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from superion.calculations.barriers.band import Band
from superion.errors import CorruptFileError
from superion.files import write_atomic
from superion.work.journal import Journal

Array = np.ndarray
BAND = "band.npz"
KEPT = 2.0
"""Seconds between two copies of the band at hand."""


@dataclass(frozen=True, slots=True, eq=False)
class End:
    """A relaxed end point. positions: (N, 3) Å, never wrapped. force: eV/Å that is left."""

    positions: Array
    steps: int
    force: float
    converged: bool


class Kept:
    """Results by the hash of all that they depend on."""

    def __init__(self, folder: Path, journal: Journal) -> None:
        self._file, self._journal = folder / BAND, journal
        self._known: dict[str, dict[str, Any]] = {}
        self._written = -np.inf
        self.used: set[str] = set()
        for number, record in enumerate(journal.records, start=1):
            try:
                self._known[str(record["key"])] = dict(record["rest"])
            except (KeyError, TypeError, ValueError) as error:
                raise self._corrupt(number, error) from error

    def end(self, key: str) -> End | None:
        """A relaxed end point."""
        found = self._found(key)
        return None if found is None else End(**(found | {"positions": np.array(found["positions"])}))

    def path(self, key: str) -> Band | None:
        """A path."""
        found = self._found(key)
        arrays = {} if found is None else {name: np.array(found[name]) for name in _ARRAYS}
        return None if found is None else Band(**(found | arrays))

    def add(self, key: str, found: End | Band) -> None:
        """Keep what was computed."""
        names = found.__dataclass_fields__
        rest = {name: getattr(found, name) for name in names}
        rest = {k: value.tolist() if isinstance(value, np.ndarray) else value for k, value in rest.items()}
        self._journal.append({"key": key, "rest": rest})
        self._known[key] = rest
        self.used.add(key)

    def at_hand(self, key: str) -> tuple[Array, int, bool] | None:
        """Positions (M, N, 3), steps and climbing of a band that was interrupted; None of another one."""
        try:
            with np.load(self._file, allow_pickle=False) as file:
                if str(file["key"]) == key:
                    return file["positions"], int(file["steps"]), bool(file["climbing"])
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):  # none, or one of another version
            return None
        return None

    def hold(self, key: str, band: Band, *, now: bool = False) -> None:
        """Keep the band at hand, if the last copy is old or `now`."""
        if not now and monotonic() - self._written < KEPT:
            return
        data = io.BytesIO()
        np.savez(
            data,
            key=np.array(key),
            positions=band.positions,
            steps=np.array(band.steps),
            climbing=np.array(band.climbing),
        )
        write_atomic(self._file, data.getvalue())
        self._written = monotonic()

    def release(self) -> None:
        """The band at hand is done."""
        self._file.unlink(missing_ok=True)

    @property
    def unused(self) -> int:
        """Results of other settings."""
        return len(set(self._known) - self.used)

    def _found(self, key: str) -> dict[str, Any] | None:
        found = self._known.get(key)
        if found is not None:
            self.used.add(key)
        return found

    def _corrupt(self, number: int, error: Exception) -> CorruptFileError:
        return CorruptFileError(
            f"record {number} is not the result of a relaxation ({error!r}).",
            file=self._journal.path,
            remedy="delete this line, and it is computed again; or restore the file from a copy.",
        )


_ARRAYS = ("positions", "energies", "forces")
