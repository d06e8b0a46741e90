"""Outputs of CP2K: structures whose coordinates are printed, with energy, forces and stress.

Labels are converted to eV and Å and kept as `energy`, `forces` and `stress`, to be mapped like those that ASE
reads. The stress of CP2K is positive under compression, so that its sign is changed.
"""

from __future__ import annotations

import re

import numpy as np
from ase import Atoms, units
from ase.calculators.singlepoint import SinglePointCalculator
from ase.data import atomic_numbers
from ase.stress import full_3x3_to_voigt_6_stress

from superion.errors import InputError
from superion.structures.formats.base import Reader, Source

_NUMBER = r"[-+]?\d+\.\d*(?:[EDed][-+]?\d+)?"
_THREE = rf"({_NUMBER})\s+({_NUMBER})\s+({_NUMBER})"
_COORDINATES = re.compile(
    r"MODULE QUICKSTEP:\s+ATOMIC COORDINATES IN (angstrom|bohr)\s*\n"
    r"\s*\n?[^\n]*Atom[^\n]*\n\s*\n?((?:\s*\d+[^\n]*\n)+)",
    re.IGNORECASE,
)
_ATOM = re.compile(rf"^\s*\d+\s+\d+\s+([A-Z][a-z]?)\s+(\d+)\s+{_THREE}", re.MULTILINE)
_VECTOR = re.compile(rf"CELL\| Vector [abc] \[angstrom\]:?\s+{_THREE}")
_ENERGY = re.compile(rf"ENERGY\| Total FORCE_EVAL[^\n]*:?\s+({_NUMBER})\s*$", re.MULTILINE)
_OLD_FORCES = re.compile(r"ATOMIC FORCES in \[a\.u\.\][^\n]*\n(.*?)SUM OF ATOMIC FORCES", re.DOTALL)
_OLD_FORCE = re.compile(rf"^\s*\d+\s+\d+\s+[A-Za-z]+\d*\s+{_THREE}", re.MULTILINE)
_NEW_FORCES = re.compile(
    r"FORCES\| Atomic forces \[(hartree/bohr|eV/angstrom)\]\s*\n(.*?)FORCES\| Sum", re.DOTALL
)
_NEW_FORCE = re.compile(rf"^\s*FORCES\|\s+\d+\s+(?:[A-Za-z]+\d*\s+)?{_THREE}", re.MULTILINE)
_STRESS = re.compile(
    rf"(?:STRESS\| Analytical stress tensor|STRESS TENSOR) \[(GPa|bar)\](.*?)"
    rf"\bx\s+{_THREE}.*?\by\s+{_THREE}.*?\bz\s+{_THREE}",
    re.DOTALL | re.IGNORECASE,
)


def _mine(source: Source) -> bool:
    return b"CP2K|" in source.data[:20000]


def _read(source: Source) -> list[Atoms]:
    text = source.text
    starts = [match.start() for match in _COORDINATES.finditer(text)]
    if not starts:
        raise InputError(
            "the output of CP2K holds no coordinates.",
            file=source.path,
            remedy="print them (PRINT_LEVEL MEDIUM), or give its trajectory, PROJECT-pos-1.xyz.",
        )
    ends = [*starts[1:], len(text)]
    return [
        _frame(text[start:end], _cell(text[:start], source)) for start, end in zip(starts, ends, strict=True)
    ]


def _cell(head: str, source: Source) -> np.ndarray:
    vectors = _VECTOR.findall(head)[-3:]
    if len(vectors) < 3:
        raise InputError(
            "the output of CP2K states no cell.", file=source.path, remedy="use PRINT_LEVEL MEDIUM."
        )
    return np.array(vectors, dtype=np.float64)


def _frame(text: str, cell: np.ndarray) -> Atoms:
    """One structure; of several energies and forces (a relaxation) the first belong to the coordinates."""
    block = _COORDINATES.search(text)
    assert block is not None
    rows = _ATOM.findall(block[2])
    length = units.Bohr if block[1].lower() == "bohr" else 1.0
    numbers = [atomic_numbers[symbol] for symbol, *_ in rows]
    positions = length * np.array([row[2:] for row in rows], dtype=np.float64)
    atoms = Atoms(numbers, positions=positions, cell=cell, pbc=True)
    results: dict[str, object] = {}
    energy = _ENERGY.search(text)
    if energy:
        results["energy"] = _number(energy[1]) * units.Hartree
    forces = _forces(text)
    if forces is not None and len(forces) == len(atoms):
        results["forces"] = forces
    stress = _STRESS.search(text)
    if stress:
        unit = units.GPa * (1.0 if stress[1] == "GPa" else 1e-4)
        matrix = np.array([_number(word) for word in stress.groups()[2:]]).reshape(3, 3)
        results["stress"] = -unit * full_3x3_to_voigt_6_stress(0.5 * (matrix + matrix.T))
    if results:
        atoms.calc = SinglePointCalculator(atoms, **results)
    return atoms


def _forces(text: str) -> np.ndarray | None:
    old, new = _OLD_FORCES.search(text), _NEW_FORCES.search(text)
    if old:
        rows, unit = _OLD_FORCE.findall(old[1]), units.Hartree / units.Bohr
    elif new:
        rows = _NEW_FORCE.findall(new[2])
        unit = 1.0 if new[1].startswith("eV") else units.Hartree / units.Bohr
    else:
        return None
    return unit * np.array([[_number(word) for word in row] for row in rows])


def _number(word: str) -> float:
    return float(word.replace("D", "E").replace("d", "e"))


CP2K = Reader("output of CP2K", _mine, _read)
