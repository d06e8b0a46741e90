"""Reading what a run has written."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms, units
from ase.io import write

from superion.errors import InputError
from superion.files import write_atomic
from superion.simulation.chunks import META, count_chunks, meta_digest, read_chunk, read_meta
from superion.structures.bare import state

Array = np.ndarray


@dataclass(frozen=True, slots=True)
class Trajectory:
    """F frames of N atoms.

    numbers: (N,) atomic numbers. masses: (N,) amu. pbc: (3,) bool. steps: (F,) and times: (F,) fs,
    zero at the start of production. positions: (F, N, 3) Å, unwrapped: an atom that leaves the cell is
    never moved back. cells: (F, 3, 3) Å. potential_energy, kinetic_energy: (F,) eV. temperature: (F,) K, from
    3N − 3 degrees of freedom. conserved: (F,) eV, what exact dynamics keeps constant.
    Only if recorded, else None: velocities (F, N, 3) Å/fs, stress (F, 6) eV/Å³ without the ideal-gas part,
    charges (F, N) e, dipole (F, 3) e·Å of the positions as they are, which may jump for charges that change.
    Only with electric settings, else None: tracked_dipole (F, 3) e·Å, electric_field (F, 3) V/Å.
    meta: settings, versions and the provenance that the caller of the run gave.
    """

    numbers: Array
    masses: Array
    pbc: Array
    steps: Array
    times: Array
    positions: Array
    cells: Array
    potential_energy: Array
    kinetic_energy: Array
    temperature: Array
    conserved: Array
    meta: dict[str, Any]
    velocities: Array | None = None
    stress: Array | None = None
    charges: Array | None = None
    dipole: Array | None = None
    tracked_dipole: Array | None = None
    electric_field: Array | None = None

    def __len__(self) -> int:
        return len(self.steps)


def read_trajectory(folder: str | Path, *, equilibration: bool = False) -> Trajectory:
    """Read and verify the frames of a run, also while it is going on.

    equilibration: keep the frames before step 0. Raises InputError if there is no run, and
    CorruptFileError naming the first damaged or missing file.
    """
    folder = Path(folder)
    if not (folder / META).exists():
        raise InputError("holds no run.", file=folder, remedy=f"name the folder in which {META} lies.")
    meta = read_meta(folder)
    digest = meta_digest(meta)
    parts: list[dict[str, Array]] = []
    for index in range(count_chunks(folder)):
        chunk = read_chunk(folder, index, digest)
        digest = chunk.digest
        wanted = slice(None) if equilibration else chunk.frames["step"] >= 0
        parts.append({name: values[wanted] for name, values in chunk.frames.items()})
    if not parts:
        raise InputError("the run has not written a frame yet.", file=folder, remedy="wait, or resume it.")
    frames = {name: np.concatenate([part.pop(name) for part in parts]) for name in list(parts[0])}
    steps = frames.pop("step")
    return Trajectory(
        numbers=np.array(meta["numbers"], dtype=np.int64),
        masses=np.array(meta["masses"]),
        pbc=np.array(meta["pbc"], dtype=bool),
        steps=steps,
        times=steps * float(meta["settings"]["timestep"]),
        cells=frames.pop("cell"),
        meta=meta,
        **frames,
    )


def to_ase(trajectory: Trajectory, every: int = 1) -> list[Atoms]:
    """Each `every`-th frame as Atoms, unwrapped, with `step`, `time` (fs) and energies (eV) in `info`.

    They state of their charges what the start of the run did. The energies are those of the model; they do
    not stand under the keys of reference labels.
    """
    if every < 1:
        raise InputError(f"every must be at least 1, found {every}.")
    frames = []
    for k in range(0, len(trajectory), every):
        atoms = Atoms(
            numbers=trajectory.numbers,
            positions=trajectory.positions[k],
            cell=trajectory.cells[k],
            pbc=trajectory.pbc,
            masses=trajectory.masses,
        )
        if trajectory.velocities is not None:
            atoms.set_velocities(trajectory.velocities[k] / units.fs)
        atoms.info = {
            "step": int(trajectory.steps[k]),
            "time": float(trajectory.times[k]),
            "potential_energy": float(trajectory.potential_energy[k]),
            "kinetic_energy": float(trajectory.kinetic_energy[k]),
        }
        state(atoms, trajectory.meta.get("stated", {}))
        frames.append(atoms)
    return frames


def write_extxyz(trajectory: Trajectory, path: str | Path, every: int = 1) -> None:
    """Write each `every`-th frame to an extended-XYZ file, atomically."""
    text = io.StringIO()
    write(text, to_ase(trajectory, every), format="extxyz")
    write_atomic(path, text.getvalue())
