"""Sites, stays and hops of one element in a trajectory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import units
from ase.data import atomic_numbers

from superion.analysis.hops.frames import Frames
from superion.analysis.hops.landscape import Profile, profiles
from superion.analysis.hops.network import edges, percolation
from superion.analysis.hops.rates import FEWEST, attempts, correlation, dispersion, rate
from superion.analysis.hops.result import HopsResult, JumpType, SiteKind, Status
from superion.analysis.hops.settings import HopSettings
from superion.analysis.hops.sites import Sites, find_sites, named
from superion.analysis.hops.strings import strings_of
from superion.analysis.hops.visits import Hops, Visits, dwell, hops_of_visits, visits_of
from superion.errors import InputError
from superion.simulation.trajectory import Trajectory

Array = np.ndarray
ALIKE = 0.5
"""Å by which the lengths of hops of one type may differ."""
SPARSE = 0.1
"""Part of stays of one frame above which frames are too far apart."""
LOST = 0.5
"""Part of the time between cores above which sites are not those of the ions."""
OVERLAPPING = 0.6
"""Å; sites that are closer are told apart by chance."""
TO_CM2_S = 1e-4
"""Å²/ps in cm²/s."""


@dataclass(frozen=True, eq=False)
class Found:
    """What `hops` found, and what it is made of, for those who go on with it."""

    result: HopsResult
    frames: Frames
    sites: Sites
    visits: Visits
    hops: Hops


def hops(trajectory: Trajectory, settings: HopSettings | None = None) -> HopsResult:
    """Sites of a mobile element, how long its ions stay and where they hop to, with rates and intervals.

    trajectory: unwrapped, of a cell that may breathe; its time between frames and temperature known. Frames
    are read a block at a time. Raises InputError where there are no such ions, no sites, or less than two
    frames.
    """
    return find_hops(trajectory, settings or HopSettings()).result


def frames_of(trajectory: Trajectory, settings: HopSettings) -> Frames:
    """The trajectory as seen from its framework; InputError without ions of the element."""
    if settings.species not in trajectory.species:
        raise InputError(
            f"there is no {settings.species}; there is {', '.join(trajectory.species)}.",
            file=trajectory.source or None,
            remedy="name the element that hops with --species.",
        )
    run = trajectory.after(settings.discard)
    mobile = run.numbers == atomic_numbers[settings.species]
    fixed = ~mobile
    if settings.framework is not None:
        absent = [symbol for symbol in settings.framework if symbol not in run.species]
        if absent:
            raise InputError(
                f"there is no {', '.join(absent)}; there is {', '.join(run.species)}.",
                file=trajectory.source or None,
                remedy="name elements of the framework with --framework.",
            )
        fixed = np.isin(run.numbers, [atomic_numbers[symbol] for symbol in settings.framework])
    return Frames(run.unwrapped(), mobile, fixed)


def find_hops(trajectory: Trajectory, settings: HopSettings) -> Found:
    """The result of `hops` with the sites, visits and hops behind it."""
    frames = frames_of(trajectory, settings)
    kelvin, step = trajectory.kelvin, frames.step
    sites = find_sites(frames, settings)
    visits = visits_of(frames, sites, settings)
    found = hops_of_visits(visits, sites)
    length = len(frames.trajectory) * step
    ions, count = int(frames.mobile.sum()), len(found.ion)
    spread = dispersion(found.time, len(frames.trajectory))
    value, interval, bound = rate(count, ions * length, spread)
    square = float((found.vector**2).sum())
    diffusion = TO_CM2_S * square / (6 * ions * length)
    factor, factor_interval = correlation(found)
    frequency, why_not = attempts(frames)
    table, used = edges(found, sites)
    spent = dwell(visits, sites, len(frames.trajectory))
    strings = strings_of(found, settings.window / step, len(frames.trajectory), settings.seed)
    status: Status = "hops" if value is not None else "few hops" if count else "no hops"
    result = HopsResult(
        species=settings.species,
        status=status,
        temperature_K=kelvin,
        length_ps=length,
        timestep_ps=step,
        frames=len(frames.trajectory),
        ions=ions,
        hops=count,
        rate_per_ps=value,
        rate_interval_per_ps=interval,
        rate_bound_per_ps=bound,
        dispersion=spread,
        jump_diffusion_cm2_per_s=diffusion if value is not None else None,
        jump_diffusion_interval_cm2_per_s=None
        if interval is None or value is None
        else [diffusion * end / value for end in interval],
        correlation_factor=factor,
        correlation_interval=factor_interval,
        attempt_frequency_THz=frequency,
        percolation=percolation(table, len(sites.scaled)),
        outside=visits.outside,
        brief=visits.brief,
        kinds=_kinds(sites, found, spent, len(frames.trajectory), step, kelvin),
        jumps=_jumps(frames, sites, found, table, spent * step, spread, frequency, kelvin),
        site_kinds=sites.kinds.tolist(),
        site_places=sites.scaled.tolist(),
        connections=[[*edge, n] for edge, n in zip(table.tolist(), used.tolist(), strict=True)],
        strings={str(size): n for size, n in strings.sizes.items()},
        followed=strings.followed,
        followed_by_chance=strings.expected,
        followed_p=strings.p,
        notes=[
            *_notes(status, sites, visits, found, spent, spread, settings),
            *([why_not] if why_not else []),
        ],
        settings=settings.model_dump(mode="json"),
    )
    return Found(result, frames, sites, visits, found)


def _kinds(
    sites: Sites, found: Hops, spent: Array, frames: int, step: float, kelvin: float
) -> list[SiteKind]:
    totals = np.array([spent[sites.kinds == k].sum() for k in range(len(sites.names))])
    numbers = np.bincount(sites.kinds, minlength=len(sites.names))
    occupation = totals / numbers / frames
    kinds = []
    for k, name in enumerate(sites.names):
        left = int((sites.kinds[found.origin] == k).sum())
        free = None
        if occupation[k] > 0:
            free = float(-units.kB * kelvin * np.log(occupation[k] / occupation.max())) + 0.0
        kinds.append(
            SiteKind(
                name=name,
                sites=int(numbers[k]),
                occupation=float(occupation[k]),
                empty=int((spent[sites.kinds == k] == 0).sum()),
                free_energy_eV=free,
                residence_ps=float(totals[k] * step / left) if left else None,
            )
        )
    return kinds


def _jumps(
    frames: Frames, sites: Sites, found: Hops, table: Array, spent: Array, spread: float,
    frequency: float | None, kelvin: float,
) -> list[JumpType]:  # fmt: skip
    """Rates by kinds and lengths, both ways of each."""
    if not len(table):
        return []
    turned = sites.kinds[table[:, 0]] > sites.kinds[table[:, 1]]
    table = table.copy()
    table[turned] = np.column_stack([table[turned][:, [1, 0]], -table[turned][:, 2:]])
    ways = (sites.scaled[table[:, 1]] + table[:, 2:] - sites.scaled[table[:, 0]]) @ sites.cell
    lengths = np.linalg.norm(ways, axis=1)
    pair = sites.kinds[table[:, 0]] * len(sites.names) + sites.kinds[table[:, 1]]
    types: list[Array] = []
    for one in np.unique(pair).tolist():
        inside = np.flatnonzero(pair == one)
        inside = inside[np.argsort(lengths[inside])]
        while len(inside):
            alike = lengths[inside] <= lengths[inside[0]] + ALIKE
            types.append(inside[alike])
            inside = inside[~alike]
    landscape = profiles(frames, sites, [table[one] for one in types], kelvin)
    way = np.linalg.norm(found.vector, axis=1)
    jumps: list[JumpType] = []
    for one, profile in zip(types, landscape, strict=True):
        a, b = (int(sites.kinds[table[one[0], end]]) for end in (0, 1))
        low, high = lengths[one].min() - 1e-6, lengths[one].max() + 1e-6
        near = (way >= low) & (way <= high)
        for origin, target, forward in ((a, b, True), (b, a, False))[: 1 if a == b else 2]:
            mine = near & (sites.kinds[found.origin] == origin) & (sites.kinds[found.target] == target)
            shown = _turned(profile, forward=forward, both=a == b)
            value, interval, bound = rate(int(mine.sum()), float(spent[sites.kinds == origin].sum()), spread)
            barrier = None
            if value is not None and frequency:
                barrier = float(-units.kB * kelvin * np.log(value / frequency))
            jumps.append(
                JumpType(
                    origin=sites.names[origin],
                    target=sites.names[target],
                    length_A=float(lengths[one].mean()),
                    hops=int(mine.sum()),
                    rate_per_ps=value,
                    rate_interval_per_ps=interval,
                    rate_bound_per_ps=bound,
                    effective_barrier_eV=barrier,
                    bottleneck_eV=shown.bottleneck,
                    bottleneck_is_bound=not shown.known,
                    profile_A=shown.place.tolist(),
                    profile_eV=shown.energy.tolist(),
                )
            )
    return sorted(jumps, key=lambda one: -one.hops)


def _turned(profile: Profile, *, forward: bool, both: bool) -> Profile:
    """The profile from the other end; of sites of one kind the mean of both."""
    if both:
        weight = 0.5 * (profile.energy + profile.energy[::-1])
        return Profile(profile.place, weight - weight.min(), profile.bounded | profile.bounded[::-1])
    if forward:
        return profile
    length = profile.place[0] + profile.place[-1]
    return Profile(length - profile.place[::-1], profile.energy[::-1], profile.bounded[::-1])


def _notes(
    status: str, sites: Sites, visits: Visits, found: Hops, spent: Array, spread: float,
    settings: HopSettings,
) -> Sequence[str]:  # fmt: skip
    notes = []
    if status == "no hops":
        notes.append("no ion left its site: the rate is an upper bound")
    if status == "few hops":
        notes.append(f"fewer than {FEWEST} hops: the rate is an upper bound")
    narrow = np.flatnonzero(sites.to_next() < OVERLAPPING)
    if len(narrow):
        notes.append(
            f"sites overlap: {named(sites, narrow.tolist())} are closer than {OVERLAPPING:g} Å to the next "
            "one, and hops between them mean little; --apart joins those of a density"
        )
    empty = np.flatnonzero(spent == 0)
    if len(empty):
        notes.append(f"{len(empty)} sites are never visited: {named(sites, empty.tolist())}")
    if len(visits.ion) and visits.single > SPARSE * len(visits.ion) and len(found.ion):
        notes.append(
            f"{100 * visits.single / len(visits.ion):.0f} % of all stays are of one frame: hops are missed; "
            "write frames more often"
        )
    if visits.outside > LOST:
        notes.append(
            f"ions are between sites for {100 * visits.outside:.0f} % of the time: these sites are not "
            "theirs; try others (--sites), or a larger --core"
        )
    if visits.brief > len(found.ion) > 0:
        notes.append(
            f"{visits.brief} visits shorter than {settings.residence:g} ps are not counted, more than "
            f"there are hops ({len(found.ion)}): rates depend on --residence"
        )
    if spread > 3:
        notes.append(
            f"hops come in bursts: their counts spread {spread:.2g} times more than those of independent "
            "ones, and intervals are as much wider"
        )
    return notes
