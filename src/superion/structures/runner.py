"""Reading `input.data`, the format of RuNNer and n2p2: structures with energies, forces and charges.

    begin
    comment …
    lattice ax ay az            (three lines, or none for a structure that is not periodic)
    atom x y z element charge unused fx fy fz
    energy …
    charge …                    (the total charge)
    end

All numbers are in atomic units. Sources: J. Behler, RuNNer; A. Singraber, J. Behler and C. Dellago, J. Chem.
Theory Comput. 15, 1827 (2019), n2p2, https://compphysvienna.github.io/n2p2.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from ase import Atoms, units
from ase.data import atomic_numbers

from superion.errors import InputError, suggest

FIELDS = {"lattice": 3, "atom": 9, "energy": 1, "charge": 1}
"""Values after each keyword."""
_FORM = "a line reads 'atom x y z element charge unused fx fy fz', 'lattice x y z', 'energy E' or 'charge Q'."


def is_runner(name: str, data: bytes) -> bool:
    """Whether a file is `input.data`, judged by its name or by its first word, `begin`."""
    return name.endswith("input.data") or data[:4096].split(maxsplit=1)[:1] == [b"begin"]


def read_runner(data: bytes, path: Path) -> list[Atoms]:
    """Structures in eV, Å and e with `REF_energy`, `REF_forces`, `REF_charges` and `total_charge`.

    Periodic along all axes where there is a lattice. A structure without `energy` or `charge` has no such
    label. Charges that are zero throughout the file stand for none: the format has a column for them in
    any case. Raises InputError, naming frame and line, for whatever is not of this form, numbers that are
    not finite and a file that ends too early.
    """
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise InputError(
            f"the file is not text ({error.reason} at byte {error.start}).",
            file=path,
            remedy="give an input.data of RuNNer or n2p2; name compressed files *.gz.",
        ) from error
    frames = [_structure(lines, path, k) for k, lines in enumerate(_frames(text, path))]
    if not any(atoms.arrays["REF_charges"].any() for atoms in frames):
        for atoms in frames:
            del atoms.arrays["REF_charges"]
    return frames


def _frames(text: str, path: Path) -> Iterator[list[tuple[int, list[str]]]]:
    """The lines between `begin` and `end`, each with its number in the file and its words."""
    inside: list[tuple[int, list[str]]] | None = None
    began = frame = 0
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split()
        if not words:
            continue
        if inside is None:
            if words != ["begin"]:
                raise _fault(f"expected 'begin', found {line.strip()[:60]!r}", number, path, frame)
            inside, began = [], number
        elif words == ["end"]:
            yield inside
            inside, frame = None, frame + 1
        elif words[0] == "begin":
            raise _fault(f"a structure begins before that of line {began} has its 'end'", number, path, frame)
        elif words[0] != "comment":
            inside.append((number, words))
    if inside is not None:
        raise InputError(
            f"the structure that begins in line {began} has no 'end'.",
            file=path,
            frame=frame,
            remedy="the file is truncated: copy it again, or delete its last structure.",
        )


def _structure(lines: list[tuple[int, list[str]]], path: Path, frame: int) -> Atoms:
    lattice: list[list[float]] = []
    atoms: list[list[float]] = []
    symbols: list[str] = []
    scalars: dict[str, float] = {}
    for number, (keyword, *words) in lines:
        if keyword not in FIELDS:
            guess = suggest(keyword, [*FIELDS, "comment", "end"])
            raise _fault(f"unknown keyword {keyword!r}.{guess}", number, path, frame)
        if len(words) != FIELDS[keyword]:
            raise _fault(
                f"{keyword!r} has {len(words)} values, expected {FIELDS[keyword]}", number, path, frame
            )
        if keyword == "atom":
            symbols.append(words.pop(3))
            if symbols[-1] not in atomic_numbers:
                raise _fault(f"{symbols[-1]!r} is not an element symbol", number, path, frame)
        values = _numbers(words, number, path, frame)
        if keyword == "atom":
            atoms.append(values)
        elif keyword == "lattice":
            lattice.append(values)
        elif keyword in scalars:
            raise _fault(f"{keyword!r} is given twice", number, path, frame)
        else:
            scalars[keyword] = values[0]
    if len(lattice) not in (0, 3):
        raise _fault(
            f"the structure has {len(lattice)} lattice vectors, expected three or none",
            lines[0][0],
            path,
            frame,
        )
    columns = np.array(atoms, dtype=np.float64).reshape(-1, 8)
    structure = Atoms(symbols, columns[:, :3] * units.Bohr)
    if lattice:
        structure.set_cell(np.array(lattice) * units.Bohr)
        structure.pbc = True
    structure.arrays["REF_charges"] = columns[:, 3].copy()
    structure.arrays["REF_forces"] = columns[:, 5:] * (units.Hartree / units.Bohr)
    if "energy" in scalars:
        structure.info["REF_energy"] = scalars["energy"] * units.Hartree
    if "charge" in scalars:
        structure.info["total_charge"] = scalars["charge"] + 0.0  # −0.0 becomes 0.0
    return structure


def _numbers(words: list[str], number: int, path: Path, frame: int) -> list[float]:
    values = []
    for word in words:
        try:
            values.append(float(word))
        except ValueError:
            raise _fault(f"{word!r} is not a number", number, path, frame) from None
        if not math.isfinite(values[-1]):
            raise _fault(f"{word!r} is not a finite number", number, path, frame)
    return values


def _fault(problem: str, number: int, path: Path, frame: int) -> InputError:
    return InputError(
        f"line {number}: {problem}{'' if problem.endswith('?') else '.'}",
        file=path,
        frame=frame,
        remedy=f"the file is damaged here or not an input.data; {_FORM}",
    )
