"""One trajectory's results, as the report needs them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from superion.analysis.transport_status import VALUED
from superion.errors import InputError
from superion.report.estimates import Estimate
from superion.report.style import look
from superion.results import read_result
from superion.verdict.results import TransportFile

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


def _run(potential: str, kelvin: float, value: dict[str, Any]) -> Run:
    result = value["result"]
    notes = [str(note) for note in result.get("notes") or ()]
    if abs(result["temperature"] - kelvin) > 0.05:
        notes.append(f"its mean temperature of {result['temperature']:.1f} K was used, not {kelvin:g} K.")
    displacement, thermo = dict(value.get("msd") or {}), value.get("thermo") or {}
    return Run(
        potential=potential,
        kelvin=kelvin,
        ion=str(result["species"]),
        length_ps=float(result["length"]),
        diffusion=_known_or_bound(result, "diffusion"),
        sigma=_known_or_bound(result, "conductivity"),
        collective=_known(result.get("collective_conductivity"), result.get("collective_interval")),
        haven=_known(result.get("haven_ratio"), result.get("haven_interval")),
        collective_reason=result.get("collective_reason"),
        ions=int(result["ions"]),
        hops=float(result["hops"]),
        independent_hops=float(result["independent_hops"]),
        slope=result.get("slope"),
        status=str(result["status"]),
        reason=str(result["reason"]),
        notes=notes,
        growth=[
            (float(p["length"]), _known_or_bound(p, "conductivity"))
            for p in value.get("against_length") or ()
        ],
        lag_ps=np.array(displacement.pop("lag_ps", ()), dtype=float),
        msd={symbol: np.array(values, dtype=float) for symbol, values in displacement.items()},
        time_ps=np.array(thermo.get("time_ps", ()), dtype=float),
        temperature=np.array(thermo.get("temperature_K", ()), dtype=float),
        conserved=np.array(thermo.get("conserved_eV_per_atom", ()), dtype=float),
    )


def _known_or_bound(result: dict[str, Any], name: str) -> Estimate:
    """Value with interval, or the bound; what calls itself an upper bound is never taken for a value."""
    known = _known(result[name], result[f"{name}_interval"]) if result["status"] in VALUED else None
    return known or Estimate(None, None, float(result[f"{name}_bound"]))


def _known(value: float | None, interval: tuple[float, float] | None) -> Estimate | None:
    if value is None or interval is None:
        return None
    return Estimate(float(value), float(interval[0]), float(interval[1]))
