"""All readers, those that know a file by its content before those that go by its name."""

from __future__ import annotations

from superion.structures.cif import read_cif
from superion.structures.formats.ase_formats import ASE
from superion.structures.formats.base import Reader, Source
from superion.structures.formats.cp2k import CP2K
from superion.structures.formats.deepmd import DEEPMD
from superion.structures.formats.lammps_data import LAMMPS_DATA
from superion.structures.formats.lammps_dump import LAMMPS_DUMP
from superion.structures.formats.pymatgen import PYMATGEN
from superion.structures.runner import is_runner, read_runner
from superion.structures.xyz import XyzFrames

READERS: list[Reader] = [
    Reader(
        "extended XYZ",
        lambda source: source.name.endswith((".xyz", ".extxyz")),
        lambda source: XyzFrames(source.data, source.path),
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
    Reader(
        "input.data of RuNNer and n2p2",
        lambda source: is_runner(source.name, source.data),
        lambda source: read_runner(source.data, source.path),
    ),
    ASE,
]
"""Asked in this order; the last one takes what is left. A package may insert its own."""


def reader_of(source: Source) -> Reader:
    """The reader of a file."""
    return next(reader for reader in READERS if reader.mine(source))
