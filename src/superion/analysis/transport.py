"""Ionic transport from a trajectory: diffusion coefficient, conductivity, Haven ratio, their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from ase import units
from ase.data import atomic_numbers, chemical_symbols

from superion.analysis.diffusion import DiffusionEstimate, diffusion_coefficient
from superion.analysis.displacement import (
    check_cells,
    check_positions,
    collective,
    mean_squared_displacement,
    remove_drift,
    smallest_height,
)
from superion.errors import InputError, suggest

Array = np.ndarray
Interval = tuple[float, float]
Reference = Literal["system", "framework", "none"]

CM2_PER_S = 0.1  # of 1 Å²/fs
FEWEST_HOPS = 10.0
WIDEST_COLLECTIVE = 0.6  # largest relative standard error at which a collective result is given


@dataclass(frozen=True, slots=True)
class TransportResult:
    """Transport of one species, with 95 % intervals.

    status is "converged", or "upper bound only" with fewer than ten independent hops: then every
    value and interval is None and `diffusion_bound` and `conductivity_bound` hold 95 % upper bounds.
    `reason` says why; `notes` say what else a reader must know.

    species, charge (formal, e), temperature (K). length, discarded, timestep: ps. frames, ions: counts.
    volume: Å³, mean. diffusion*: cm²/s; the tensor is 3 x 3, a value without interval. conductivity*:
    mS/cm, Nernst-Einstein (independent ions). collective_conductivity*: mS/cm, Einstein-Helfand (with
    the correlation of the ions), of ions seen from the framework whatever `reference` is; haven_ratio*
    is Nernst-Einstein over collective; both None with `collective_reason`. hops: effective hops of all
    ions, MSD(length) N / hop_length² (Å); independent_hops: less what ions did together. slope: log-log
    slope of the mean squared displacement over the lags `slope_lags` (ps), 1 in the diffusive regime.
    modes: how many slow modes were used.
    msd_lags (ps), msd (Å²): a curve to draw, up to half the length.
    """

    species: str
    charge: float
    temperature: float
    reference: str
    length: float
    discarded: float
    timestep: float
    frames: int
    ions: int
    volume: float
    status: Literal["converged", "upper bound only"]
    reason: str
    notes: tuple[str, ...]
    diffusion: float | None
    diffusion_interval: Interval | None
    diffusion_bound: float | None
    diffusion_tensor: tuple[tuple[float, ...], ...] | None
    conductivity: float | None
    conductivity_interval: Interval | None
    conductivity_bound: float | None
    collective_conductivity: float | None
    collective_interval: Interval | None
    haven_ratio: float | None
    haven_interval: Interval | None
    collective_reason: str | None
    hop_length: float
    hops: float
    independent_hops: float
    slope: float | None
    slope_lags: Interval
    modes: int
    msd_lags: tuple[float, ...]
    msd: tuple[float, ...]

    def to_dict(self) -> dict[str, Any]:
        """All fields as JSON-ready values, None where there is no value; tuples become lists in JSON."""
        return asdict(self)


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
    charge: float = 1.0,
    discard: float = 0.0,
    hop_length: float = 3.0,
    reference: Reference = "system",
    unwrapped: bool = False,
) -> TransportResult:
    """Diffusion coefficient and conductivity of one species from one trajectory.

    positions: (F, N, 3) Å, unwrapped (see `displacement.unwrap`). cells: (F, 3, 3) Å. times: (F,) fs,
    evenly spaced. numbers: (N,) atomic numbers. masses: (N,) amu. temperature: K. charge: formal
    charge of the ion in e, not the charge of a model: between two sites an ion carries its formal
    charge, whatever cloud it drags along (Grasselli, Baroni, Nat. Phys. 15, 967, 2019). discard: ps
    left out at the start. hop_length: Å between neighbouring sites; it decides what counts as a hop,
    MSD N / hop_length² (He, Zhu, Epstein, Mo, npj Comput. Mater. 4, 18, 2018), and what is slow
    (see `diffusion`). reference: what stands still: the centre of mass of the "system", of the
    "framework" (all other species), or "none". unwrapped: the positions are known to be; otherwise jumps
    of half a cell, which ions make when frames are far apart and the cell is small, are refused.

    Raises InputError for shapes that disagree, values not finite, uneven times, wrapped positions,
    and fewer than 100 frames after `discard`.
    """
    positions = check_positions(positions)
    cells = check_cells(cells, len(positions))
    numbers = np.asarray(numbers)
    mobile = _mobile(numbers, positions.shape[1], species)
    timestep = _timestep(times, len(positions))
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
    still = _at_rest(positions, masses, mobile, reference)
    paths = still[:, mobile]
    if not unwrapped:
        _refuse_wrapped(paths, cells, np.flatnonzero(mobile))

    frames, ions = paths.shape[:2]
    volume = float(np.abs(np.linalg.det(cells)).mean())
    found = diffusion_coefficient(paths, timestep, hop_length=hop_length)
    msd = mean_squared_displacement(paths)
    slope, slope_lags = _slope(msd, found.modes)
    converged = found.independent_hops >= FEWEST_HOPS
    to_conductivity = nernst_einstein(1.0, ions / volume, temperature, charge)
    lags = np.unique(np.geomspace(1, frames // 2, 60).round().astype(int))
    shared: dict[str, Any] = dict(
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
        status="converged" if converged else "upper bound only",
        reason=f"{found.independent_hops:.1f} independent hops, {FEWEST_HOPS:.0f} are needed for a value.",
        notes=_notes(found, ions, slope) if converged else (),
        hop_length=float(hop_length),
        hops=found.hops,
        independent_hops=found.independent_hops,
        slope=slope,
        slope_lags=(slope_lags[0] * timestep / 1000, slope_lags[1] * timestep / 1000),
        modes=found.modes,
        msd_lags=tuple((lags * timestep / 1000).tolist()),
        msd=tuple(msd[lags].tolist()),
    )
    if not converged:
        return TransportResult(
            **shared,
            diffusion=None,
            diffusion_interval=None,
            diffusion_bound=CM2_PER_S * found.bound,
            diffusion_tensor=None,
            conductivity=None,
            conductivity_interval=None,
            conductivity_bound=to_conductivity * found.bound,
            collective_conductivity=None,
            collective_interval=None,
            haven_ratio=None,
            haven_interval=None,
            collective_reason="too few hops for the diffusion coefficient of single ions.",
        )
    current = _current(still, masses, mobile)
    together = diffusion_coefficient(current, timestep, hop_length=hop_length, modes=found.modes)
    known = together.variance <= WIDEST_COLLECTIVE**2
    haven = found.value / together.value if known else None
    spread = float(np.exp(1.96 * np.sqrt(found.variance + together.variance)))
    return TransportResult(
        **shared,
        diffusion=CM2_PER_S * found.value,
        diffusion_interval=_times(CM2_PER_S, found.interval),
        diffusion_bound=None,
        diffusion_tensor=tuple(map(tuple, (CM2_PER_S * found.tensor).tolist())),
        conductivity=to_conductivity * found.value,
        conductivity_interval=_times(to_conductivity, found.interval),
        conductivity_bound=None,
        collective_conductivity=to_conductivity * together.value if known else None,
        collective_interval=_times(to_conductivity, together.interval) if known else None,
        haven_ratio=haven,
        haven_interval=None if haven is None else (haven / spread, haven * spread),
        collective_reason=None
        if known
        else f"the collective displacement is one path, and after {shared['length']:.3g} ps its diffusion "
        f"coefficient is not known to {100 * WIDEST_COLLECTIVE:.0f} %.",
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
    start = int(np.ceil(1000 * discard / _timestep(times, len(positions)) - 1e-9))
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


def _mobile(numbers: Array, atoms: int, species: str) -> Array:
    """Mask (N,) of the mobile species."""
    if numbers.shape != (atoms,):
        raise InputError(f"numbers must have the shape ({atoms},), found {numbers.shape}.")
    present = sorted({chemical_symbols[int(z)] for z in numbers})
    if species not in present:
        raise InputError(
            f"no atom of species {species!r}; found {', '.join(present)}."
            f"{suggest(species.capitalize(), present)}",
            remedy="name a species of the trajectory.",
        )
    return numbers == atomic_numbers[species]


def _timestep(times: Array, frames: int) -> float:
    """Spacing (fs) of evenly spaced times (F,); InputError naming the first frame that breaks it."""
    times = np.asarray(times, dtype=float)
    if times.shape != (frames,) or not np.isfinite(times).all():
        raise InputError(f"times must be finite, of shape ({frames},), found the shape {times.shape}.")
    if frames < 2:
        raise InputError(f"a path needs at least two frames, found {frames}.", remedy="run longer.")
    steps = np.diff(times)
    step = float(np.median(steps))
    uneven = np.abs(steps - step) > 1e-3 * abs(step)
    if step <= 0 or uneven.any():
        frame = int(uneven.argmax()) + 1
        raise InputError(
            f"times are not evenly spaced: a step of {steps[frame - 1]:g} fs, {step:g} fs elsewhere.",
            frame=frame,
            remedy="write frames at a fixed interval, and drop frames that were written twice.",
        )
    return float((times[-1] - times[0]) / (frames - 1))


def _at_rest(positions: Array, masses: Array, mobile: Array, reference: str) -> Array:
    """Positions (F, N, 3) with the drift of the reference removed."""
    if reference not in ("system", "framework", "none"):
        raise InputError(f"reference must be 'system', 'framework' or 'none', found {reference!r}.")
    if reference == "none":
        return positions
    if mobile.all():
        raise InputError(
            f"all atoms belong to the mobile species, so that the drift of the {reference} cannot be told "
            "from their own motion.",
            remedy="take no reference: --reference none (in Python reference='none').",
        )
    return remove_drift(positions, masses, None if reference == "system" else ~mobile)


def _current(positions: Array, masses: Array, mobile: Array) -> Array:
    """Path (F, 1, 3) of what carries the current: the mobile ions, seen from all other atoms.

    Those hold the opposite charge, which moves when momentum is conserved: ions of the share μ of the mass
    that all move by d about the centre of mass move by d/(1 − μ) through the framework.
    """
    path = collective(positions[:, mobile])
    if not mobile.all():
        others = np.where(mobile, 0.0, np.asarray(masses, dtype=float))
        centre = np.einsum("fna,n->fa", positions, others / others.sum())
        path -= np.sqrt(np.count_nonzero(mobile)) * centre[:, None, :]
    return path


def _refuse_wrapped(paths: Array, cells: Array, atoms: Array) -> None:
    """InputError if an ion jumps by more than half the smallest height of the cell."""
    limit = 0.5 * smallest_height(cells.mean(axis=0))
    step = np.diff(paths, axis=0)
    length = np.einsum("fna,fna->fn", step, step)
    if length.size and length.max() > limit**2:
        frame, ion = np.unravel_index(length.argmax(), length.shape)
        raise InputError(
            f"atom {atoms[ion]} jumps by {np.sqrt(length.max()):.2f} Å, more than half the smallest height "
            f"of the cell ({limit:.2f} Å): the positions look wrapped.",
            frame=int(frame) + 1,
            remedy="pass the positions through `superion.analysis.unwrap` first.",
        )


def _slope(msd: Array, modes: int) -> tuple[float | None, tuple[int, int]]:
    """Log-log slope of the displacement from the fastest mode used to a fifth of the path, in frames."""
    frames = len(msd)
    last = max(4, frames // 5)
    first = min(max(1, round(frames / (np.pi * modes))), last // 4)
    lags = np.unique(np.geomspace(first, last, 20).round().astype(int))
    if not (msd[lags] > 0).all():
        return None, (first, last)
    return float(np.polyfit(np.log(lags), np.log(msd[lags]), 1)[0]), (first, last)


def _notes(found: DiffusionEstimate, ions: int, slope: float | None) -> tuple[str, ...]:
    """What limits a value that has enough hops."""
    notes = []
    if found.hops < 3 * ions:
        notes.append(
            f"{found.hops / ions:.1f} effective hops per ion: hops back and forth that take longer than the "
            "trajectory cannot be seen, and would make the true value smaller."
        )
    if slope is not None and not 0.7 <= slope <= 1.3:
        notes.append(f"the log-log slope of the mean squared displacement is {slope:.2f}, not near 1.")
    return tuple(notes)


def _times(factor: float, interval: Interval) -> Interval:
    return factor * interval[0], factor * interval[1]
