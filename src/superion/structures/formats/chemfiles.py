"""Binary trajectories of other programs, as the library chemfiles reads them (extra `trajectories`).

DCD, XTC, TRR, TNG, NetCDF of AMBER and LAMMPS. Most hold coordinates alone; their atoms are given
(`Foreign.topology`). Damaged files can end a process in the library, so that one of its own reads them.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

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
CHILD = Path(__file__).with_name("chemfiles_child.py")


def frames(stream: Stream) -> Iterator[Snapshot]:
    """Frames one after another; InputError without chemfiles, and for a file that names no elements."""
    stream.untimed = "it states no time that can be relied on"
    numbers: Array | None = None
    words = [sys.executable, "-P", str(CHILD), str(stream.path.resolve())]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        assert child.stdout is not None
        try:
            for k, facts in enumerate(iter(lambda: _facts(stream, child), None)):
                if numbers is None:
                    numbers = _numbers(stream, facts)
                stream.part = (k + 1, facts["count"])
                yield _snapshot(stream, child.stdout, facts, numbers, k)
        finally:
            child.kill()  # it may have frames left that nobody wants


def _facts(stream: Stream, child: subprocess.Popen[bytes]) -> dict[str, Any] | None:
    """What is said of the next frame, None after the last one; InputError where the file cannot be read."""
    assert child.stdout is not None
    line = child.stdout.readline()
    facts = json.loads(line) if line.endswith(b"\n") else {"error": f"it ended with code {child.wait()}"}
    if "missing" in facts:
        raise InputError(
            f"files {stream.path.suffix} are read by chemfiles, which is not installed.",
            file=stream.path,
            remedy="pip install 'superion[trajectories]'",
        )
    if "error" in facts:
        raise InputError(
            f"chemfiles cannot read it ({facts['error']}).",
            file=stream.path,
            frame=None if stream.part is None else stream.part[0],
            remedy="the file is damaged or truncated: copy it again.",
        )
    return None if "end" in facts else facts


def _snapshot(stream: Stream, pipe: IO[bytes], facts: dict[str, Any], numbers: Array, k: int) -> Snapshot:
    count = facts["atoms"]
    if count != len(numbers):
        raise InputError(
            f"it has {count} atoms, and {len(numbers)} are named.",
            file=stream.path,
            frame=k,
            remedy="give the structure that the run began from: --topology FILE.",
        )
    positions, velocities = _array(pipe, count), None
    if facts["velocities"]:
        velocities = _array(pipe, count) / 1000  # Å/ps
        velocities = velocities if velocities.any() else None
    cell = np.array(facts["cell"])
    timed = stream.path.suffix.lower() in TIMED and facts["time"] is not None
    return Snapshot(
        numbers,
        positions,
        cell,
        np.array([bool(cell.any())] * 3),
        step=facts["step"] if timed else None,
        time=1000 * facts["time"] if timed else None,
        velocities=velocities,
        temperature=None if velocities is None else kelvin(atomic_masses[numbers], velocities),
    )


def _array(pipe: IO[bytes], atoms: int) -> Array:
    data = pipe.read(24 * atoms)
    return np.frombuffer(data.ljust(24 * atoms, b"\xff")).reshape(atoms, 3)  # what is missing is no number


def _numbers(stream: Stream, facts: dict[str, Any]) -> Array:
    """Atomic numbers, given (`Foreign.topology`) or from the file itself if it has them."""
    if stream.foreign.topology is not None:
        return np.array(stream.foreign.topology)
    symbols = facts["types"]
    if symbols and all(symbol in atomic_numbers and symbol != "X" for symbol in symbols):
        return np.array([atomic_numbers[symbol] for symbol in symbols])
    raise InputError(
        "it holds coordinates, and does not name the elements.",
        file=stream.path,
        remedy="give a file of the structure, its atoms in the same order: --topology start.pdb (or .gro, "
        ".extxyz, .vasp, a LAMMPS data file …).",
    )


def _read(source: Source) -> list[Atoms]:
    with Stream(source.path, source.foreign) as stream:
        return [atoms_of(frame) for frame in frames(stream)]


CHEMFILES = Reader(
    "trajectory that chemfiles reads", lambda source: source.name.endswith(SUFFIXES), _read, stream=frames
)
