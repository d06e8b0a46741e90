"""Cutting an extended-XYZ file into frames, so that every fault is found and has an address."""

from __future__ import annotations

import gzip
import re
import warnings
import zlib
from io import StringIO
from pathlib import Path

from ase import Atoms
from ase.io.extxyz import read_xyz

from superion.errors import InputError

_PROPERTIES = re.compile(r'\bProperties\s*=\s*"?([^"\s]+)')


def read_bytes(path: Path) -> bytes:
    """The content of a file, decompressed if its name ends in `.gz`."""
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(
            f"the compressed file cannot be read ({error}).",
            file=path,
            remedy="it is truncated or not gzip; copy it again.",
        ) from error
    if not data.strip():
        raise InputError("the file is empty.", file=path, remedy="check the program that wrote it.")
    return data


def xyz_frames(path: Path) -> list[str]:
    """The text of each frame of an (extended) XYZ file.

    Raises InputError, naming frame, line and atom, for bytes that are not text, a first line
    that is no number of atoms, too few atoms, and rows with the wrong number of columns.
    """
    try:
        text = read_bytes(path).decode()
    except UnicodeDecodeError as error:
        raise InputError(
            f"the file is not text ({error.reason} at byte {error.start}).",
            file=path,
            remedy="give an extended-XYZ file; name compressed files *.gz.",
        ) from error
    lines = text.replace("\r\n", "\n").split("\n")
    complete = lines[-1] == ""
    if complete:
        lines.pop()
    frames: list[str] = []
    start = 0
    while start < len(lines):
        if not lines[start].strip():
            start += 1
            continue
        frame = lines[start : start + 2 + _count(lines[start], path, len(frames), start)]
        _check_rows(frame, path, len(frames))
        frames.append("\n".join(frame) + "\n")
        start += len(frame)
    if not complete and len(frame) > 4 and len(frame[-1].rstrip()) < min(map(len, frame[2:-1])):
        warnings.warn(
            f"{path}, frame {len(frames) - 1}: the file does not end with a newline, and its last line is "
            f"the shortest of its frame; a number may have been cut: {frame[-1]!r}.",
            stacklevel=3,
        )
    return frames


def _count(line: str, path: Path, frame: int, number: int) -> int:
    try:
        count = int(line)
    except ValueError:
        count = 0
    if count < 1:
        raise InputError(
            f"line {number + 1} should hold the number of atoms, but reads {line[:60]!r}.",
            file=path,
            frame=frame,
            remedy="the file is not extended XYZ, or an earlier frame has more rows than it says.",
        )
    return count


def _check_rows(frame: list[str], path: Path, index: int) -> None:
    atoms = int(frame[0])
    if len(frame) < 2 + atoms:
        raise InputError(
            f"the frame should have {atoms} atoms, but the file ends after {max(len(frame) - 2, 0)}.",
            file=path,
            frame=index,
            remedy="the file is truncated: copy it again, or delete its last frame.",
        )
    declared = _PROPERTIES.search(frame[1])
    try:
        columns = sum(int(width) for width in declared[1].split(":")[2::3]) if declared else 4
    except ValueError:
        return  # the parser says what is wrong with this Properties string
    for atom, row in enumerate(frame[2:]):
        found = len(row.split())
        if found < columns or (declared and found > columns):
            raise InputError(
                f"atom {atom} has {found} columns, expected {columns}: {row.strip()[:80]!r}.",
                file=path,
                frame=index,
                remedy="the file is damaged here, or Properties=... does not describe its columns.",
            )


def parse_xyz(text: str, path: Path, index: int) -> Atoms:
    """One frame as Atoms; InputError if the comment line or a number cannot be understood."""
    try:
        return next(iter(read_xyz(StringIO(text), index=slice(0, 1))))
    except Exception as error:  # the parser raises many kinds
        raise InputError(
            f"cannot understand the frame ({type(error).__name__}: {error}).",
            file=path,
            frame=index,
            remedy="check its comment line (Lattice, Properties), its element symbols and its numbers.",
        ) from error
