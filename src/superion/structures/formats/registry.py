"""All readers, those that know a file by its content before those that go by its name."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from superion.errors import InputError, SuperionError
from superion.registry import Registry
from superion.structures.cif import read_cif
from superion.structures.foreign import Foreign
from superion.structures.formats import xyz_stream
from superion.structures.formats.ase_formats import ASE
from superion.structures.formats.base import Reader, Source
from superion.structures.formats.chemfiles import CHEMFILES
from superion.structures.formats.cp2k import CP2K
from superion.structures.formats.deepmd import DEEPMD
from superion.structures.formats.lammps_data import LAMMPS_DATA
from superion.structures.formats.lammps_dump import LAMMPS_DUMP
from superion.structures.formats.pymatgen import PYMATGEN
from superion.structures.formats.stream import Snapshot, Stream, snapshot_of
from superion.structures.formats.xdatcar import XDATCAR
from superion.structures.runner import is_runner, read_runner
from superion.structures.xyz import XyzFrames, read_bytes

READERS: tuple[Reader, ...] = (
    Reader(
        "extended XYZ",
        lambda source: source.name.endswith((".xyz", ".extxyz")),
        lambda source: XyzFrames(source.path, source.content),
        stream=xyz_stream.frames,
        lazy=True,
    ),
    Reader(
        "CIF",
        lambda source: source.name.endswith(".cif"),
        lambda source: read_cif(source.data, source.path),
        "the file is damaged here: correct it, or write it again with the program that made it.",
    ),
    DEEPMD,
    LAMMPS_DUMP,
    LAMMPS_DATA,
    PYMATGEN,
    CP2K,
    XDATCAR,
    CHEMFILES,
    Reader(
        "input.data of RuNNer and n2p2",
        lambda source: is_runner(source.name, source.data),
        lambda source: read_runner(source.data, source.path),
    ),
    ASE,
)
"""superion's own, asked in this order; the last one takes what is left."""
FORMATS: Registry[Reader] = Registry("format", "superion.formats")
"""Those that Python programs and other packages add, which are asked first."""


HEAD = 1 << 16
"""Bytes at the beginning of a file that say what it is."""


@contextmanager
def open_stream(path: Path, foreign: Foreign) -> Iterator[tuple[Stream, Reader, Iterator[Snapshot]]]:
    """A file to be read frame by frame, its reader, and its frames.

    Frames of a format that is read as a whole are there all at once. Raises InputError for what is no file or
    folder of frames, and, when frames are asked for, whatever the file is damaged by.
    """
    _check_file(path)
    with Stream(path, foreign) as stream:
        head = b""
        if path.is_file():
            with Stream(path, foreign) as start:
                head = start.head(HEAD)
            if not head.strip():
                raise InputError("the file is empty.", file=path, remedy="check the program that wrote it.")
        name = path.name.removesuffix(".gz").lower()
        reader = reader_of(Source(path, name, head, foreign))
        yield stream, reader, _frames(stream, reader, name)


def _frames(stream: Stream, reader: Reader, name: str) -> Iterator[Snapshot]:
    """The frames; what parsers raise becomes InputError."""
    try:
        if reader.stream is not None:
            yield from reader.stream(stream)
            return
        data = b"" if stream.path.is_dir() else read_bytes(stream.path)
        for atoms in reader.read(Source(stream.path, name, data, stream.foreign)):
            yield snapshot_of(atoms)
    except (SuperionError, OSError, MemoryError):
        raise
    except Exception as error:  # the parsers raise many kinds
        raise InputError(
            f"cannot be read as {reader.name} ({type(error).__name__}: {error}).",
            file=stream.path,
            remedy=reader.hint,
        ) from error


def _check_file(path: Path) -> None:
    if not path.exists():
        raise InputError("there is no such file or folder.", file=path, remedy="check the path.")
    if path.is_dir() and not any(path.rglob("type.raw")):
        raise InputError(
            "holds no run, and no data of DeePMD-kit.",
            file=path,
            remedy="name the folder in which meta.json lies, or a file.",
        )
    if not (path.is_dir() or path.is_file()):
        raise InputError("this is no file.", file=path, remedy="name a file of frames.")


def reader_of(source: Source) -> Reader:
    """The reader of a file."""
    return next(reader for reader in (*_added(tuple(sys.path)), *READERS) if reader.mine(source))


@lru_cache(maxsize=1)
def _brought(paths: tuple[str, ...]) -> dict[str, Reader]:
    """Readers of installed packages, looked for once as long as `sys.path` stays the same."""
    return FORMATS.working()


def _added(paths: tuple[str, ...]) -> list[Reader]:
    """What was added here, and what packages bring."""
    return list((_brought(paths) | FORMATS.added()).values())
