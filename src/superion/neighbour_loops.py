"""The compiled loops of neighbour lists; neighbour_arrays.py has the same functions without numba."""

from __future__ import annotations

import math

import numpy as np

from superion.compiled import numba

Array = np.ndarray


@numba.njit(cache=True, nogil=True)
def extent(positions: Array, cell: Array, pbc: Array) -> float:
    """Longest periodic cell vector or spread along another axis in Å; NaN if any number is not finite."""
    longest = 0.0
    for axis in range(3):
        low, high, square = math.inf, -math.inf, 0.0
        for k in range(len(positions)):
            x = positions[k, axis]
            if not math.isfinite(x):
                return math.nan
            low, high = min(low, x), max(high, x)
        for k in range(3):
            if not math.isfinite(cell[axis, k]):
                return math.nan
            square += cell[axis, k] ** 2
        longest = max(longest, math.sqrt(square) if pbc[axis] else high - low)
    return longest


@numba.njit(cache=True, nogil=True)
def two_longest_moves(positions: Array, before: Array, strain: Array) -> float:
    """Sum in Å of the two longest moves from where the strain alone would have brought the atoms."""
    first = second = 0.0
    for a in range(len(positions)):
        square = 0.0
        for x in range(3):
            place = before[a, 0] * strain[0, x] + before[a, 1] * strain[1, x] + before[a, 2] * strain[2, x]
            square += (positions[a, x] - place) ** 2
        if square > first:
            first, second = square, first
        elif square > second:
            second = square
    return math.sqrt(first) + math.sqrt(second)


@numba.njit(cache=True, nogil=True)
def measure(
    positions: Array, cell: Array, first: Array, second: Array, image: Array, cutoff: float,
    i: Array, j: Array, vector: Array, distance: Array, start: Array,
) -> tuple[int, float]:  # fmt: skip
    """Fill i, j, vector, distance, start with the pairs within the cutoff; the nearest, its distance."""
    count, nearest, shortest = 0, 0, math.inf
    for a in range(len(first) - 1):
        start[a] = count
        for p in range(first[a], first[a + 1]):
            b = second[p]
            s, t, u = image[p, 0], image[p, 1], image[p, 2]
            x = positions[b, 0] - positions[a, 0] + (s * cell[0, 0] + t * cell[1, 0] + u * cell[2, 0])
            y = positions[b, 1] - positions[a, 1] + (s * cell[0, 1] + t * cell[1, 1] + u * cell[2, 1])
            z = positions[b, 2] - positions[a, 2] + (s * cell[0, 2] + t * cell[1, 2] + u * cell[2, 2])
            r = math.sqrt(x * x + y * y + z * z)
            if r < shortest:
                nearest, shortest = count, r
            # written in any case: a branch that cannot be foreseen takes longer
            i[count], j[count], distance[count] = a, b, r
            vector[count, 0], vector[count, 1], vector[count, 2] = x, y, z
            count += r < cutoff
    start[len(first) - 1] = count
    return nearest, shortest


@numba.njit(cache=True, nogil=True)
def select(
    first: Array, second: Array, vectors: Array, distances: Array, cutoff: float,
    i: Array, j: Array, vector: Array, distance: Array, start: Array,
) -> None:  # fmt: skip
    """Fill i, j, vector, distance and start with those of the given pairs that are within the cutoff."""
    count = 0
    for a in range(len(first) - 1):
        start[a] = count
        for p in range(first[a], first[a + 1]):
            if distances[p] < cutoff:
                i[count], j[count], distance[count] = a, second[p], distances[p]
                vector[count, 0], vector[count, 1] = vectors[p, 0], vectors[p, 1]
                vector[count, 2] = vectors[p, 2]
                count += 1
    start[len(first) - 1] = count
