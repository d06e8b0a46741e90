"""One trajectory's results, as the report needs them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from superion.analysis.transport_file import TransportFile
from superion.analysis.transport_result import TransportResult
from superion.analysis.transport_status import VALUED
from superion.errors import InputError
from superion.report.estimates import Estimate
from superion.report.style import look
from superion.results import read_result

Array = np.ndarray


@dataclass(frozen=True, slots=True)
class Run:
    """Transport and thermodynamics of one potential at one temperature.

    kelvin: K, that of the settings. diffusion: cm²/s. sigma (Nernst-Einstein) and collective
    (Einstein-Helfand): mS/cm. growth: length (ps) and conductivity of growing parts of the trajectory.
    lag_ps (L,), msd: (L,) Å² by species. time_ps (T,), temperature (T,) K, conserved (T,) eV/atom.
    status, reason, notes: as `TransportResult` has them.
    """

    potential: str
    kelvin: float
    ion: str
    length_ps: float
    diffusion: Estimate
    sigma: Estimate
    collective: Estimate | None
    haven: Estimate | None
    collective_reason: str | None
    ions: int
    hops: float
    independent_hops: float
    slope: float | None
    status: str
    reason: str
    notes: list[str]
    growth: list[tuple[float, Estimate]]
    lag_ps: Array
    msd: dict[str, Array]
    time_ps: Array
    temperature: Array
    conserved: Array

    @property
    def label(self) -> str:
        """Potential and temperature, as a reader is told them."""
        return f"{look(self.potential).label}, {self.kelvin:g} K"


def read_run(path: Path) -> Run:
    """Read `transport/<potential>-<T>K.json`; CorruptFileError naming its faults."""
    named = re.fullmatch(r"(.+)-(\d.*)K", path.stem)
    if named is None:
        raise InputError(
            "expected a name such as gap-600K.json.",
            file=path,
            remedy="remove the file from the study folder.",
        )
    return _run(named[1], float(named[2]), read_result(path, TransportFile, "transport"))


def _run(potential: str, kelvin: float, found: TransportFile) -> Run:
    result, msd, thermo = found.result, found.msd, found.thermo
    notes = list(result.notes)
    if abs(result.temperature - kelvin) > 0.05:
        notes.append(f"its mean temperature of {result.temperature:.1f} K was used, not {kelvin:g} K.")
    return Run(
        potential=potential,
        kelvin=kelvin,
        ion=result.species,
        length_ps=result.length,
        diffusion=_known_or_bound(result, "diffusion"),
        sigma=_known_or_bound(result, "conductivity"),
        collective=_known(result.collective_conductivity, result.collective_interval),
        haven=_known(result.haven_ratio, result.haven_interval),
        collective_reason=result.collective_reason,
        ions=result.ions,
        hops=result.hops,
        independent_hops=result.independent_hops,
        slope=result.slope,
        status=result.status,
        reason=result.reason,
        notes=notes,
        growth=[(part.length, _known_or_bound(part, "conductivity")) for part in found.against_length or ()],
        lag_ps=np.array(msd.lag_ps if msd else (), dtype=float),
        msd={symbol: np.array(values) for symbol, values in (msd.curves if msd else {}).items()},
        time_ps=np.array(thermo.time_ps if thermo else (), dtype=float),
        temperature=np.array(thermo.temperature_K if thermo else (), dtype=float),
        conserved=np.array(thermo.conserved_eV_per_atom if thermo else (), dtype=float),
    )


def _known_or_bound(result: TransportResult, name: str) -> Estimate:
    """Value with interval, or the bound; what calls itself an upper bound is never taken for a value."""
    valued = result.status in VALUED
    known = _known(getattr(result, name), getattr(result, f"{name}_interval")) if valued else None
    return known or Estimate(None, None, float(getattr(result, f"{name}_bound")))


def _known(value: float | None, interval: tuple[float, float] | None) -> Estimate | None:
    if value is None or interval is None:
        return None
    return Estimate(float(value), float(interval[0]), float(interval[1]))
