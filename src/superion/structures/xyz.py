"""Cutting an extended-XYZ file into frames, so that every fault is found and has an address."""

from __future__ import annotations

import gzip
import re
import warnings
import weakref
import zlib
from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from io import BytesIO, StringIO
from itertools import chain, islice
from pathlib import Path
from typing import IO, cast

from ase import Atoms
from ase.io.extxyz import read_xyz

from superion.errors import InputError
from superion.structures.spool import Scratch

_FIELD = re.compile(
    r"""([^\s="'{}\[\]]+)\s*=\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\{[^}]*\}|\[[^\]]*\]|[^\s"'{\[]\S*)"""
)
"""A key and its value in a comment line; what is quoted is no key."""
_MATRICES = ("stress", "virial")
"""Keys for which the parser of ASE wants nine numbers."""
_SIX = "superion_six_"
RATIO, MOST = 200, 1 << 24
"""A gzip file may unpack to this many times its size, or to this many bytes."""
_TRUTH = {"t": "T", "true": "T", "1": "T", "f": "F", "false": "F", "0": "F"}


def read_bytes(path: Path) -> bytes:
    """The content of a file, decompressed if its name ends in `.gz`."""
    with open_bytes(path) as handle:
        data = handle.read()
    if not data.strip():
        raise _empty(path)
    return data


def _empty(path: Path) -> InputError:
    return InputError("the file is empty.", file=path, remedy="check the program that wrote it.")


def open_bytes(path: Path) -> IO[bytes]:
    """A file, decompressed if its name ends in `.gz`, open to be read in any order."""
    if path.is_char_device() or path.is_block_device():
        raise InputError("this is a device, not a file.", file=path, remedy="name a file of structures.")
    try:
        if path.suffix == ".gz":
            with gzip.open(path) as packed:
                return _copied(cast("IO[bytes]", packed), path, max(MOST, RATIO * path.stat().st_size))
        handle = open(path, "rb")  # noqa: SIM115  # for the caller to close
        if handle.seekable():
            return handle
        with handle:  # a pipe
            return _copied(handle, path)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(
            f"the compressed file cannot be read ({error}).",
            file=path,
            remedy="it is truncated or not gzip; copy it again.",
        ) from error


def _copied(source: IO[bytes], path: Path, allowed: float = float("inf")) -> IO[bytes]:
    """A copy that can be read in any order; InputError if it is larger than `allowed` bytes."""
    copy = Scratch()
    while part := source.read(1 << 20):
        copy.append(part)
        if copy.size > allowed:
            raise InputError(
                f"the compressed file unpacks to more than {RATIO} times its size.",
                file=path,
                remedy="structures compress 3 to 20 times; copy it again, or unpack it with `gunzip` and "
                "look.",
            )
    return copy.release()


