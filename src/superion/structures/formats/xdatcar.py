"""XDATCAR of VASP: fractional coordinates, the cell once or, where it changes, before each frame.

Every NBLOCK-th step is written; how far apart these are in time the file does not say, and its numbers of
configurations do not either.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers

from superion.errors import InputError
from superion.structures.formats.base import Reader, Source, whole
from superion.structures.formats.stream import Snapshot, Stream, atoms_of, shown

_MARK = re.compile(rb"^\s*(?:Direct configuration|Konfig)\s*=", re.MULTILINE)
_SYMBOL = re.compile(r"[A-Z][a-z]?")
UNTIMED = "an XDATCAR has every NBLOCK-th step, POTIM × NBLOCK (INCAR) apart, and states neither"
ALL = np.array([True, True, True])


@dataclass(frozen=True, slots=True)
class _Header:
    numbers: np.ndarray
    cell: np.ndarray


def frames(stream: Stream) -> Iterator[Snapshot]:
    """Frames one after another; InputError for a damaged one, or for a file that names no elements."""
    stream.untimed = UNTIMED
    header: _Header | None = None
    frame = 0
    while line := stream.line():
        if header is None or not _MARK.match(line):
            found = _header(stream, line, frame)
            if found is None:
                return
            header, line = found, stream.line()
            if not line:
                stream.end_within(frame, "it ends after its cell")
                return
            if not _MARK.match(line):
                raise stream.damaged(frame, f"expected 'Direct configuration=', found {shown(line)}.")
        rows = stream.rows(len(header.numbers), frame)
        if rows is None:
            return
        scaled = stream.table(rows, (0, 1, 2), frame)
        yield Snapshot(header.numbers, scaled @ header.cell, header.cell, ALL)
        frame += 1


def _header(stream: Stream, comment: bytes, frame: int) -> _Header | None:
    """Cell and elements; None at the end of the file."""
    lines = stream.lines(5)
    if len(lines) < 5:
        if comment.strip() or any(line.strip() for line in lines):
            stream.end_within(frame, "it ends within its cell")
        return None
    scale = stream.table(lines[:1], (0,), frame)[0, 0]
    cell = stream.table(lines[1:4], (0, 1, 2), frame)
    volume = abs(np.linalg.det(cell))
    if volume < 1e-6:
        raise stream.damaged(frame, "the cell has no volume.", stream.line_number - 1)
    cell *= scale if scale > 0 else (-scale / volume) ** (1 / 3)  # a negative number is the volume
    words = lines[4].decode("utf-8", "replace").split()
    named = not all(word.isdecimal() for word in words)
    counts = stream.line().decode("utf-8", "replace").split() if named else words
    symbols = [found[0] if (found := _SYMBOL.match(word)) else word for word in words] if named else []
    symbols = symbols or list(stream.foreign.elements)
    if not symbols:
        raise InputError(
            "the file of an old version of VASP does not name its elements.",
            file=stream.path,
            remedy="name them in the order of the file: --elements Li,P,S.",
        )
    unknown = [symbol for symbol in symbols if symbol not in atomic_numbers or symbol == "X"]
    if unknown or len(symbols) != len(counts) or not all(count.isdecimal() for count in counts):
        raise stream.damaged(
            frame,
            f"{unknown[0]!r} is not an element."
            if unknown
            else f"expected the numbers of atoms of {', '.join(symbols)}, found {' '.join(counts)[:60]!r}.",
        )
    kinds = [atomic_numbers[symbol] for symbol in symbols]
    return _Header(np.repeat(kinds, [int(count) for count in counts]), cell)


def _mine(source: Source) -> bool:
    return bool(_MARK.search(source.data[:20000]))


def _read(source: Source) -> list[Atoms]:
    return whole(source, lambda stream: map(atoms_of, frames(stream)))


XDATCAR = Reader("XDATCAR", _mine, _read, stream=frames)
