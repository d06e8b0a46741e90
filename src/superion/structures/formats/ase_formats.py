"""All other formats, as `ase.io` reads them; files are text in UTF-8 whatever the locale is."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import ase.io
from ase import Atoms
from ase.io.formats import filetype, ioformats

from superion.errors import InputError
from superion.structures.formats.base import Reader, Source

UNSAFE = ("bundletrajectory", "db", "aselmdb", "postgresql", "mysql", "py")
"""Formats that run or unpickle what is in the file, or ask a server."""
UNFINISHED: dict[str, dict[str, Any]] = {"aims-output": {"non_convergence_ok": True}}
"""Arguments of readers that would otherwise refuse a calculation that has not ended."""


class _Named(io.StringIO):
    """Text with the name of its file, by which some readers tell their versions apart."""

    def __init__(self, text: str, path: Path) -> None:
        super().__init__(text)
        self.name = str(path)


def format_of(source: Source) -> str:
    """The name of the format in ASE, judged by the name of the file, then by its first bytes."""
    if source.name.endswith(".vasp"):
        return "vasp"
    return str(filetype(str(source.path)))


def _read(source: Source) -> list[Atoms]:
    kind = format_of(source)
    if kind in UNSAFE:
        raise InputError(
            f"files of the format {kind} are not read, for reading one may run code.",
            file=source.path,
            remedy="convert it where it was made: `ase convert FILE out.extxyz`.",
        )
    options = UNFINISHED.get(kind, {})
    known = ioformats.get(kind)
    if known is not None and known.acceptsfd and not known.isbinary:
        handle = _Named(source.text, source.path)
        return list(ase.io.iread(handle, index=":", format=kind, **options))
    return list(ase.io.iread(source.path, index=":", format=kind, do_not_split_by_at_sign=True, **options))


ASE = Reader(
    "structure file",
    lambda source: True,
    _read,
    "the file is damaged or its name does not say its format; write it as extended XYZ (.extxyz) or "
    "POSCAR (.vasp).",
)
