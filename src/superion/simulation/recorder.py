"""Collects frames, writes them chunk by chunk, and finds where a run can go on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from ase import units

from superion.errors import CorruptFileError
from superion.simulation.chunks import chunk_path, count_chunks, first_step, read_chunk, write_chunk
from superion.simulation.fixed import degrees_of_freedom
from superion.simulation.integrators import Integrator, twice_kinetic
from superion.simulation.settings import MDSettings
from superion.simulation.state import Packed, State, pack

Array = np.ndarray

SOMETIMES = ("pressure", "energy_deviation", "force_deviation")
"""Series that not every run has, in GPa, eV and eV/Å; NaN where they are not known."""
_SERIES = ("step", "temperature", "conserved", "cell", *SOMETIMES)


class Recorder:
    """The growing trajectory of one run.

    state: the state after the last frame on disk, None before the first. digest: that of `meta.json`.
    fixed: number of atoms that do not move. stress: whether states have one. check: raises if
    the folder is not where it was.
    """

    def __init__(
        self,
        folder: Path,
        digest: str,
        settings: MDSettings,
        masses: Array,
        integrator: Integrator,
        *,
        fixed: int = 0,
        stress: bool = False,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self.state: State | None = None
        self._folder, self._digest, self._index = folder, digest, 0
        self._settings, self._masses, self._integrator = settings, masses, integrator
        self._per_kelvin = degrees_of_freedom(len(masses), fixed) * units.kB
        self._stress, self._check = stress, check
        self._shown: dict[str, Any] = {}
        self._frames: list[dict[str, Array]] = []
        self._last: Packed | None = None
        self._series: list[dict[str, Array]] = []
        self._end: int | None = None

    def follow(self) -> bool:
        """Take over the good chunks on disk that continue this run; True if there were any.

        A damaged chunk is redone up to where the next one starts. If it comes out as it was, bit
        for bit, the next one still continues it and is taken over too.
        """
        found = False
        while chunk_path(self._folder, self._index).exists():
            try:
                chunk = read_chunk(self._folder, self._index, self._digest)
            except CorruptFileError:
                break
            self._advance(chunk.frames, chunk.digest)
            self.state, found = chunk.state, True
        following = first_step(self._folder, self._index + 1)
        self._end = None if following is None else following - self._settings.sample_every
        return found

    def add(self, state: State, deviation: tuple[float, float] | None = None) -> bool:
        """Add a frame; True if the chunk is now full and should be flushed.

        deviation: eV and eV/Å, predicted standard deviations of energy and of a force; None without.
        """
        kinetic = twice_kinetic(state, self._masses)
        frame: dict[str, Any] = {
            "step": np.int64(state.step),
            "positions": state.positions.copy(),
            "cell": state.cell.copy(),
            "potential_energy": np.float64(state.energy),
            "kinetic_energy": np.float64(0.5 * kinetic),
            "temperature": np.float64(kinetic / self._per_kelvin),
            "conserved": np.float64(self._integrator.conserved(state)),
        }
        if self._stress:
            tension = float(state.stress[:3].sum())
            frame["pressure"] = np.float64((kinetic / state.volume - tension) / 3 / units.GPa)
        if deviation is not None:
            frame |= {name: np.float64(x) for name, x in zip(SOMETIMES[1:], deviation, strict=True)}
        for name in self._settings.record:
            if name == "velocities":
                frame[name] = state.momenta / self._masses * units.fs
            else:
                frame[name] = state.stress.copy() if name == "stress" else state.extra[name]
        if self._settings.electric is not None:
            frame["tracked_dipole"] = state.dipole.copy()
            frame["electric_field"] = self._settings.electric.field_at(state.dipole, state.volume)
        frames, packed = [*self._frames, frame], pack(state)
        self._frames, self._shown, self._last = frames, frame, packed  # no signal comes in between
        every, origin = self._settings.sample_every, self._settings.equilibrate
        full = ((state.step + origin) // every + 1) % self._settings.chunk_frames == 0
        return full or state.step in (self._settings.steps, self._end)

    def latest(self) -> dict[str, float]:
        """Temperature (K), pressure (GPa) and volume (Å³) of the last frame, as far as they are known."""
        found: dict[str, float] = {}
        for name in ("temperature", "pressure"):
            if name in self._shown:
                found[name] = float(self._shown[name])
        if "cell" in self._shown and self._shown["cell"].any():
            found["volume"] = abs(float(np.linalg.det(self._shown["cell"])))
        return found

    def flush(self) -> None:
        """Write the frames since the last flush, if any, as one chunk."""
        if self._last is None:
            return
        frames = {name: np.stack([frame[name] for frame in self._frames]) for name in self._frames[0]}
        self._check()
        digest = write_chunk(self._folder, self._index, self._digest, frames, self._last)
        self._advance(frames, digest, done=True)

    def drop_stale(self) -> None:
        """Delete chunks beyond the end of the run, left by a version of it that was redone differently."""
        for index in range(self._index, count_chunks(self._folder)):
            chunk_path(self._folder, index).unlink(missing_ok=True)

    def series(self) -> dict[str, Array]:
        """Step, temperature (K), conserved quantity (eV) and cell of all production frames on disk.

        And those of `SOMETIMES`, NaN in frames that lack them.
        """
        joined = {name: np.concatenate([_column(part, name) for part in self._series]) for name in _SERIES}
        production = joined["step"] >= 0
        return {name: values[production] for name, values in joined.items()}

    def _advance(self, frames: dict[str, Array], digest: str, *, done: bool = False) -> None:
        """Go on behind a chunk, all or nothing if a signal comes; done: it holds all frames there are."""
        series = [*self._series, {name: frames[name] for name in _SERIES if name in frames}]
        if done:
            self._series, self._index, self._digest, self._frames, self._last, self._end = (
                series, self._index + 1, digest, [], None, None,
            )  # fmt: skip
        else:
            self._series, self._index, self._digest = series, self._index + 1, digest


def _column(frames: dict[str, Array], name: str) -> Array:
    return frames[name] if name in frames else np.full(len(frames["step"]), np.nan)
