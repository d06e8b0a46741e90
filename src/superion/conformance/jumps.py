"""Jumps of a function along a path, told from steep places by bisection.

The fourth difference of five points of a stretch falls with the fourth power of its length where a function
is smooth, with the first where its slope has a kink, and not at all where it jumps: it is one to three times
the jump. Stretches are halved, the largest difference first, until all differences are small, or one is left
on a stretch of no length.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count

import numpy as np

Array = np.ndarray
SHORTEST = 1e-6
"""Length of a stretch, in that of the path, on which no slope explains a difference."""
_FOURTH = np.array([1.0, -4.0, 6.0, -4.0, 1.0])


@dataclass(frozen=True, slots=True)
class Jump:
    """The largest jump that there is, or may be, in the units of the limits; where: on the path, 0 to 1.

    located: on a stretch of no length. resolved: all stretches are smooth to the limits, or it is located.
    worst: which value.
    """

    size: float
    where: float
    located: bool
    resolved: bool
    worst: int


def largest_jump(function: Callable[[float], Array], stretches: int, budget: int) -> Jump:
    """Search a path from 0 to 1 for jumps of more than one.

    function: values (K,) at a point of the path, each in units of its limit. budget: calls of it.
    """
    known: dict[float, Array] = {}

    def at(x: float) -> Array:
        if x not in known:
            known[x] = np.asarray(function(x), dtype=np.float64)
        return known[x]

    order = count()
    heap: list[tuple[float, int, float, float, int]] = []

    def look(start: float, end: float) -> None:
        points = np.array([at(start + (end - start) * k / 4) for k in range(5)])
        difference = np.abs(_FOURTH @ points)
        difference[~np.isfinite(difference)] = np.inf
        column = int(difference.argmax())
        heappush(heap, (-float(difference[column]), next(order), start, end, column))

    for k in range(stretches):
        look(k / stretches, (k + 1) / stretches)
    while True:
        negative, _, start, end, column = heap[0]
        size = -negative
        middle = (start + end) / 2
        if size <= 1:
            return Jump(size, middle, False, True, column)
        if end - start < SHORTEST:
            step = float(np.abs(at(end) - at(start))[column])
            return Jump(step if np.isfinite(step) else np.inf, middle, True, True, column)
        if len(known) >= budget:
            return Jump(size, middle, False, False, column)
        heappop(heap)
        look(start, middle)
        look(middle, end)
