"""What a run came to, and whether it was the run that was asked for."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from ase.cell import Cell
from pydantic import Field

from superion.errors import InputError
from superion.results import Count, Finite, ResultFile, Size, write_result
from superion.simulation.fixed import degrees_of_freedom
from superion.simulation.recorder import SOMETIMES
from superion.simulation.settings import MDSettings
from superion.simulation.temperature import Temperature, judge_temperature, too_far
from superion.simulation.trajectory import Trajectory
from superion.simulation.trust import Sigmas, doubts

Array = np.ndarray
SUMMARY = "summary.json"
_TIMES = ("folder", "resumed_at", "seconds", "ns_per_day")


class RunSummary(ResultFile):
    """`summary.json`: what a run came to (see `MDResult`), wherever and however fast it was computed."""

    writer: ClassVar[str] = "`superion md`"
    remedy: ClassVar[str] = "run the same command again: the frames that are there are kept."

    kind: Literal["md"] = "md"
    steps: Count | None = Field(None, description="steps of production, count")
    frames: Count | None = Field(None, description="frames of production, count")
    temperature: Temperature | None = None
    drift: Finite | None = Field(None, description="slope of the conserved quantity, eV/atom/ps")
    pressure: Finite | None = Field(None, description="mean, GPa")
    pressure_std: Size | None = Field(None, description="standard deviation over the frames, GPa")
    volume: Size | None = Field(None, description="mean, Å³")
    volume_std: Size | None = Field(None, description="standard deviation over the frames, Å³")
    cell: tuple[Finite, ...] | None = Field(None, description="mean lengths, Å, and angles, degrees")
    force_deviation: Size | None = Field(None, description="largest predicted standard deviation, eV/Å")
    energy_deviation: Size | None = Field(None, description="largest predicted standard deviation, eV")
    warnings: tuple[str, ...]


class RunReport(RunSummary):
    """What `superion md` says of a run: its summary, and where and how fast it was computed."""

    writer: ClassVar[str] = "`superion md --json`"
    remedy: ClassVar[str] = "summary.json in the folder of the run holds the same."

    kind: Literal["md-result"] = "md-result"  # type: ignore[assignment]
    folder: str
    resumed_at: Count | None = Field(None, description="step at which the run was taken up, count")
    seconds: Size = Field(description="wall-clock time of this call, s")
    ns_per_day: Size = Field(description="simulated time in a day, ns")


@dataclass(frozen=True, slots=True)
class MDResult:
    """Summary of a finished run.

    steps, frames: of production. temperature: see `Temperature`.
    drift: slope of the conserved quantity in eV per atom and ps, None with fewer than 3 frames and in ramps.
    pressure, pressure_std: GPa, of atoms and their motion, None where no stress is known. volume, volume_std:
    Å³, None without three lattice vectors; cell: mean lengths (Å) and angles (degrees).
    force_deviation, energy_deviation: largest predicted standard deviations that were seen, eV/Å and eV.
    warnings: what speaks against the run. resumed_at: step at which this call took the run up, None if it
    started it. seconds, ns_per_day: wall-clock time and speed of this call.
    """

    folder: Path
    steps: int
    frames: int
    temperature: Temperature
    drift: float | None
    pressure: float | None
    pressure_std: float | None
    volume: float | None
    volume_std: float | None
    cell: tuple[float, ...] | None
    force_deviation: float | None
    energy_deviation: float | None
    warnings: tuple[str, ...]
    resumed_at: int | None
    seconds: float
    ns_per_day: float

    @property
    def mean_temperature(self) -> float:
        """K."""
        return self.temperature.mean

    @property
    def std_temperature(self) -> float:
        """K, over the frames."""
        return self.temperature.std

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {**asdict(self), "folder": str(self.folder), "warnings": list(self.warnings)}

    def report(self) -> RunReport:
        """All of it, to be written."""
        own = {name: getattr(self, name) for name in self.__slots__}
        return RunReport(**own | {"folder": str(self.folder)})

    def write(self) -> None:
        """Write `facts` to `summary.json` in the folder of the run."""
        write_result(self.folder / SUMMARY, self.facts())

    def facts(self) -> RunSummary:
        """All that does not depend on where, and how fast, it was computed."""
        known = {name: getattr(self, name) for name in self.__slots__ if name not in _TIMES}
        return RunSummary(**known)


def summarise(
    folder: Path,
    series: dict[str, Array],
    settings: MDSettings,
    *,
    atoms: int,
    fixed: int = 0,
    sigmas: Sigmas | None = None,
    resumed_at: int | None = None,
    seconds: float = 0.0,
    ns_per_day: float = 0.0,
) -> MDResult:
    """What the run in `folder` came to; series: as `Recorder.series` gives them."""
    steps = series["step"]
    temperature = judge_temperature(series["temperature"], steps, settings, degrees_of_freedom(atoms, fixed))
    drift = None
    if len(steps) > 2 and settings.ramp_to is None:
        time = steps * settings.timestep * 1e-3
        drift = float(np.polyfit(time - time.mean(), series["conserved"], 1)[0]) / atoms
    pressure = series["pressure"][np.isfinite(series["pressure"])]
    volume = np.abs(np.linalg.det(series["cell"]))
    known = len(volume) > 0 and volume.min() > 0
    warnings = doubts(series["energy_deviation"], series["force_deviation"], atoms, sigmas)
    if temperature.status == "off":
        warnings.insert(0, too_far(temperature, settings))
    return MDResult(
        folder=folder,
        steps=settings.steps,
        frames=len(steps),
        temperature=temperature,
        drift=drift,
        pressure=float(pressure.mean()) if len(pressure) else None,
        pressure_std=float(pressure.std()) if len(pressure) else None,
        volume=float(volume.mean()) if known else None,
        volume_std=float(volume.std()) if known else None,
        cell=tuple(Cell(series["cell"].mean(axis=0)).cellpar().tolist()) if known else None,
        force_deviation=_largest(series["force_deviation"]),
        energy_deviation=_largest(series["energy_deviation"]),
        warnings=tuple(warnings),
        resumed_at=resumed_at,
        seconds=seconds,
        ns_per_day=ns_per_day,
    )


def summary_of(trajectory: Trajectory, folder: str | Path = "") -> MDResult:
    """The summary of a run from its trajectory: of any version, also while it is going on.

    What the fit took for errors of labels is not known here, and no deviation is compared with it. Raises
    InputError for a trajectory of another program, and pydantic's ValidationError for one that does not tell
    all its settings.
    """
    if trajectory.temperature is None or trajectory.conserved is None:
        raise InputError(
            "a summary needs the temperatures and the conserved quantity of a run.",
            file=trajectory.source or None,
            remedy="give a folder of `superion md`: files of other programs do not tell how they were run.",
        )
    unknown = np.full(len(trajectory), np.nan)
    found = {name: getattr(trajectory, name) for name in SOMETIMES}
    series = {
        "step": trajectory.steps,
        "temperature": trajectory.temperature,
        "conserved": trajectory.conserved,
        "cell": trajectory.cells,
    } | {name: unknown if values is None else values for name, values in found.items()}
    return summarise(
        Path(folder),
        series,
        MDSettings.model_validate(trajectory.meta["settings"]),
        atoms=len(trajectory.numbers),
        fixed=len(trajectory.meta.get("fixed", ())),
    )


def _largest(values: Array) -> float | None:
    seen = values[np.isfinite(values)]
    return float(seen.max()) if len(seen) else None
