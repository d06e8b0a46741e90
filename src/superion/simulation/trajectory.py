"""Reading what a run has written."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms, units
from ase.constraints import FixAtoms
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
    3N − 3 degrees of freedom, 3 for each atom that moves where some are fixed. conserved: (F,) eV, what exact
    dynamics keeps constant. pressure: (F,) GPa, of atoms and their motion, None where no stress is known.
    force_deviation (F,) eV/Å and energy_deviation (F,) eV: predicted standard deviations, NaN where nobody
    looked, None without.
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
    pressure: Array | None = None
    force_deviation: Array | None = None
    energy_deviation: Array | None = None
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
    shared = [name for name in parts[0] if all(name in part for part in parts)]
    frames = {name: np.concatenate([part.pop(name) for part in parts]) for name in shared}
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


def to_ase(trajectory: Trajectory, every: int = 1, *, last: bool = False) -> list[Atoms]:
    """Each `every`-th frame as Atoms, unwrapped, with `step`, `time` (fs) and energies (eV) in `info`.

    last: only the last frame. Velocities are there if they were recorded. The frames state of their charges
    what the start of the run did. The energies are those of the model; they do not stand under the keys of
    reference labels.
    """
    if every < 1:
        raise InputError(f"every must be at least 1, found {every}.")
    frames = []
    count = len(trajectory)
    for k in range(count - 1, count) if last else range(0, count, every):
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
        if trajectory.meta.get("fixed"):
            atoms.set_constraint(FixAtoms(trajectory.meta["fixed"]))
        frames.append(atoms)
    return frames


def write_extxyz(trajectory: Trajectory, path: str | Path, every: int = 1) -> None:
    """Write each `every`-th frame to an extended-XYZ file, atomically."""
    write_frames_of(to_ase(trajectory, every), path)


def write_frames_of(frames: Sequence[Atoms], path: str | Path) -> None:
    """Write frames of a trajectory atomically: in ASE's own format to `.traj`, else as extended XYZ.

    Velocities become `momenta` there, in ASE's units.
    """
    if Path(path).suffix == ".traj":
        data = io.BytesIO()
        write(data, list(frames), format="traj")
        write_atomic(path, data.getvalue())
        return
    text = io.StringIO()
    write(text, list(frames), format="extxyz")
    write_atomic(path, text.getvalue())
