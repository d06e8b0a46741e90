"""neighbour_loops.py and neighbour_search.py for where numba cannot run: the same results, bit for bit."""

from __future__ import annotations

import math

import numpy as np
import vesin

Array = np.ndarray


def extent(positions: Array, cell: Array, pbc: Array) -> float:
    """Longest periodic cell vector or spread along another axis in Å; NaN if any number is not finite."""
    if not (np.isfinite(positions).all() and np.isfinite(cell).all()):
        return math.nan
    if not len(positions):
        return float(np.where(pbc, np.linalg.norm(cell, axis=1), 0.0).max())
    return float(np.where(pbc, np.linalg.norm(cell, axis=1), np.ptp(positions, axis=0)).max())


def two_longest_moves(positions: Array, before: Array, strain: Array) -> float:
    """Sum in Å of the two longest moves from where the strain alone would have brought the atoms."""
    moves = np.linalg.norm(positions - before @ strain, axis=1)
    return float(np.sort(moves)[-2:].sum())


def search(
    positions: Array, cell: Array, pbc: Array, reach: float, centres: int
) -> tuple[Array, Array, Array, tuple[float, int, int]]:
    """First pair of each centre, second atoms and images, in order, and the nearest pair, found by vesin."""
    both, image, distance = vesin.NeighborList(cutoff=reach, full_list=True).compute(
        points=positions, box=cell, periodic=pbc, quantities="PSd"
    )
    kept = np.flatnonzero(both[:, 0] < centres)
    i, j, images = both[kept, 0], both[kept, 1], image[kept]
    order = np.lexsort((images[:, 2], images[:, 1], images[:, 0], j, i))
    first = np.zeros(centres + 1, dtype=np.int64)
    np.cumsum(np.bincount(i, minlength=centres), out=first[1:])
    nearest = (math.inf, 0, 0)
    if len(distance):
        p = int(distance.argmin())
        nearest = (float(distance[p]), int(both[p].min()), int(both[p].max()))
    return first, j[order].astype(np.int64), images[order].astype(np.int32), nearest


def measure(
    positions: Array, cell: Array, first: Array, second: Array, image: Array, cutoff: float,
    i: Array, j: Array, vector: Array, distance: Array, start: Array,
) -> tuple[int, float]:  # fmt: skip
    """Fill i, j, vector, distance, start with the pairs within the cutoff; the nearest, its distance."""
    centre = np.repeat(np.arange(len(first) - 1), np.diff(first))
    s, t, u = image.T
    edges = np.stack([s * cell[0, x] + t * cell[1, x] + u * cell[2, x] for x in range(3)], axis=1)
    between = positions[second] - positions[centre] + edges
    x, y, z = between.T
    r = np.sqrt(x * x + y * y + z * z)
    return _keep(r < cutoff, centre, second, between, r, (i, j, vector, distance, start))


def select(
    first: Array, second: Array, vectors: Array, distances: Array, cutoff: float,
    i: Array, j: Array, vector: Array, distance: Array, start: Array,
) -> None:  # fmt: skip
    """Fill i, j, vector, distance and start with those of the given pairs that are within the cutoff."""
    centre = np.repeat(np.arange(len(first) - 1), np.diff(first))
    _keep(distances < cutoff, centre, second, vectors, distances, (i, j, vector, distance, start))


def _keep(
    near: Array, centre: Array, second: Array, between: Array, r: Array, room: tuple[Array, ...]
) -> tuple[int, float]:
    """Write the pairs that are near to `room`; the nearest of them, its distance."""
    i, j, vector, distance, start = room
    count = np.count_nonzero(near)
    i[:count], j[:count], vector[:count], distance[:count] = (
        centre[near],
        second[near],
        between[near],
        r[near],
    )
    start[0] = 0
    np.cumsum(np.bincount(i[:count], minlength=len(start) - 1), out=start[1:])
    nearest = int(distance[:count].argmin()) if count else 0
    return nearest, float(distance[nearest]) if count else math.inf
