"""Strings of ions that follow each other: one takes the site that another has just left.

Whether that is more often than by chance is judged against the same hops with the times of each ion shifted
by a random span, around the run.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from superion.analysis.hops.visits import Hops

Array = np.ndarray
SHUFFLES = 200


@dataclass(frozen=True, slots=True)
class Strings:
    """How many hops followed another, what chance gives, and how long strings are.

    sizes: number of strings by the number of hops in them, 1 for hops alone. followed, expected: pairs of
    hops of which one fills the site that the other left. p: probability of as many by chance.
    """

    sizes: dict[int, int]
    followed: int
    expected: float
    p: float | None


def strings_of(hops: Hops, window: float, frames: int, seed: int) -> Strings:
    """Strings of hops within `window` frames of each other."""
    time = hops.time
    a, b = _pairs(hops, time, window)
    sizes: dict[int, int] = {}
    if len(time):
        links = coo_matrix((np.ones(len(a)), (a, b)), shape=(len(time), len(time)))
        _, member = connected_components(links, directed=False)
        each, counts = np.unique(np.bincount(member), return_counts=True)
        sizes = dict(zip(each.tolist(), counts.tolist(), strict=True))
    if len(np.unique(hops.ion)) < 2:
        return Strings(sizes, len(a), 0.0, None)
    rng = np.random.default_rng(seed)
    chance = []
    for _ in range(SHUFFLES):
        shift = rng.uniform(0, frames, int(hops.ion.max()) + 1)
        chance.append(len(_pairs(hops, (time + shift[hops.ion]) % frames, window)[0]))
    as_many = sum(one >= len(a) for one in chance)
    return Strings(sizes, len(a), float(np.mean(chance)), (as_many + 1) / (SHUFFLES + 1))


def _pairs(hops: Hops, time: Array, window: float) -> tuple[Array, Array]:
    """Hops a and b of different ions within `window`, b to the site that a leaves."""
    far = float(time.max(initial=0.0)) + 2 * window + 1
    filled = np.argsort(hops.target * far + time, kind="stable")
    key = (hops.target * far + time)[filled]
    left = hops.origin * far + time
    low = np.searchsorted(key, left - window, side="left")
    high = np.searchsorted(key, left + window, side="right")
    first = np.repeat(np.arange(len(time)), high - low)
    inside = np.arange(len(first)) - np.repeat(np.cumsum(high - low) - (high - low), high - low)
    second = filled[np.repeat(low, high - low) + inside]
    others = hops.ion[first] != hops.ion[second]
    return first[others], second[others]
