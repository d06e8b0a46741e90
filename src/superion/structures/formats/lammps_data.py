"""Data files of LAMMPS (`read_data`): one structure, its elements from masses, labels of types, or named."""

from __future__ import annotations

import io
import re

import ase.io
import numpy as np
from ase import Atoms
from ase.data import atomic_masses, atomic_numbers

from superion.errors import InputError
from superion.structures.formats.base import Reader, Source

MASS_TOLERANCE = 0.3
"""amu; a mass further from that of every element names none."""
_HEADER = re.compile(rb"^\s*\d+\s+atoms\b", re.MULTILINE)
_BOX = re.compile(rb"^\s*\S+\s+\S+\s+xlo\s+xhi\b", re.MULTILINE)
_ATOMS = re.compile(r"^\s*Atoms\b[^\S\n]*(?:#[^\S\n]*(\S+))?", re.MULTILINE)
_UNITS = re.compile(r"\bunits\s*=\s*(\w+)")


def _mine(source: Source) -> bool:
    head = source.data[:4096]
    return bool(_HEADER.search(head) and _BOX.search(head))


def _read(source: Source) -> list[Atoms]:
    text = source.text
    units = _UNITS.search(text.partition("\n")[0])
    named = _ATOMS.search(text)
    style = source.foreign.atom_style or (named[1] if named else None)
    elements = _elements(text, source)
    try:
        (atoms,) = ase.io.iread(
            io.StringIO(text),
            format="lammps-data",
            Z_of_type=elements,
            units=units[1] if units else "metal",
            atom_style=style,
        )
    except (ValueError, RuntimeError) as error:
        if style is None and "atom_style" not in str(error):
            raise
        raise InputError(
            f"the columns of its atoms are not those of the atom style {style!r} ({error})."
            if style
            else "it does not say what the columns of its atoms are.",
            file=source.path,
            remedy="name the style, for example --atom-style charge (id type q x y z), atomic "
            "(id type x y z), or full (id molecule type q x y z).",
        ) from error
    del atoms.arrays["id"], atoms.arrays["type"]
    atoms.arrays.pop("mmcharges", None)  # once more the charges
    atoms.info.pop("comment", None)
    return [atoms]


def _elements(text: str, source: Source) -> dict[int, int]:
    """Atomic number of each numbered type."""
    types = re.search(r"^\s*(\d+)\s+atom\s+types\b", text, re.MULTILINE)
    count = int(types[1]) if types else 0
    elements = source.foreign.elements
    if elements:
        if count > len(elements):
            raise InputError(
                f"the file has {count} types, but {len(elements)} elements are named: {', '.join(elements)}.",
                file=source.path,
                remedy="name one element for each type, in their order, with --elements.",
            )
        return {k: atomic_numbers[symbol] for k, symbol in enumerate(elements, start=1)}
    labels = _section(text, "Atom Type Labels")
    if labels and all(label in atomic_numbers for label in labels.values()):
        return {k: atomic_numbers[label] for k, label in labels.items()}
    masses = {k: float(word) for k, word in _section(text, "Masses").items()}
    numbers = {k: int(np.abs(atomic_masses[1:] - mass).argmin()) + 1 for k, mass in masses.items()}
    odd = [k for k, mass in masses.items() if abs(atomic_masses[numbers[k]] - mass) > MASS_TOLERANCE]
    if odd or not masses:
        raise InputError(
            f"type {odd[0]} has the mass {masses[odd[0]]:g}, which is that of no element."
            if odd
            else "the types of the file are numbers without masses, which name no element.",
            file=source.path,
            remedy="name the elements in the order of the types: --elements Li,P,S.",
        )
    return numbers


def _section(text: str, name: str) -> dict[int, str]:
    """The second word of each line of a section, by its first, a number."""
    found: dict[int, str] = {}
    heading = rf"^\s*{name.replace(' ', '[ ]+')}[^\S\n]*(?:#.*)?$"
    parts = re.split(heading, text, maxsplit=1, flags=re.MULTILINE)
    for line in parts[1].splitlines() if len(parts) == 2 else ():
        words = line.split("#")[0].split()
        if not words:
            continue
        if not words[0].isdecimal() or len(words) < 2:
            break
        found[int(words[0])] = words[1]
    return found


LAMMPS_DATA = Reader("data file of LAMMPS", _mine, _read)
