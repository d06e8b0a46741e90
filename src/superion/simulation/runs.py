"""Several runs of one crystal: parts of one long run, or independent ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from superion.errors import InputError
from superion.simulation.trajectory import Trajectory

Array = np.ndarray
SAME_SPACING = 1e-3
"""Relative difference of the times between frames of runs that go together."""
SAME_PLACE = 1e-3
"""Å by which the first frame of a part may differ from the last one of the part before and be the same."""
SAME_TEMPERATURE = 0.05
"""Relative difference of mean temperatures of parts of one run of a few hundred frames."""
LONGER = 2.0
"""A step from part to part may be so many times as long as the longest within the parts."""


def join(runs: Sequence[Trajectory], names: Sequence[str]) -> Trajectory:
    """One trajectory of runs of which each goes on where the last ended, at constant or changing cell.

    Periodic images of a part are those in which it goes on; a first frame that is the last one of the part
    before counts once. Raises InputError where a part does not go on from the one before.
    """
    _check(runs, names)
    spacing = _spacing(runs[0])
    whole = _bare(runs[0])
    for run, name in zip(runs[1:], names[1:], strict=True):
        gap = (run.positions[0] - whole.positions[-1]) @ np.linalg.inv(run.cells[0])
        images = np.round(gap)
        jump = float(np.linalg.norm((gap - images) @ run.cells[0], axis=1).max())
        longest = max(_longest(whole), _longest(run))
        if jump > max(LONGER * longest, SAME_PLACE):
            raise InputError(
                f"does not go on where the run before it ended: an atom is {jump:.2f} Å away, and moves by "
                f"at most {longest:.2f} Å from frame to frame.",
                file=Path(name),
                remedy="name the parts in their order, or average independent runs with --replicas.",
            )
        part = slice(1, None) if jump < SAME_PLACE else slice(None)
        path = run.positions[part] - images @ run.cells[part]
        count = len(path)
        later = whole.times[-1] + spacing * np.arange(1, count + 1)
        changed: dict[str, Any] = {"cells": np.concatenate([whole.cells, run.cells[part]])}
        for series in _SERIES:
            ours, theirs = getattr(whole, series), getattr(run, series)
            both = ours is not None and theirs is not None
            changed[series] = np.concatenate([ours, theirs[part]]) if both else None
        changed["steps"] = np.arange(len(whole) + count)
        changed["times"] = np.concatenate([whole.times, later])
        changed["positions"] = np.concatenate([whole.positions, path])
        whole = replace(whole, **changed)
    return whole


def beside(runs: Sequence[Trajectory], names: Sequence[str]) -> Trajectory:
    """One trajectory of independent runs: their atoms one after the other, as long as the shortest.

    Atoms are in the mean cell of all, each run's scaled to it.
    """
    _check(runs, names)
    frames = min(len(run) for run in runs)
    cell = np.mean([run.cells[:frames].mean(axis=0) for run in runs], axis=0)
    first = runs[0]
    together: dict[str, Any] = {name: _together(runs, name, frames) for name in _SERIES}
    return replace(
        _bare(first),
        numbers=np.tile(first.numbers, len(runs)),
        masses=np.tile(first.masses, len(runs)),
        steps=first.steps[:frames],
        times=first.times[:frames],
        positions=np.concatenate(
            [run.positions[:frames] @ (np.linalg.inv(run.cells[:frames]) @ cell) for run in runs], axis=1
        ),
        cells=np.broadcast_to(cell, (frames, 3, 3)),
        **together,
    )


_SERIES = ("potential_energy", "kinetic_energy", "temperature", "conserved")


def _together(runs: Sequence[Trajectory], name: str, frames: int) -> Array | None:
    """A series of all runs: the mean temperature, the sum of energies; None if one does not have it."""
    series = [getattr(run, name) for run in runs]
    if any(one is None for one in series):
        return None
    whole = np.sum([one[:frames] for one in series], axis=0)
    return whole / len(runs) if name == "temperature" else whole


def _bare(run: Trajectory) -> Trajectory:
    """A run without what is recorded on request, which parts need not share."""
    optional = ("velocities", "stress", "charges", "dipole", "tracked_dipole", "electric_field")
    nothing: dict[str, Any] = dict.fromkeys(optional)
    return replace(run, **nothing)


def _spacing(run: Trajectory) -> float:
    if len(run) < 2:
        raise InputError("a run of one frame has no paths.", file=run.source or None, remedy="run longer.")
    return float(run.times[1] - run.times[0])


def _longest(run: Trajectory) -> float:
    """Longest way (Å) of an atom from frame to frame."""
    step = np.diff(run.positions, axis=0)
    return float(np.sqrt(np.einsum("fna,fna->fn", step, step).max()))


def _hotter(ours: float | None, theirs: float | None, measured: bool) -> bool:
    """Whether temperatures of two runs differ; of those of foreign files some are means of velocities."""
    if not measured or ours is None or theirs is None:
        return ours != theirs
    return abs(ours - theirs) > SAME_TEMPERATURE * ours


def _check(runs: Sequence[Trajectory], names: Sequence[str]) -> None:
    """InputError naming the first run that is of other atoms, another temperature or other times."""
    first = runs[0]
    spacing = _spacing(first)
    for run, name in zip(runs[1:], names[1:], strict=True):
        settings, others = first.meta["settings"], run.meta["settings"]
        fault = None
        if not np.array_equal(run.numbers, first.numbers):
            fault = "its atoms are others, or in another order"
        elif abs(_spacing(run) - spacing) > SAME_SPACING * spacing:
            fault = f"its frames are {_spacing(run):g} fs apart, not {spacing:g} fs"
        elif _hotter(settings.get("temperature"), others.get("temperature"), first.foreign):
            fault = f"its temperature is {others.get('temperature')} K, not {settings.get('temperature')} K"
        elif settings.get("ensemble") != others.get("ensemble"):
            fault = f"its ensemble is {others.get('ensemble')}, not {settings.get('ensemble')}"
        if fault is not None:
            raise InputError(
                f"does not go together with {names[0]}: {fault}.",
                file=Path(name),
                remedy="evaluate it alone.",
            )
