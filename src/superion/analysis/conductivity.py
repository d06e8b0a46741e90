"""From a trajectory folder to its conductivity, how that depends on length, and the curves of a report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from ase.data import chemical_symbols
from pydantic import ValidationError

from superion.analysis.displacement import mean_squared_displacement, remove_drift
from superion.analysis.pace import pace
from superion.analysis.transport import transport
from superion.analysis.transport_file import Displacements, Thermo, TransportFile
from superion.analysis.transport_result import TransportResult
from superion.analysis.transport_settings import TransportSettings
from superion.errors import InputError
from superion.settings_file import validate
from superion.simulation import MDResult, Trajectory, read_trajectory, summary_of

Array = np.ndarray

FEWEST_FRAMES = 100
"""Prefixes of a trajectory with fewer frames are not analysed."""
PREFIXES = 10
POINTS = 1000
"""Points in a curve against time; longer ones are thinned."""


def analyse(folder: Path, settings: TransportSettings) -> TransportFile:
    """Content of a transport file; InputError if the trajectory is too short.

    result: TransportResult. against_length: the same for growing parts of the trajectory. msd: lag_ps, and
    Å² by species, other species seen from the same frame of reference. thermo: time_ps, temperature_K,
    conserved_eV_per_atom (less its first value). dynamics: what the run came to, with the status of its
    temperature and warnings (`MDResult`).
    """
    trajectory = read_trajectory(folder)
    result, run = conductivity(trajectory, settings), _run(trajectory)
    return TransportFile(
        result=result,
        against_length=_against_length(trajectory, settings),
        msd=_curves(trajectory, settings, result),
        thermo=_thermo(trajectory),
        dynamics=None if run is None else run.facts(),
    )


def transport_of(trajectory: Trajectory | str | Path, **settings: Any) -> TransportResult:
    """Diffusion coefficient and conductivities of one species, as `superion transport` gives them.

    >>> run = superion.Trajectory.open("XDATCAR", timestep=20, temperature=500)  # fs between frames, K
    >>> found = superion.transport(run, species="Li")
    >>> found.status
    'upper bound only'

    trajectory: one, or the folder of a run. settings: keys of `TransportSettings`: species, charge (e),
    discard_ps, hop_length (Å), diffusive_from_ps, reference. Raises InputError, with what to do, for keys
    that do not exist and trajectories that are too short.
    """
    chosen = validate(settings, TransportSettings, remedy="see `superion schema study` under transport.")
    given = trajectory if isinstance(trajectory, Trajectory) else Trajectory.open(trajectory)
    return conductivity(given, chosen)


def conductivity(
    trajectory: Trajectory, settings: TransportSettings, end: int | None = None, replicas: int = 1
) -> TransportResult:
    """Transport of the first `end` frames, at the temperature the thermostat was set to.

    Without thermostat (nve), or where the run missed it, it is the mean temperature of the whole trajectory;
    InputError for a ramp. At constant pressure (npt)
    atoms are followed in the mean cell, for the breathing of the cell is no transport. InputError for a run
    in an electric field, which makes ions drift, or at constant displacement, which holds them back. Notes of
    a foreign trajectory say where its times and its temperature cannot both be true (`analysis.pace`).
    replicas: so many independent runs stand side by side (`runs.beside`).
    """
    if not trajectory.pbc.all():
        raise InputError("transport needs a crystal that is periodic along three axes.")
    recorded = trajectory.meta.get("settings", {})
    electric = recorded.get("electric") or {}
    if any(electric.get("field", ())) or any(d is not None for d in electric.get("displacement", ())):
        raise InputError(
            "the run was in an electric field or at constant displacement: its ions do not just diffuse.",
            remedy="run without, or with the field 0,0,0.",
        )
    trajectory = trajectory.unwrapped()
    paths = _paths(trajectory, end)
    found = transport(
        paths,
        trajectory.cells[:end],
        trajectory.times[:end],
        trajectory.numbers,
        trajectory.masses,
        species=settings.species,
        temperature=trajectory.kelvin,
        charge=settings.charge,
        discard=settings.discard_ps,
        hop_length=settings.hop_length,
        diffusive_from=settings.diffusive_from_ps,
        reference=settings.reference,
        unwrapped=True,
        replicas=replicas,
    )
    if trajectory.foreign:
        doubts = pace(paths, trajectory.masses, trajectory.timestep, found.temperature)
        return found.with_values(notes=(*doubts, *found.notes))
    run = _run(trajectory) if end is None and replicas == 1 else None
    return found if run is None else found.with_values(notes=(*found.notes, *run.warnings))


def _run(trajectory: Trajectory) -> MDResult | None:
    """What the run came to; None of a trajectory that does not tell all settings of its run."""
    if trajectory.foreign:
        return None
    try:
        return summary_of(trajectory)
    except ValidationError:
        return None


def _paths(trajectory: Trajectory, end: int | None = None) -> Array:
    """Positions (F, N, 3) Å; of a cell that changes, in the mean cell (see `displacement.unwrap`)."""
    positions, cells = trajectory.positions[:end], trajectory.cells[:end]
    if not np.ptp(cells, axis=0).any():
        return positions
    return positions @ (np.linalg.inv(cells) @ cells.mean(axis=0))


def _against_length(trajectory: Trajectory, settings: TransportSettings) -> list[TransportResult]:
    start = _first(trajectory, settings)
    ends = [start + round((len(trajectory) - start) * k / PREFIXES) for k in range(1, PREFIXES + 1)]
    return [conductivity(trajectory, settings, end) for end in ends if end - start >= FEWEST_FRAMES]


def _first(trajectory: Trajectory, settings: TransportSettings) -> int:
    return int(np.searchsorted(trajectory.times, trajectory.times[0] + 1000 * settings.discard_ps - 1e-6))


def _curves(trajectory: Trajectory, settings: TransportSettings, result: TransportResult) -> Displacements:
    positions = _paths(trajectory)[_first(trajectory, settings) :]
    mobile = np.array([chemical_symbols[z] == settings.species for z in trajectory.numbers])
    if settings.reference != "none":
        still = None if settings.reference == "system" else ~mobile
        positions = remove_drift(positions, trajectory.masses, still)
    lags = np.rint(np.array(result.msd_lags) / result.timestep).astype(int)
    curves: dict[str, Any] = {}
    for number in sorted(set(trajectory.numbers.tolist())):
        msd = mean_squared_displacement(positions, trajectory.numbers == number)
        curves[chemical_symbols[number]] = msd[lags].tolist()
    return Displacements(lag_ps=list(result.msd_lags), **curves)


def _thermo(trajectory: Trajectory) -> Thermo:
    if trajectory.conserved is None or trajectory.temperature is None:
        raise InputError(
            "the trajectory has no temperatures and no conserved quantity.",
            file=trajectory.source or None,
            remedy="give a folder of `superion md`.",
        )
    every = slice(None, None, -(-len(trajectory) // POINTS))
    conserved = (trajectory.conserved - trajectory.conserved[0]) / len(trajectory.numbers)
    return Thermo(
        time_ps=(trajectory.times[every] / 1000).tolist(),
        temperature_K=trajectory.temperature[every].tolist(),
        conserved_eV_per_atom=conserved[every].tolist(),
    )
