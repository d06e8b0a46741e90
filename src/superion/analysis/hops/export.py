"""Hops that happen alone, as initial and final states for `superion neb`."""

from __future__ import annotations

import numpy as np
from ase import Atoms

from superion.analysis.hops.analysis import Found
from superion.structures.bare import state

Array = np.ndarray
MEAN = 5
"""Frames of a stay over which an end is averaged, to take out vibrations."""


def isolated(found: Found, alone: float, window: float, count: int) -> list[int]:
    """Numbers of hops without another one within `window` frames and `alone` Å, of each connection one.

    The most frequent connections come first.
    """
    hops, sites = found.hops, found.sites
    time = hops.time
    start = sites.scaled[hops.origin]
    best: dict[tuple[int, int], list[int]] = {}
    for k in range(len(time)):
        pair = (int(hops.origin[k]), int(hops.target[k]))
        best.setdefault((min(pair), max(pair)), []).append(k)
    chosen: list[int] = []
    for several in sorted(best.values(), key=len, reverse=True):
        for k in several:
            near = np.flatnonzero((np.abs(time - time[k]) <= window) & (np.arange(len(time)) != k))
            off = start[near] - start[k]
            away = np.linalg.norm((off - np.round(off)) @ sites.cell, axis=1)
            if not (away < alone).any():
                chosen.append(k)
                break
        if len(chosen) == count:
            break
    return chosen


def exported(found: Found, numbers: list[int]) -> list[Atoms]:
    """Two frames of each hop, in the mean cell: `info` has hop (a name), end, time (ps), and the sites."""
    made = []
    run, hops, visits = found.frames.trajectory, found.hops, found.visits
    for k in numbers:
        ion = int(np.flatnonzero(found.frames.mobile)[hops.ion[k]])
        before, after = int(hops.visit[k]), int(hops.visit[k]) + 1
        spans = {
            "initial": (max(int(visits.first[before]), int(hops.leaves[k]) - MEAN + 1), int(hops.leaves[k])),
            "final": (int(hops.arrives[k]), min(int(visits.last[after]), int(hops.arrives[k]) + MEAN - 1)),
        }
        name = f"{found.result.species}{ion}-{hops.origin[k]}-to-{hops.target[k]}"
        for end, (first, last) in spans.items():
            part = run.part(slice(first, last + 1))
            scaled = np.asarray(part.positions) @ np.linalg.inv(part.cells)
            atoms = Atoms(run.numbers, positions=scaled.mean(axis=0) @ found.frames.cell)
            atoms.set_cell(found.frames.cell)
            atoms.pbc = True
            state(atoms, run.meta.get("stated", {}))
            atoms.info |= {
                "hop": name,
                "end": end,
                "frame_id": f"{name}/{end}",
                "time_ps": float(hops.time[k] * found.frames.step),
            }
            made.append(atoms)
    return made
