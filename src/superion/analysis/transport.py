"""Ionic transport from a trajectory: diffusion coefficient, conductivity, Haven ratio, their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
from ase import units
from ase.data import atomic_numbers, chemical_symbols

from superion.analysis.diffusion import (
    FEWEST_HOPS,
    LEAST_MODES,
    DiffusionEstimate,
    diffusion_coefficient,
    walk_coefficient,
)
from superion.analysis.displacement import (
    check_cells,
    check_positions,
    collective,
    mean_squared_displacement,
    remove_drift,
    smallest_height,
)
from superion.analysis.modes import FEWEST_MODES, modes_below
from superion.analysis.transport_status import (
    CM2_PER_S,
    VALUED,
    Status,
    allow_for_scatter,
    contradiction,
    judge,
    moving_framework,
    notes_of,
)
from superion.errors import InputError, suggest
from superion.structures.oxidation import OXIDATION, STATES

Array = np.ndarray
Interval = tuple[float, float]
Reference = Literal["system", "framework", "none"]

WIDEST_COLLECTIVE = 0.6  # largest relative standard error at which a collective result is given


USUAL = frozenset(symbol for symbol, states in STATES.items() if states == (1.0,))
"""Ions whose charge needs no word."""


@dataclass(frozen=True, slots=True)
class TransportResult:
    """Transport of one species, with 95 % intervals.

    status is what to go by; `reason` says why it is that, `notes` say what else a reader must know:

    - "converged": values with intervals.
    - "upper bound only": the ions did not move enough, or not far enough to tell a walk from a cage.
    - "not diffusive": they moved much, but in cages; or the two halves of the run contradict each other.
    - "melt": values as for "converged", but other species diffuse, too: `framework` names them.

    In the second and third every value and interval is None, and `diffusion_bound` and
    `conductivity_bound` hold 95 % upper bounds.

    species, charge (formal, e), temperature (K). length, discarded, timestep: ps. frames, ions: counts.
    volume: Å³, mean. diffusion*: cm²/s; the tensor is 3 x 3, a value without interval. conductivity*:
    mS/cm, Nernst-Einstein (independent ions). collective_conductivity*: mS/cm, Einstein-Helfand (with
    the correlation of the ions), of ions seen from the framework whatever `reference` is; haven_ratio*
    is Nernst-Einstein over collective; both None with `collective_reason`. hops: effective hops of all
    ions, MSD(length) N / hop_length² (Å); independent_hops: less what ions did together. slope: log-log
    slope of the mean squared displacement over the lags `slope_lags` (ps), 1 in the diffusive regime.
    modes: how many slow modes were used. diffusive_from: ps, motion slower than this is diffusive; None where
    none is. misfit: deviance by which cages fit the spectrum better than a line (see `diffusion`).
    cage_plateau: Å², of the mean squared displacement within cages, vibrations included. cage_relaxation: ps,
    None where no cage is seen. framework: cm²/s, by symbol, of other species that diffuse. replicas: how
    many independent runs; ions counts those of one. replica_diffusion: cm²/s, best estimates of each run
    alone.
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
    status: Status
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
    diffusive_from: float | None
    misfit: float
    cage_plateau: float
    cage_relaxation: float | None
    framework: dict[str, float]
    replicas: int
    replica_diffusion: tuple[float, ...]
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
        usual oxidation state (`oxidation.OXIDATION`). discard: ps
        left out at the start. hop_length: Å between neighbouring sites; it decides what counts as a hop,
        MSD N / hop_length² (He, Zhu, Epstein, Mo, npj Comput. Mater. 4, 18, 2018), and what is slow
    (see `diffusion`). diffusive_from: ps, use only motion slower than this. reference: what stands still:
        the centre of mass of the "system", of the "framework" (all other species), or "none". unwrapped: the
        positions are known to be; otherwise jumps of half a cell, which ions make when frames are far apart
        and the cell is small, are refused. replicas: the atoms are those of so many independent runs of one
    crystal, one run after the other; the interval is widened where the runs differ more than they may.

        Raises InputError for shapes that disagree, values not finite, uneven times, wrapped positions, a
        species without a usual charge, and fewer than 100 frames after `discard`.
    """
    positions = check_positions(positions)
    cells = check_cells(cells, len(positions))
    numbers = np.asarray(numbers)
    mobile = _mobile(numbers, positions.shape[1], species)
    timestep = _timestep(times, len(positions))
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
    parts = _parts(positions, numbers, replicas)
    still = np.concatenate(
        [_at_rest(positions[:, p], masses[p], mobile[p], reference) for p in parts], axis=1
    )
    paths = still[:, mobile]
    if not unwrapped:
        _refuse_wrapped(paths, cells, np.flatnonzero(mobile))

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
        notes=(*notes, *(notes_of(found, slope) + scatter if valued else ())),
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
    known = replace(
        nothing,
        diffusion=CM2_PER_S * found.value,
        diffusion_interval=_times(CM2_PER_S, found.interval),
        diffusion_bound=None,
        diffusion_tensor=tuple(map(tuple, (CM2_PER_S * found.tensor).tolist())),
        conductivity=to_conductivity * found.value,
        conductivity_interval=_times(to_conductivity, found.interval),
        conductivity_bound=None,
    )
    if mobile.all():
        return replace(
            known,
            collective_conductivity=0.0,
            collective_interval=(0.0, 0.0),
            collective_reason="all atoms carry the same charge: their current is their momentum, which is "
            "conserved.",
        )
    current = np.concatenate([_current(still[:, p], masses[p], mobile[p]) for p in parts], axis=1)
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
        return replace(
            known,
            collective_reason="the collective displacement is one path, and the run is too short for it: "
            f"{modes} of its modes are slower than the cages, {LEAST_MODES} are needed.",
        )
    together = walk_coefficient(current, timestep, hop_length=known.hop_length, modes=modes)
    if not together.variance <= WIDEST_COLLECTIVE**2:
        return replace(
            known,
            collective_reason=f"the collective displacement is one path, and after {known.length:.3g} ps its "
            f"diffusion coefficient is not known to {100 * WIDEST_COLLECTIVE:.0f} %.",
        )
    haven = found.value / together.value
    spread = float(np.exp(1.96 * np.sqrt(found.variance + together.variance)))
    return replace(
        known,
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


def _parts(positions: Array, numbers: Array, replicas: int) -> list[slice]:
    """Atoms of each of so many independent runs; InputError where they are not of the same atoms."""
    if replicas == 1:
        return [slice(None)]
    count, rest = divmod(positions.shape[1], replicas) if replicas > 0 else (0, 1)
    if rest or not (numbers.reshape(replicas, count) == numbers[:count]).all():
        raise InputError(f"{positions.shape[1]} atoms are not {replicas} times the same.")
    return [slice(k * count, (k + 1) * count) for k in range(replicas)]


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


def _times(factor: float, interval: Interval) -> Interval:
    return factor * interval[0], factor * interval[1]
