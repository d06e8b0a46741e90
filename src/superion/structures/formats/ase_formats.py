"""All other formats, as `ase.io` reads them; files are text in UTF-8 whatever the locale is."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import ase.io
from ase import Atoms
from ase.io.formats import filetype, ioformats

from superion.errors import InputError
from superion.structures.formats.base import Reader, Source

UNSAFE = ("bundletrajectory", "db", "aselmdb", "postgresql", "mysql", "py")
"""Formats that run or unpickle what is in the file, or ask a server."""
UNFINISHED: dict[str, tuple[dict[str, Any], str, str]] = {
    "aims-output": (
        {"non_convergence_ok": True},
        "Begin self-consistency loop: Re-initialization",
        "Have a nice day.",
    )
}
"""Outputs that are read up to their last whole step: arguments of the reader, the line before a step, and
the last one of a run that has ended. The last step of any other run lacks its structure."""


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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of readers that will move to packages of their own
        warnings.simplefilter("ignore", DeprecationWarning)
        return _unfinished(source, kind) if kind in UNFINISHED else _whole(source, kind)


def _whole(source: Source, kind: str) -> list[Atoms]:
    known = ioformats.get(kind)
    if known is not None and known.acceptsfd and not known.isbinary:
        return list(ase.io.iread(_Named(source.text, source.path), index=":", format=kind))
    return list(ase.io.iread(source.path, index=":", format=kind, do_not_split_by_at_sign=True))


def _unfinished(source: Source, kind: str) -> list[Atoms]:
    options, step, end = UNFINISHED[kind]
    text = source.text
    if end not in text and step in text:
        text = text.rpartition(step)[0]
    return list(ioformats[kind].read(_Named(text, source.path), slice(None), **options))


ASE = Reader(
    "structure file",
    lambda source: True,
    _read,
    "the file is damaged or its name does not say its format; write it as extended XYZ (.extxyz) or "
    "POSCAR (.vasp).",
)
