"""Whether hops happen when and where anions turn, against the same turns at shuffled times.

The times of each anion are shifted around the run by a random span of its own: bursts stay bursts, and
anions stay beside the hops that they are beside; when they turn no longer has to do with them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Array = np.ndarray
SPANS = 10
"""Windows before and after a turn in which hops are counted."""


@dataclass(frozen=True, slots=True, eq=False)
class Coupling:
    """Pairs of a turn and a hop beside it, within the window; the mean and p of shuffled times.

    lag: (K,) frames from turn to hop, centres of bins; excess: (K,) pairs over those of shuffled times.
    """

    pairs: int
    expected: float
    p: float | None
    lag: Array
    excess: Array


def coupled(
    turn_unit: Array,
    turn_time: Array,
    hop_time: Array,
    near: Array,
    window: float,
    frames: int,
    shuffles: int,
    seed: int,
) -> Coupling:
    """Turns (T,) of anions, hops (H,), and which are beside each other: near (U, H) bool. Times in frames."""
    edges = np.linspace(-SPANS, SPANS, 2 * SPANS + 1) * window
    middle = 0.5 * (edges[1:] + edges[:-1])
    rng = np.random.default_rng(seed)
    if not len(turn_time) or not len(hop_time) or not near.any():
        return Coupling(0, 0.0, None, middle, np.zeros(len(middle)))
    turn, hop = np.nonzero(near[turn_unit])

    def histogram(times: Array) -> Array:
        return np.histogram((hop_time[hop] - times[turn]), bins=edges)[0]

    def count(times: Array) -> int:
        return int((np.abs(hop_time[hop] - times[turn]) <= window).sum())

    pairs, seen = count(turn_time), histogram(turn_time)
    chance, spread = [], np.zeros(len(middle))
    for _ in range(shuffles):
        moved = (turn_time + rng.uniform(0, frames, len(near))[turn_unit]) % frames
        chance.append(count(moved))
        spread += histogram(moved)
    spread /= shuffles
    excess = np.divide(seen, spread, out=np.zeros(len(middle)), where=spread > 0)
    as_many = sum(one >= pairs for one in chance)
    return Coupling(pairs, float(np.mean(chance)), (as_many + 1) / (shuffles + 1), middle, excess)
