"""Rows of numbers of which nobody knows how many will come, in memory or, if they are many, in a file."""

from __future__ import annotations

import tempfile
from typing import IO

import numpy as np

from superion.errors import StorageError
from superion.sizes import available_memory, bytes_text

Array = np.ndarray
GROWTH = 1.25
SHARE = 0.5
"""Part of the memory that is free which a pile may take; analyses need as much again."""
OTHERWISE = 4e9
"""Bytes, where the system does not say how much is free."""


class Pile:
    """Arrays of one shape, one after another; above `limit` bytes they lie in a temporary file.

    The file has no name and goes with the process.
    """

    def __init__(self, limit: float | None = None) -> None:
        free = available_memory()
        self.limit = (OTHERWISE if free is None else SHARE * free) if limit is None else limit
        self._rows: Array | None = None
        self._count = 0
        self._file: IO[bytes] | None = None
        self._shape: tuple[int, ...] = ()

    def __len__(self) -> int:
        return self._count

    def add(self, row: Array) -> None:
        """Append an array; StorageError if it fits neither into memory nor on the disk."""
        row = np.ascontiguousarray(row, dtype=np.float64)
        if self._file is None and (self._count + 1) * row.nbytes > self.limit:
            self._spill()
        if self._file is not None:
            self._write(row)
        else:
            if self._rows is None:
                self._rows, self._shape = np.empty((16, *row.shape)), row.shape
            elif self._count == len(self._rows):
                # in place, where the system can: never two copies
                self._rows.resize((int(GROWTH * self._count) + 1, *self._shape), refcheck=False)
            self._rows[self._count] = row
        self._count += 1

    def array(self) -> Array:
        """All of them, (rows, …); nothing can be added afterwards."""
        if self._file is not None:
            self._file.flush()
            with self._file as file:
                shape = (self._count, *self._shape)
                return np.memmap(file, np.float64, "r+", shape=shape).view(np.ndarray)
        if self._rows is None:
            return np.empty((0,))
        self._rows.resize((self._count, *self._shape), refcheck=False)
        return self._rows

    def _spill(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="superion-")  # noqa: SIM115  # the array outlives it
        if self._rows is not None:
            self._write(self._rows[: self._count])
            self._rows = None

    def _write(self, rows: Array) -> None:
        assert self._file is not None
        self._shape = self._shape or rows.shape
        try:
            self._file.write(rows.data)
        except OSError as error:
            raise StorageError(
                f"{bytes_text(self._count * rows.nbytes)} of positions fit neither into memory nor into "
                f"{tempfile.gettempdir()} ({error.strerror}).",
                remedy="read fewer frames, such as --frames ::10, or let TMPDIR name a larger disk.",
            ) from error
