"""Walkers on a simple cubic lattice whose rates, correlation and percolation are known."""

from __future__ import annotations

import numpy as np
from ase import Atoms

from superion.simulation.trajectory import Trajectory

SIDE = 3.0
"""Å between neighbouring sites."""
KELVIN = 600.0


def crystal(cells: int = 3) -> Atoms:
    """Sites (Li) at corners, sulfur in the centres of the cubes."""
    grid = np.stack(np.meshgrid(*3 * [np.arange(cells)], indexing="ij"), -1).reshape(-1, 3) * SIDE
    atoms = Atoms(["Li"] * len(grid) + ["S"] * len(grid), [*grid, *(grid + SIDE / 2)])
    atoms.set_cell([cells * SIDE] * 3)
    atoms.pbc = True
    return atoms


def walk(rng, ions, frames, step, rate, turning=0.0, axes=3, doubled=False):
    """(F, N, 3) lattice places of ions that hop `rate` times in a ps, and the number of hops.

    turning: probability that a hop goes back along the one before; else it forgets. doubled: every hop is
    followed by another one of another ion in the same frame.
    """
    place = np.zeros((frames, ions, 3), dtype=int)
    total = 0
    times = [np.sort(rng.uniform(0, frames, rng.poisson(rate * frames * step))) for _ in range(ions)]
    if doubled:
        times = [
            np.sort(np.concatenate([times[k], times[k - 1 if k % 2 else k - ions + 1]])) for k in range(ions)
        ]
    for ion, own in enumerate(times):
        before = None
        for at in np.ceil(own).astype(int).tolist():
            if at >= frames:
                continue
            way = np.zeros(3, dtype=int)
            way[rng.integers(axes)] = rng.choice([-1, 1])
            if before is not None and rng.random() < turning:
                way = -before
            place[at:, ion] += way
            before = way
            total += 1
    return place, total


def trajectory(places, step, rng=None, vibration=0.0, breathing=0.0, drift=0.0, cells=3) -> Trajectory:
    """Ions at lattice places (F, N, 3), beside the framework of `crystal`; step: ps.

    vibration: Å of everything; breathing: relative, of the cell; drift: Å a frame, of everything.
    """
    atoms = crystal(cells)
    frame = atoms[atoms.numbers != 3]
    count, ions = places.shape[:2]
    rest = np.broadcast_to(frame.positions, (count, len(frame), 3))
    positions = np.concatenate([places * SIDE + 0.0, rest], axis=1)
    scale = np.ones(count)
    if rng is not None:
        positions = positions + vibration * rng.normal(size=positions.shape)
        scale = 1 + breathing * np.sin(np.arange(count))
    positions = positions * scale[:, None, None] + drift * np.arange(count)[:, None, None]
    cell = atoms.cell.array
    return Trajectory(
        numbers=np.array([3] * ions + frame.numbers.tolist()),
        masses=np.ones(ions + len(frame)),
        pbc=np.ones(3, dtype=bool),
        steps=np.arange(count),
        times=np.arange(count) * step * 1000,
        positions=positions,
        cells=cell * scale[:, None, None],
        meta={"settings": {"temperature": KELVIN}},
    )
