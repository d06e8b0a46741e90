"""Turns of anions in a trajectory, and whether ions hop when and where they turn (the paddle wheel)."""

from __future__ import annotations

import numpy as np

from superion.analysis.hops import HopSettings, find_hops
from superion.analysis.hops.analysis import Found
from superion.analysis.hops.rates import dispersion, rate
from superion.analysis.rotations.coupling import coupled
from superion.analysis.rotations.orientations import Orientations, correlations, orientations, relaxation
from superion.analysis.rotations.result import AnionKind, RotationsResult
from superion.analysis.rotations.settings import RotationSettings
from superion.analysis.rotations.turns import Turns, turns_of
from superion.errors import InputError
from superion.simulation.trajectory import Trajectory

Array = np.ndarray
SAMPLED = 1000
"""Steps that are looked at."""
STEP = 20.0
"""Degrees that an anion may turn from frame to frame, root mean square, before turns are missed."""


def rotations(trajectory: Trajectory, settings: RotationSettings | None = None) -> RotationsResult:
    """How anions librate and turn, and pairs of turns and hops against shuffled times.

    trajectory: unwrapped, its time between frames and temperature known. Anions are centres with three
    ligands or more, by bonds of the first frame, mobile ions left out. InputError where there are none.
    """
    settings = settings or RotationSettings()
    run = trajectory.after(settings.discard)
    if settings.species not in run.species:
        raise InputError(
            f"there is no {settings.species}; there is {', '.join(run.species)}.",
            file=run.source or None,
            remedy="name the element that hops with --species.",
        )
    found = orientations(run, [settings.species])
    step = run.timestep / 1000
    turns = turns_of(found, settings.turn, settings.residence / step)
    hops = find_hops(run, HopSettings(species=settings.species, sites=settings.sites))
    beside = _beside(found, hops, settings.near)
    together = coupled(
        turns.unit, turns.time, hops.hops.time, beside, settings.window / step, len(run),
        settings.shuffles, settings.seed,
    )  # fmt: skip
    lags, first, second = correlations(found)
    return RotationsResult(
        species=settings.species,
        temperature_K=run.kelvin,
        length_ps=len(run) * step,
        timestep_ps=step,
        anions=_kinds(found, turns, len(run), step),
        lags_ps=(lags * step).tolist(),
        first=first.tolist(),
        second=second.tolist(),
        first_relaxation_ps=relaxation(lags, first, step),
        second_relaxation_ps=relaxation(lags, second, step),
        hops=len(hops.hops.ion),
        pairs=together.pairs,
        pairs_by_chance=together.expected,
        p=together.p,
        coupling_lags_ps=(together.lag * step).tolist(),
        coupling=together.excess.tolist(),
        notes=_notes(found, turns, hops, run, settings),
        settings=settings.model_dump(mode="json"),
    )


def _beside(found: Orientations, hops: Found, near: float) -> Array:
    """(U, H) whether the middle of a hop is within `near` Å of a centre, at the time of the hop."""
    steps = hops.hops
    cell = hops.sites.cell
    middle = hops.sites.scaled[steps.origin] + 0.5 * steps.vector @ np.linalg.inv(cell)
    frame = np.clip(np.round(steps.time).astype(int), 0, len(found.centres) - 1)
    drift = hops.frames.drift(frame)
    centres = found.centres[frame] - drift[:, None]  # (H, U, 3)
    off = middle[:, None] - centres
    off -= np.round(off)
    away = np.linalg.norm(off @ cell, axis=2).T
    return np.asarray(away < near)


def _kinds(found: Orientations, turns: Turns, frames: int, step: float) -> list[AnionKind]:
    names = np.array([unit.name for unit in found.units])
    kinds = []
    for name in dict.fromkeys(names.tolist()):
        own = names == name
        mine = own[turns.unit] if len(turns.unit) else np.zeros(0, dtype=bool)
        times = turns.time[mine]
        value, interval, bound = rate(len(times), int(own.sum()) * frames * step, dispersion(times, frames))
        kinds.append(
            AnionKind(
                name=name,
                anions=int(own.sum()),
                turns=len(times),
                rate_per_ps=value,
                rate_interval_per_ps=interval,
                rate_bound_per_ps=bound,
                mean_turn_degrees=float(turns.angles[mine].mean()) if len(times) else None,
                libration_degrees=float(np.sqrt((turns.libration[own] ** 2).mean())),
            )
        )
    return kinds


def _notes(
    found: Orientations, turns: Turns, hops: Found, run: Trajectory, settings: RotationSettings
) -> list[str]:
    notes = []
    for name, centre, frame in found.broken[:3]:
        notes.append(
            f"{name} around atom {centre} comes apart at {frame * run.timestep / 1000:.3g} ps and is left out"
        )
    if len(found.broken) > 3:
        notes.append(f"{len(found.broken) - 3} other anions come apart and are left out")
    if not len(turns.unit):
        notes.append(f"no anion turns by more than {settings.turn:g}°: they librate, and rates are bounds")
    if not len(hops.hops.ion):
        notes.append(f"no {settings.species} hops: nothing can be coupled")
    last = max(len(found.rotations) - 1, 0)
    some = np.unique(np.linspace(0, max(last - 1, 0), min(SAMPLED, last)).astype(int))
    change = found.rotations[1:][some] @ np.swapaxes(found.rotations[:-1][some], -1, -2)
    trace = np.clip(0.5 * (np.trace(change, axis1=-2, axis2=-1) - 1), -1, 1)
    spread = float(np.degrees(np.sqrt((np.arccos(trace) ** 2).mean()))) if len(trace) else 0.0
    if spread > STEP:
        notes.append(
            f"anions turn by {spread:.0f}° from frame to frame: turns are missed; write frames more often"
        )
    return notes + [f"hops: {note}" for note in hops.result.notes if "attempt" not in note]
