"""Text dumps of LAMMPS, with elements or with numbered types and their elements."""

from __future__ import annotations

import io
import re

import ase.io
from ase import Atoms

from superion.errors import InputError
from superion.structures.formats.base import Reader, Source

_COLUMNS = re.compile(rb"^ITEM: ATOMS(.*)$", re.MULTILINE)


def _read(source: Source) -> list[Atoms]:
    columns = _COLUMNS.search(source.data)
    elements = source.foreign.elements
    if not elements and columns is not None and not {b"element", b"mass"} & set(columns[1].split()):
        raise InputError(
            "the dump of LAMMPS has no column `element`: types are numbers that name no element.",
            file=source.path,
            remedy="name the elements in the order of the types, --elements Li,P,S; or write the dump with "
            "`dump 1 all custom 100 run.lammpstrj id element xu yu zu` and `dump_modify 1 element Li P S`.",
        )
    try:
        text = io.StringIO(source.text)
        images = list(ase.io.iread(text, ":", format="lammps-dump-text", specorder=list(elements) or None))
    except IndexError as error:
        if not elements:
            raise
        raise InputError(
            f"the dump has more types than the {len(elements)} elements {', '.join(elements)}.",
            file=source.path,
            remedy="name one element for each type, in their order, with --elements.",
        ) from error
    for atoms in images:
        if atoms.calc is not None:
            atoms.calc.results.pop("energy", None)  # a dump has none, ASE gives zero
    return images


LAMMPS_DUMP = Reader("dump of LAMMPS", lambda source: source.data.lstrip().startswith(b"ITEM:"), _read)
