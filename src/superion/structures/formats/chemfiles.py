"""Binary trajectories of other programs, as the library chemfiles reads them (extra `trajectories`).

DCD, XTC, TRR, TNG, NetCDF of AMBER and LAMMPS. Most hold coordinates alone; a file of the structure names the
elements (`Foreign.topology`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import atomic_masses, atomic_numbers

from superion.errors import InputError
from superion.structures.formats.base import Reader, Source
from superion.structures.formats.stream import Snapshot, Stream, atoms_of, kelvin

Array = np.ndarray
SUFFIXES = (".dcd", ".xtc", ".trr", ".tng", ".nc", ".trj")
TIMED = (".xtc", ".trr")
"""Files that state the step and, in ps, the time of each frame."""


def frames(stream: Stream) -> Iterator[Snapshot]:
    """Frames one after another; InputError without chemfiles, and for a file that names no elements."""
    library = _library(stream)
    stream.untimed = "it states no time that can be relied on"
    try:
        with library.Trajectory(str(stream.path)) as file:
            count = file.nsteps
            numbers: Array | None = None
            for k in range(count):
                frame = file.read()
                numbers = _numbers(stream, frame) if numbers is None else numbers
                stream.part = (k + 1, count)
                yield _snapshot(stream, frame, numbers, k)
    except library.ChemfilesError as error:
        raise InputError(
            f"chemfiles cannot read it ({' '.join(str(error).split())}).",
            file=stream.path,
            remedy="the file is damaged, or its name does not say its format.",
        ) from error


def _snapshot(stream: Stream, frame: Any, numbers: Array, k: int) -> Snapshot:
    positions = np.array(frame.positions, dtype=np.float64)
    if len(positions) != len(numbers):
        raise InputError(
            f"it has {len(positions)} atoms, and {len(numbers)} are named.",
            file=stream.path,
            frame=k,
            remedy="give the structure that the run began from: --topology FILE.",
        )
    cell = np.array(frame.cell.matrix, dtype=np.float64).T
    periodic = bool(cell.any())
    velocities = None
    if frame.has_velocities():
        velocities = np.array(frame.velocities, dtype=np.float64) / 1000  # Å/ps
        velocities = velocities if velocities.any() else None
    timed = stream.path.suffix.lower() in TIMED and "time" in frame.list_properties()
    return Snapshot(
        numbers,
        positions,
        cell,
        np.array([periodic] * 3),
        step=int(frame.step) if timed else None,
        time=1000 * float(frame["time"]) if timed else None,
        velocities=velocities,
        temperature=None if velocities is None else kelvin(atomic_masses[numbers], velocities),
    )


def _numbers(stream: Stream, frame: Any) -> Array:
    """Atomic numbers from the file of the structure, or from the file itself if it has them."""
    if stream.foreign.topology is not None:
        from superion.structures.read import read_raw

        return np.asarray(read_raw(stream.foreign.topology, stream.foreign)[0].numbers)
    symbols = [atom.type for atom in frame.atoms]
    if symbols and all(symbol in atomic_numbers and symbol != "X" for symbol in symbols):
        return np.array([atomic_numbers[symbol] for symbol in symbols])
    raise InputError(
        "it holds coordinates, and does not name the elements.",
        file=stream.path,
        remedy="give a file of the structure, its atoms in the same order: --topology start.pdb (or .gro, "
        ".extxyz, .vasp, a LAMMPS data file …).",
    )


def _library(stream: Stream) -> Any:
    try:
        import chemfiles
    except ImportError as error:
        raise InputError(
            f"files {stream.path.suffix} are read by chemfiles, which is not installed.",
            file=stream.path,
            remedy="pip install 'superion[trajectories]'",
        ) from error
    chemfiles.set_warnings_callback(lambda message: None)
    return chemfiles


def _read(source: Source) -> list[Atoms]:
    with Stream(source.path, source.foreign) as stream:
        return [atoms_of(frame) for frame in frames(stream)]


CHEMFILES = Reader(
    "trajectory that chemfiles reads", lambda source: source.name.endswith(SUFFIXES), _read, stream=frames
)