def decoded(data: bytes, path: Path) -> str:
    """Text in UTF-8, whatever the locale is; InputError, naming the byte, for what is none."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _no_text(error, path, 0, data.count(b"\n", 0, error.start)) from error


def _no_text(error: UnicodeDecodeError, path: Path, start: int, line: int) -> InputError:
    """start, line: where the bytes begin that were decoded, and the number of the line, from 0."""
    return InputError(
        f"the file is not text in UTF-8 ({error.reason} 0x{error.object[error.start]:02x} at byte "
        f"{start + error.start}, line {line + 1}).",
        file=path,
        remedy="name compressed files *.gz; text in Latin-1 is converted by `iconv -f latin1 -t utf-8`.",
    )


class XyzFrames(Sequence[Atoms]):
    """The frames of an (extended) XYZ file, each read and parsed when it is asked for.

    Only their places in the file are kept.
    """

    def __init__(self, path: Path, data: bytes | None = None) -> None:
        """Look through the file, or its content; raises and warns as `xyz_frames` does."""
        self._path = path
        self._handle = open_bytes(path) if data is None else BytesIO(data)
        weakref.finalize(self, self._handle.close)
        self._spans = _spans(self._handle, path)

    def __len__(self) -> int:
        return len(self._spans)

    def __getitem__(self, index: int) -> Atoms:  # type: ignore[override]  # no slices are asked for
        return parse_xyz(self.text(index), self._path, index)

    def text(self, index: int) -> str:
        """The text of a frame, with the second line as the parser wants it."""
        start, stop = self._spans[index]
        self._handle.seek(start)
        text = decoded(self._handle.read(stop - start), self._path)
        lines = text.replace("\r\n", "\n").removesuffix("\n").split("\n")
        lines[1] = comment_line(lines[1], self._path, index)
        return "\n".join(lines) + "\n"


def xyz_frames(path: Path, data: bytes | None = None) -> list[str]:
    """The text of each frame of an (extended) XYZ file; data: its content, if it has been read.

    Raises InputError, naming frame, line and atom, for bytes that are not text, a first line
    that is no number of atoms, too few atoms, and rows with the wrong number of columns.
    Warns of columns that nothing declares.
    """
    found = XyzFrames(path, data)
    return [found.text(index) for index in range(len(found))]


def _spans(handle: IO[bytes], path: Path) -> list[tuple[int, int]]:
    """Where each frame begins and ends; faults and warnings as `xyz_frames` has them."""
    spans: list[tuple[int, int]] = []
    undeclared: list[int] = []
    frame: list[str] = []
    lines = _lines(handle, path)
    ended = True
    try:
        for start, number, first in lines:
            if not first.strip():
                continue
            count = _count(first.removesuffix("\n").removesuffix("\r"), path, len(spans), number)
            frame, stop = [], start
            for line in chain([first], (line for _, _, line in islice(lines, count + 1))):
                frame.append(line.removesuffix("\n").removesuffix("\r"))
                ended = line.endswith("\n")
            stop = handle.tell()
            if len(frame) > 1:
                frame[1] = comment_line(frame[1], path, len(spans))
            if _check_rows(frame, path, len(spans)):
                undeclared.append(len(spans))
            spans.append((start, stop))
    except InputError:
        for _ in lines:  # a file that is no text at all is reported as that
            pass
        raise
    if not spans:
        raise _empty(path)
    cut = not ended and len(frame) > 4
    if cut and len(frame[-1].rstrip()) < min(map(len, frame[2:-1])):
        warnings.warn(
            f"{path}, frame {len(spans) - 1}: the file does not end with a newline, and its last line is "
            f"the shortest of its frame; a number may have been cut: {frame[-1]!r}.",
            stacklevel=4,
        )
    if undeclared:
        warnings.warn(
            f"{path}: the atoms of {len(undeclared)} frames (first {undeclared[0]}) have more columns than "
            "element and position, which nothing declares: they are not read. Declare them in the second "
            "line of each frame, for example Properties=species:S:1:pos:R:3:forces:R:3.",
            stacklevel=4,
        )
    return spans


def _lines(handle: IO[bytes], path: Path) -> Iterator[tuple[int, int, str]]:
    """Where each line begins, its number and its text with its end; InputError for what is no UTF-8."""
    start = len(BOM_UTF8) if handle.read(len(BOM_UTF8)) == BOM_UTF8 else 0
    handle.seek(start)
    number = 0
    while line := handle.readline():
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            raise _no_text(error, path, start, number) from error
        yield start, number, text
        start, number = start + len(line), number + 1


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


def _check_rows(frame: list[str], path: Path, index: int) -> bool:
    """InputError for rows that do not fit; whether there are columns that nothing declares."""
    atoms = int(frame[0])
    if len(frame) < 2 + atoms:
        raise InputError(
            f"the frame should have {atoms} atoms, but the file ends after {max(len(frame) - 2, 0)}.",
            file=path,
            frame=index,
            remedy="the file is truncated: copy it again, or delete its last frame.",
        )
    fields = {field[1]: field[2].strip("\"'") for field in _FIELD.finditer(frame[1])}
    declared = fields.get("Properties")
    try:
        columns = sum(int(width) for width in declared.split(":")[2::3]) if declared else 4
    except ValueError:
        return False  # the parser says what is wrong with this Properties string
    wider = False
    for atom, row in enumerate(frame[2:]):
        found = len(row.split())
        if found < columns or (declared and found > columns):
            raise InputError(
                f"atom {atom} has {found} columns, expected {columns}: {row.strip()[:80]!r}.",
                file=path,
                frame=index,
                remedy="the file is damaged here, or Properties=... does not describe its columns.",
            )
        wider = wider or found > columns
    return wider


def comment_line(line: str, path: Path, index: int) -> str:
    """The second line of a frame as the parser wants it.

    Keys mean the same in any case (`lattice`, as in NEP), `pbc` is three truth values, and `stress` and
    `virial` may have six numbers, too, which then go by a name of their own.
    """

    def canonical(field: re.Match[str]) -> str:
        key, value = field[1], field[2]
        plain = key.lower()
        if plain == "lattice":
            return f"Lattice={value}"
        if plain == "properties":
            return f"Properties={_columns(value)}"
        if plain == "pbc":
            return f'pbc="{_periodic(value, path, index)}"'
        if key in _MATRICES and len(re.split(r"[\s,]+", value.strip("\"'{}[] "))) != 9:
            return f"{_SIX}{key}={value}"
        return field[0]

    return _FIELD.sub(canonical, line)


def _columns(value: str) -> str:
    """The names of element and position as they are written, those of all other columns as they are."""
    known = {"species": "species", "element": "species", "pos": "pos", "positions": "pos"}
    parts = value.split(":")
    for k in range(0, len(parts), 3):
        bare = parts[k].strip("\"'")
        parts[k] = parts[k].replace(bare, known.get(bare.lower(), bare)) if bare else parts[k]
    return ":".join(parts)


def _periodic(value: str, path: Path, index: int) -> str:
    words = re.split(r"[\s,]+", value.strip("\"'{}[] ").lower())
    if len(words) not in (1, 3) or any(word not in _TRUTH for word in words):
        raise InputError(
            f"pbc={value} is not three truth values.",
            file=path,
            frame=index,
            remedy='write for each axis whether it is periodic: pbc="T T F".',
        )
    return " ".join(_TRUTH[word] for word in (words * 3 if len(words) == 1 else words))


def parse_xyz(text: str, path: Path, index: int) -> Atoms:
    """One frame as Atoms; InputError if the comment line or a number cannot be understood."""
    try:
        atoms = next(iter(read_xyz(StringIO(text), index=slice(0, 1))))
        for key in _MATRICES:
            if _SIX + key in atoms.info:
                atoms.info[key] = atoms.info.pop(_SIX + key)
        return atoms
    except Exception as error:  # the parser raises many kinds
        raise InputError(
            f"cannot understand the frame ({type(error).__name__}: {error}).",
            file=path,
            frame=index,
            remedy="check its comment line (Lattice, Properties), its element symbols and its numbers.",
        ) from error
