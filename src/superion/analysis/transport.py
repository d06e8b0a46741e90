"""Ionic transport from a trajectory: diffusion coefficient, conductivity, Haven ratio, their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from ase import units

from superion.analysis.diffusion import (
    FEWEST_HOPS,
    LEAST_MODES,
    DiffusionEstimate,
    diffusion_coefficient,
    walk_coefficient,
)
from superion.analysis.displacement import mean_squared_displacement
from superion.analysis.modes import FEWEST_MODES, modes_below
from superion.analysis.transport_paths import (
    Reference,
    current_path,
    even_timestep,
    mobile_atoms,
    parts_of,
    refuse_wrapped,
    without_drift,
)
from superion.analysis.transport_result import Interval, TransportResult
from superion.analysis.transport_status import (
    CM2_PER_S,
    VALUED,
    allow_for_scatter,
    contradiction,
    judge,
    moving_framework,
    notes_of,
    restless_framework,
)
from superion.errors import InputError
from superion.structures.oxidation import OXIDATION, STATES
from superion.structures.paths import check_cells, check_positions

Array = np.ndarray
WIDEST_COLLECTIVE = 0.6  # largest relative standard error at which a collective result is given
USUAL = frozenset(symbol for symbol, states in STATES.items() if states == (1.0,))
"""Ions whose charge needs no word."""


def nernst_einstein(diffusion: float, density: float, temperature: float, charge: float = 1.0) -> float:
    """Conductivity σ = n q² D / (k_B T) in mS/cm of ions that move independently.

    diffusion: Å²/fs. density: ions per Å³. temperature: K. charge: formal charge, e. The collective
    (Einstein-Helfand) conductivity is the same formula with the collective diffusion coefficient.
    """
    # Å²/fs = 1e-5 m²/s, Å⁻³ = 1e30 m⁻³, S/m = 10 mS/cm
    return 1e26 * density * (charge * units._e) ** 2 * diffusion / (units._k * temperature)


def transport(
    positions: Array,
    cells: Array,
    times: Array,
    numbers: Array,
    masses: Array,
    *,
    species: str = "Li",
    temperature: float,
    charge: float | None = None,
    discard: float = 0.0,
    hop_length: float = 3.0,
    diffusive_from: float | None = None,
    reference: Reference = "system",
    unwrapped: bool = False,
    replicas: int = 1,
) -> TransportResult:
    """Diffusion coefficient and conductivity of one species from one trajectory.

    positions: (F, N, 3) Å, unwrapped (see `displacement.unwrap`). cells: (F, 3, 3) Å. times: (F,) fs,
    evenly spaced. numbers: (N,) atomic numbers. masses: (N,) amu. temperature: K. charge: formal
    charge of the ion in e, not the charge of a model: between two sites an ion carries its formal
    charge, whatever cloud it drags along (Grasselli, Baroni, Nat. Phys. 15, 967, 2019); by default the
    usual oxidation state (`oxidation.OXIDATION`). discard: ps left out at the start. hop_length: Å between
    neighbouring sites; it decides what counts as a hop, MSD N / hop_length² (He, Zhu, Epstein, Mo, npj
    Comput. Mater. 4, 18, 2018), and what is slow (see `diffusion`). diffusive_from: ps, use only motion
    slower than this. reference: what stands still: the centre of mass of the "system", of the "framework"
    (all other species), or "none". unwrapped: the positions are known to be; otherwise jumps of half a cell,
    which ions make when frames are far apart and the cell is small, are refused. replicas: the atoms are
    those of so many independent runs of one crystal, one run after the other; the interval is widened where
    the runs differ more than they may.

    Raises InputError for shapes that disagree, values not finite, uneven times, wrapped positions, a
    species without a usual charge, and fewer than 100 frames after `discard`.
    """
    positions = check_positions(positions)
    cells = check_cells(cells, len(positions))
    numbers = np.asarray(numbers)
    mobile = mobile_atoms(numbers, positions.shape[1], species)
    timestep = even_timestep(times, len(positions))
    notes = [] if charge is not None or species in USUAL else [_taken(species)]
    charge = formal_charge(species) if charge is None else charge
    masses = np.asarray(masses, dtype=float)
    if not (np.isfinite(temperature) and temperature > 0 and np.isfinite(charge) and charge != 0):
        raise InputError(
            f"temperature must be positive and charge not zero, found {temperature} K and {charge} e."
        )
    if not (np.isfinite(discard) and discard >= 0):
        raise InputError(f"discard must be zero or a positive number of ps, found {discard}.")
    start = int(np.ceil(1000 * discard / timestep - 1e-9))
    if start >= len(positions):
        raise InputError(
            f"discard = {discard} ps leaves nothing of {len(positions) * timestep / 1000:.3g} ps.",
            remedy="discard less, or run longer.",
        )
    positions, cells = positions[start:], cells[start:]
    parts = parts_of(positions, numbers, replicas)
    still = np.concatenate(
        [without_drift(positions[:, p], masses[p], mobile[p], reference) for p in parts], axis=1
    )
    paths = still[:, mobile]
    if not unwrapped:
        refuse_wrapped(paths, cells, np.flatnonzero(mobile))

    frames, ions = len(paths), paths.shape[1] // replicas
    volume = float(np.abs(np.linalg.det(cells)).mean())
    start_of_regime = None if diffusive_from is None else 1000 * diffusive_from

    def estimate(some: Array) -> DiffusionEstimate:
        return diffusion_coefficient(some, timestep, hop_length=hop_length, diffusive_from=start_of_regime)

    def estimate_others(some: Array) -> DiffusionEstimate:
        line = walk_coefficient(some, timestep, hop_length=hop_length, modes=FEWEST_MODES)
        return line if line.independent_hops < FEWEST_HOPS else estimate(some)

    found = estimate(paths)
    alone = [estimate(still[:, p][:, mobile[p]]) for p in parts] if replicas > 1 else []
    found, scatter = allow_for_scatter(found, alone)
    halves = contradiction(paths, found, estimate) if found.known else None
    moving = moving_framework(positions, masses, numbers, mobile, estimate_others) if found.known else {}
    status, reason = judge(found, ions * replicas, hop_length, halves, moving, scatter)
    valued = status in VALUED
    restless = restless_framework(positions, masses, numbers, mobile, hop_length, moving)
    msd = mean_squared_displacement(paths)
    slope, slope_lags = _slope(msd, found.modes)
    to_conductivity = nernst_einstein(1.0, ions / volume, temperature, charge)
    lags = np.unique(np.geomspace(1, frames // 2, 60).round().astype(int))
    bound = found.bound if halves is None else halves.bound
    nothing = TransportResult(
        species=species,
        charge=float(charge),
        temperature=float(temperature),
        reference=reference,
        length=frames * timestep / 1000,
        discarded=start * timestep / 1000,
        timestep=timestep / 1000,
        frames=frames,
        ions=ions,
        volume=volume,
        status=status,
        reason=reason,
        notes=(*notes, *restless, *(notes_of(found, slope) + scatter if valued else ())),
        diffusion=None,
        diffusion_interval=None,
        diffusion_bound=CM2_PER_S * bound,
        diffusion_tensor=None,
        conductivity=None,
        conductivity_interval=None,
        conductivity_bound=to_conductivity * bound,
        collective_conductivity=None,
        collective_interval=None,
        haven_ratio=None,
        haven_interval=None,
        collective_reason="the diffusion coefficient of single ions is not known.",
        hop_length=float(hop_length),
        hops=found.hops,
        independent_hops=found.independent_hops,
        slope=slope,
        slope_lags=(slope_lags[0] * timestep / 1000, slope_lags[1] * timestep / 1000),
        modes=found.modes,
        diffusive_from=None if found.diffusive_from is None else found.diffusive_from / 1000,
        misfit=found.misfit,
        cage_plateau=found.plateau,
        cage_relaxation=None if found.relaxation is None else found.relaxation / 1000,
        replicas=replicas,
        replica_diffusion=tuple(CM2_PER_S * each.value for each in alone),
        framework={symbol: CM2_PER_S * value for symbol, value in moving.items()},
        msd_lags=tuple((lags * timestep / 1000).tolist()),
        msd=tuple(msd[lags].tolist()),
    )
    if not valued:
        return nothing
    known = nothing.with_values(
        diffusion=CM2_PER_S * found.value,
        diffusion_interval=_times(CM2_PER_S, found.interval),
        diffusion_bound=None,
        diffusion_tensor=tuple(map(tuple, (CM2_PER_S * found.tensor).tolist())),
        conductivity=to_conductivity * found.value,
        conductivity_interval=_times(to_conductivity, found.interval),
        conductivity_bound=None,
    )
    if mobile.all():
        return known.with_values(
            collective_conductivity=0.0,
            collective_interval=(0.0, 0.0),
            collective_reason="all atoms carry the same charge: their current is their momentum, which is "
            "conserved.",
        )
    current = np.concatenate([current_path(still[:, p], masses[p], mobile[p]) for p in parts], axis=1)
    return _with_collective(known, current, found, to_conductivity, timestep)


def formal_charge(species: str) -> float:
    """Usual oxidation state (e) of an element; InputError where there is none."""
    if species not in OXIDATION:
        raise InputError(
            f"the formal charge of {species} is not known.",
            remedy="give it in e: --charge, or charge: in YAML.",
        )
    return OXIDATION[species]


def _taken(species: str) -> str:
    return (
        f"the charge of {species} was taken as {formal_charge(species):+g} e, its usual oxidation state; "
        "--charge (charge: in YAML) sets another."
    )


def _with_collective(
    known: TransportResult, current: Array, found: DiffusionEstimate, to_conductivity: float, timestep: float
) -> TransportResult:
    """The result with the conductivity of the one path of the current, if it is known well enough."""
    modes = found.modes
    if found.caged:
        modes = modes_below(found.modes, 1000 * known.length, found.diffusive_from)
    if modes < LEAST_MODES:
        return known.with_values(
            collective_reason="the collective displacement is one path, and the run is too short for it: "
            f"{modes} of its modes are slower than the cages, {LEAST_MODES} are needed.",
        )
    together = walk_coefficient(current, timestep, hop_length=known.hop_length, modes=modes)
    if not together.variance <= WIDEST_COLLECTIVE**2:
        return known.with_values(
            collective_reason=f"the collective displacement is one path, and after {known.length:.3g} ps its "
            f"diffusion coefficient is not known to {100 * WIDEST_COLLECTIVE:.0f} %.",
        )
    haven = found.value / together.value
    spread = float(np.exp(1.96 * np.sqrt(found.variance + together.variance)))
    return known.with_values(
        collective_conductivity=to_conductivity * together.value,
        collective_interval=_times(to_conductivity, together.interval),
        haven_ratio=haven,
        haven_interval=(haven / spread, haven * spread),
        collective_reason=None,
    )


def conductivity_against_length(
    positions: Array,
    cells: Array,
    times: Array,
    numbers: Array,
    masses: Array,
    *,
    temperature: float,
    fractions: Sequence[float] = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0),
    discard: float = 0.0,
    **options: Any,
) -> list[TransportResult]:
    """:func:`transport` on growing parts of a trajectory, all from the same start.

    fractions: of the trajectory after `discard` (ps), each in (0, 1]. The other arguments are those
    of :func:`transport`. Each result carries its own length, interval and status.
    """
    if not len(fractions) or not all(0 < f <= 1 for f in fractions):
        raise InputError(f"fractions must be in (0, 1], found {list(fractions)}.")
    positions = check_positions(positions)
    cells = check_cells(cells, len(positions))
    times = np.asarray(times, dtype=float)
    start = int(np.ceil(1000 * discard / even_timestep(times, len(positions)) - 1e-9))
    ends = [start + max(1, round(f * (len(positions) - start))) for f in fractions]
    return [
        transport(
            positions[:end],
            cells[:end],
            times[:end],
            numbers,
            masses,
            temperature=temperature,
            discard=discard,
            **options,
        )
        for end in ends
    ]


def _slope(msd: Array, modes: int) -> tuple[float | None, tuple[int, int]]:
    """Log-log slope of the displacement from the fastest mode used to a fifth of the path, in frames."""
    frames = len(msd)
    last = max(4, frames // 5)
    first = min(max(1, round(frames / (np.pi * modes))), last // 4)
    lags = np.unique(np.geomspace(first, last, 20).round().astype(int))
    if not (msd[lags] > 0).all():
        return None, (first, last)
    return float(np.polyfit(np.log(lags), np.log(msd[lags]), 1)[0]), (first, last)


def _times(factor: float, interval: Interval) -> Interval:
    return factor * interval[0], factor * interval[1]
