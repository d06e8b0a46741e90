"""What a reader of a file format is, and the file that it reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ase import Atoms

from superion.errors import InputError
from superion.structures.foreign import Foreign
from superion.structures.formats.stream import Snapshot, Stream
from superion.structures.xyz import decoded, read_bytes


@dataclass(frozen=True)
class Source:
    """A file or folder: its name in lower case without `.gz`, and its content.

    content: None to read it from the file when a reader asks for `data`. foreign: what the file does not say
    of itself.
    """

    path: Path
    name: str
    content: bytes | None
    foreign: Foreign

    @cached_property
    def data(self) -> bytes:
        """The content, decompressed."""
        return read_bytes(self.path) if self.content is None else self.content

    @property
    def text(self) -> str:
        """The content as text; InputError, naming the byte, if it is not UTF-8."""
        return decoded(self.data, self.path)


@dataclass(frozen=True, slots=True)
class Reader:
    """One format.

    name: as it stands in messages. mine: whether a file is of this form, judged by its name and first bytes.
    read: its structures with all they hold, as ASE would give them; InputError, or any error for a damaged
    file. hint: what damages such files, or what they need. stream: the frames of a trajectory, one after
    another; None for files that are read as a whole. lazy: what `read` gives is parsed when it is asked for.
    """

    name: str
    mine: Callable[[Source], bool]
    read: Callable[[Source], Sequence[Atoms]]
    hint: str = "the file is damaged or truncated: copy it again."
    stream: Callable[[Stream], Iterator[Snapshot]] | None = None
    lazy: bool = False


def whole(source: Source, frames: Callable[[Stream], Iterable[Atoms]]) -> list[Atoms]:
    """All structures of a file of frames; InputError if it ends within one."""
    with Stream(source.path, source.foreign) as stream:
        found = list(frames(stream))
        if stream.cut:
            raise InputError(
                f"cannot be read to its end: {stream.cut}.",
                file=source.path,
                remedy="the file is truncated: copy it again, or delete its last frame.",
            )
    return found
