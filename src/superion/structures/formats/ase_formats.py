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
UNFINISHED: dict[str, tuple[dict[str, Any], str]] = {
    "aims-output": ({"non_convergence_ok": True}, "Begin self-consistency loop: Re-initialization")
}
"""Outputs that are read up to their last whole step: arguments of the reader, and the line before a step."""


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
    known = ioformats.get(kind)
    if known is None or not known.acceptsfd or known.isbinary:
        return _images(source.path, kind, do_not_split_by_at_sign=True)
    if kind not in UNFINISHED:
        return _images(_Named(source.text, source.path), kind)
    options, step = UNFINISHED[kind]
    try:
        return _images(_Named(source.text, source.path), kind, **options)
    except Exception:
        whole, found, _ = source.text.rpartition(step)
        if not found:
            raise
        return _images(_Named(whole, source.path), kind, **options)


def _images(file: Path | _Named, kind: str, **options: Any) -> list[Atoms]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of readers that will move to packages of their own
        warnings.simplefilter("ignore", DeprecationWarning)
        return list(ase.io.iread(file, index=":", format=kind, **options))


ASE = Reader(
    "structure file",
    lambda source: True,
    _read,
    "the file is damaged or its name does not say its format; write it as extended XYZ (.extxyz) or "
    "POSCAR (.vasp).",
)
