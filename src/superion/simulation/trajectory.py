"""Reading what a run has written."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from ase import Atoms, units
from ase.constraints import FixAtoms
from ase.data import atomic_numbers, chemical_symbols
from ase.io import write
from pydantic import ValidationError

from superion.errors import InputError, naming
from superion.files import write_atomic
from superion.simulation.chunks import FORMAT, META, count_chunks, meta_digest, read_chunk, read_meta
from superion.simulation.fixed import degrees_of_freedom
from superion.simulation.settings import MDSettings
from superion.simulation.temperature import judge_temperature
from superion.structures.bare import state
from superion.structures.paths import Unwrapper

Array = np.ndarray
Source = str | Path


_SHARED = ("numbers", "masses", "pbc", "meta", "source", "wrapped")
"""Fields that are the same for all frames."""


@dataclass(frozen=True, slots=True, repr=False)
class Trajectory:
    """F frames of N atoms, of a run or of a file of another program (`Trajectory.open`).

    numbers: (N,) atomic numbers. masses: (N,) amu. pbc: (3,) bool. steps: (F,) and times: (F,) fs,
    zero at the start of production; NaN where nobody knows them. positions: (F, N, 3) Å, unwrapped unless
    `wrapped`: an atom that leaves the cell is never moved back. cells: (F, 3, 3) Å.
    meta: settings, versions and the provenance that the caller of the run gave; of a foreign file what it
    says and what was said of it. source: folder or file.
    Of a run, and of a file that has them, else None: potential_energy, kinetic_energy: (F,) eV. temperature:
    (F,) K, from 3N − 3 degrees of freedom, 3 for each atom that moves where some are fixed. conserved: (F,)
    eV, what exact dynamics keeps constant. pressure: (F,) GPa, of atoms and their motion, None where no
    stress is known. force_deviation (F,) eV/Å and energy_deviation (F,) eV: predicted standard deviations,
    NaN where nobody looked, None without.
    Only if recorded, else None: velocities (F, N, 3) Å/fs, stress (F, 6) eV/Å³ without the ideal-gas part,
    charges (F, N) e, dipole (F, 3) e·Å of the positions as they are, which may jump for charges that change.
    Only with electric settings, else None: tracked_dipole (F, 3) e·Å, electric_field (F, 3) V/Å.
    """

    numbers: Array
    masses: Array
    pbc: Array
    steps: Array
    times: Array
    positions: Array
    cells: Array
    meta: dict[str, Any]
    potential_energy: Array | None = None
    kinetic_energy: Array | None = None
    temperature: Array | None = None
    conserved: Array | None = None
    pressure: Array | None = None
    force_deviation: Array | None = None
    energy_deviation: Array | None = None
    velocities: Array | None = None
    stress: Array | None = None
    charges: Array | None = None
    dipole: Array | None = None
    tracked_dipole: Array | None = None
    electric_field: Array | None = None
    source: str = ""
    wrapped: bool = False
    opener: ClassVar[Callable[..., Trajectory]]
    """What `open` calls: `open_trajectory`, which is defined above this class and registers itself."""

    @classmethod
    def open(cls, path: Source | Sequence[Source], **said: Any) -> Trajectory:
        """A run, or a trajectory of another program: see `open_trajectory`, also for what `said` may be.

        >>> Trajectory.open("XDATCAR.gz", timestep=100, temperature=500)  # doctest: +SKIP
        <Trajectory XDATCAR.gz: 140 frames of Cl32 Li192 P32 S160, 100 fs apart, 500 K>
        """
        return cls.opener(path, **said)

    def __len__(self) -> int:
        return len(self.steps)

    def __repr__(self) -> str:
        counts = [(symbol, int((self.numbers == atomic_numbers[symbol]).sum())) for symbol in self.species]
        parts = [f"{len(self)} frames of {' '.join(f'{symbol}{count}' for symbol, count in counts)}"]
        if len(self) > 1 and np.isfinite(self.times).all():
            parts.append(f"{self.timestep:.6g} fs apart")
        try:
            parts.append(f"{self.kelvin:.4g} K")
        except InputError:
            parts.append("temperature not known")
        return f"<Trajectory {self.source}: {', '.join(parts)}>"

    @property
    def species(self) -> tuple[str, ...]:
        """Symbols of its elements, in alphabetical order."""
        return tuple(sorted({chemical_symbols[number] for number in self.numbers.tolist()}))

    @property
    def foreign(self) -> bool:
        """Whether it is of a file of another program, which does not tell all settings of its run."""
        return "format" in self.meta and self.meta["format"] != FORMAT

    @property
    def timestep(self) -> float:
        """Time from frame to frame in fs; InputError with fewer than two frames, or where nobody knows it."""
        if len(self) < 2:
            raise InputError("one frame is no path.", file=self.source or None, remedy="run longer.")
        if not np.isfinite(self.times).all():
            raise InputError(
                "the time between frames is not known.",
                file=self.source or None,
                remedy="say it: --timestep FS (in Python timestep=…).",
            )
        return float(self.times[1] - self.times[0])

    @property
    def kelvin(self) -> float:
        """Temperature (K) at which it is to be analysed: that of its thermostat, or its mean.

        The mean where there is no thermostat (nve), and where it is not what the thermostat was set to.
        InputError for a ramp, which has none. Of a foreign file it is what was given, or what the file says.
        """
        recorded = self.meta.get("settings", {})
        if self.foreign or self.temperature is None:
            if recorded.get("temperature") is None:
                raise InputError(
                    "the temperature of the trajectory is not known.",
                    file=self.source or None,
                    remedy="say it: --temperature K (in Python temperature=…).",
                )
            return float(recorded["temperature"])
        mean = float(self.temperature.mean())
        if recorded.get("ramp_to") is not None:
            raise InputError(
                f"the temperature of the run was changed from {recorded['temperature']:g} to "
                f"{recorded['ramp_to']:g} K: averages over it are of no temperature.",
                remedy="analyse runs at constant temperature, without --ramp-to.",
            )
        if recorded["ensemble"] == "nve":
            return mean
        try:
            settings = MDSettings.model_validate(recorded)
        except ValidationError:  # a trajectory that does not tell all settings of its run
            return float(recorded["temperature"])
        degrees = degrees_of_freedom(len(self.numbers), len(self.meta.get("fixed", ())))
        missed = judge_temperature(self.temperature, self.steps, settings, degrees).status == "off"
        return mean if missed else float(recorded["temperature"])

    def part(self, frames: slice) -> Trajectory:
        """Some of its frames, as views of the same arrays."""
        cut = {
            field.name: value[frames]
            for field in fields(self)
            if field.name not in _SHARED and (value := getattr(self, field.name)) is not None
        }
        return replace(self, **cut)

    def after(self, ps: float) -> Trajectory:
        """The frames later than so many ps after the first; InputError if there is none."""
        if not ps >= 0:
            raise InputError(f"discard must be zero or a positive number of ps, found {ps}.")
        if ps == 0:
            return self
        late = np.flatnonzero(self.times >= self.times[0] + 1000 * ps - 1e-6)
        if not len(late):
            raise InputError(
                f"discard = {ps} ps leaves no frame.",
                file=self.source or None,
                remedy="discard less, or run longer.",
            )
        return self.part(slice(int(late[0]), None))

    def every(self, n: int) -> Trajectory:
        """Each n-th frame."""
        if n < 1:
            raise InputError(f"every must be at least 1, found {n}.")
        return self.part(slice(None, None, n))

    def unwrapped(self) -> Trajectory:
        """The same with continuous paths: the nearest image of each step, at any pressure.

        Raises InputError, naming the frame, where an atom moves about half the cell from frame to frame, so
        that its image is ambiguous (`structures.paths.Unwrapper`).
        """
        if not self.wrapped:
            return self
        follow, paths = Unwrapper(), np.empty_like(self.positions)
        for k in range(len(self)):
            with naming(k):
                paths[k] = follow(self.positions[k], self.cells[k], self.pbc)
        return replace(self, positions=paths, wrapped=False)


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
    parts: list[dict[str, Any]] = []
    for index in range(count_chunks(folder)):
        chunk = read_chunk(folder, index, digest)
        digest = chunk.digest
        wanted = slice(None) if equilibration else chunk.frames["step"] >= 0
        parts.append({name: values[wanted] for name, values in chunk.frames.items()})
    if not parts:
        raise InputError("the run has not written a frame yet.", file=folder, remedy="wait, or resume it.")
    shared = [name for name in parts[0] if all(name in part for part in parts)]
    frames: dict[str, Any] = {name: np.concatenate([part.pop(name) for part in parts]) for name in shared}
    steps = frames.pop("step")
    return Trajectory(
        numbers=np.array(meta["numbers"], dtype=np.int64),
        masses=np.array(meta["masses"]),
        pbc=np.array(meta["pbc"], dtype=bool),
        steps=steps,
        times=steps * float(meta["settings"]["timestep"]),
        cells=frames.pop("cell"),
        meta=meta,
        source=str(folder),
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
    count = len(trajectory)
    return list(each_atoms(trajectory, range(count - 1, count) if last else range(0, count, every)))


def each_atoms(trajectory: Trajectory, frames: Sequence[int]) -> Iterator[Atoms]:
    """The chosen frames, as `to_ase` gives them, one after another."""
    for k in frames:
        atoms = Atoms(
            numbers=trajectory.numbers,
            positions=trajectory.positions[k],
            cell=trajectory.cells[k],
            pbc=trajectory.pbc,
            masses=trajectory.masses,
        )
        if trajectory.velocities is not None:
            atoms.set_velocities(trajectory.velocities[k] / units.fs)
        known = {
            "time": trajectory.times,
            "potential_energy": trajectory.potential_energy,
            "kinetic_energy": trajectory.kinetic_energy,
        }
        atoms.info = {"step": int(trajectory.steps[k])} | {
            name: float(values[k])
            for name, values in known.items()
            if values is not None and np.isfinite(values[k])
        }
        state(atoms, trajectory.meta.get("stated", {}))
        if trajectory.meta.get("fixed"):
            atoms.set_constraint(FixAtoms(trajectory.meta["fixed"]))
        yield atoms


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
