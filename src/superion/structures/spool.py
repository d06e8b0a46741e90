"""More structures than memory holds: kept in a temporary file, read one by one as they are asked for."""

from __future__ import annotations

import io
import pickle
import tempfile
import weakref
from array import array
from collections.abc import Iterable, Sequence
from typing import IO, Generic, TypeVar

from superion.errors import StorageError

T = TypeVar("T")
KEPT = 1 << 24
"""Bytes that are kept in memory before a file is made."""


class Scratch:
    """Bytes without a name, in memory while they are few; where no temporary file can be made, for good.

    The file is open to this process alone, and gone with it.
    """

    def __init__(self, kept: int | None = None) -> None:
        self.handle: IO[bytes] = io.BytesIO()
        self.size = 0
        self._kept: float = KEPT if kept is None else kept
        self._finalizer: weakref.finalize[..., Scratch] | None = None

    def append(self, data: bytes) -> int:
        """Add bytes at the end; where they begin. StorageError if the disk is full."""
        if self.size + len(data) > self._kept:
            self._to_file()
        start = self.size
        try:
            self.handle.seek(start)
            self.handle.write(data)
            if self._kept < 0:
                self.handle.flush()
        except OSError as error:
            raise StorageError(
                f"temporary data cannot be written ({error.strerror}).",
                file=tempfile.gettempdir(),
                remedy="make room there, or name a folder with room: TMPDIR=FOLDER before the command.",
            ) from error
        self.size += len(data)
        return start

    def read(self, start: int, size: int) -> bytes:
        """Bytes that were added."""
        self.handle.seek(start)
        return self.handle.read(size)

    def release(self) -> IO[bytes]:
        """The bytes as a file at its beginning, which the caller closes."""
        if self._finalizer is not None:
            self._finalizer.detach()
        self.handle.seek(0)
        return self.handle

    def _to_file(self) -> None:
        if self._kept < 0:
            return
        memory = self.handle
        assert isinstance(memory, io.BytesIO)
        try:
            self.handle = tempfile.TemporaryFile(prefix="superion-")  # noqa: SIM115  # open as long as this is
        except OSError:  # nowhere to write: what is small enough still works
            self._kept = float("inf")
            return
        self._finalizer = weakref.finalize(self, self.handle.close)
        self._kept = -1
        self.handle.write(memory.getbuffer())


class Spool(Sequence[T], Generic[T]):
    """A list whose items are on disk. What is taken out is a copy: changes to it are not kept."""

    def __init__(self, items: Iterable[T] = (), kept: int | None = None) -> None:
        self._bytes, self._starts = Scratch(kept), array("q")
        for item in items:
            self.append(item)

    def append(self, item: T) -> None:
        """Add an item at the end."""
        self._starts.append(self._bytes.append(pickle.dumps(item, protocol=pickle.HIGHEST_PROTOCOL)))

    def __len__(self) -> int:
        return len(self._starts)

    def __getitem__(self, index: int) -> T:  # type: ignore[override]  # no slices are asked for
        if not 0 <= index < len(self):
            raise IndexError(index)
        end = self._starts[index + 1] if index + 1 < len(self) else self._bytes.size
        start = self._starts[index]
        found: T = pickle.loads(self._bytes.read(start, end - start))  # made in this process
        return found


class Part(Sequence[T], Generic[T]):
    """Some items of a sequence, by their indices, taken from it when they are asked for."""

    def __init__(self, items: Sequence[T], indices: Iterable[int]) -> None:
        self._items, self._indices = items, array("q", indices)

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index: int) -> T:  # type: ignore[override]  # no slices are asked for
        return self._items[self._indices[index]]
