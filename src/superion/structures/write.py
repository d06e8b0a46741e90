"""Structures to files whose format their name tells."""

from __future__ import annotations

import io
from pathlib import Path

import ase.io
from ase import Atoms
from ase.io.formats import UnknownFileTypeError, filetype, ioformats

from superion.errors import InputError
from superion.files import write_atomic

NAMES = "crystal.extxyz, crystal.cif, crystal.vasp (or POSCAR)"
_OWN = {".extxyz": "extxyz", ".xyz": "extxyz", ".vasp": "vasp"}


def format_of(path: Path) -> str:
    """The format of ASE that a file name asks for; InputError if nothing can be written to it."""
    found = _OWN.get(path.suffix.lower())
    if found is None:
        try:
            found = filetype(str(path), read=False)
        except UnknownFileTypeError:
            found = ""
    chosen = ioformats.get(found)
    if chosen is None or not (chosen.can_write and chosen.can_read and chosen.acceptsfd):
        raise InputError(
            f"no format of structures is known by the name {path.name!r}.",
            file=path,
            remedy=f"write a name such as {NAMES}.",
        )
    return found


def write_structure(path: Path, atoms: Atoms) -> None:
    """Write one structure, with its constraints where the format has them, whole or not at all.

    Calculators and what is no part of the structure stay behind. Raises InputError as `format_of` does.
    """
    format = format_of(path)
    kept = atoms.copy()
    kept.calc = None
    options = {"direct": True} if format == "vasp" else {}
    if ioformats[format].isbinary:
        data = io.BytesIO()
        ase.io.write(data, kept, format=format, **options)
        write_atomic(path, data.getvalue())
        return
    text = io.StringIO()
    ase.io.write(text, kept, format=format, **options)
    write_atomic(path, text.getvalue())
