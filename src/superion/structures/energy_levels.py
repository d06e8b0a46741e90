"""Energies that fall into groups, or far from all others."""

from __future__ import annotations

import numpy as np

Array = np.ndarray

FEWEST = 5
"""Energies of one composition from which levels are determined."""
APART = 0.1
"""eV per atom: the smallest shift between levels, and the smallest distance of a lone energy."""
CLEAR = 5.0
"""A gap is this many times as wide as what lies on either side of it, at least."""
FAR = 12.0
"""Deviations, by the median absolute one, of an energy that stands alone."""


def levels(values: Array, gap: float = APART) -> list[Array]:
    """Indices of values (n,) eV/atom by level: parts of two frames at least, apart by clear gaps.

    A lone value belongs to the level that is nearest.
    """
    everyone = np.arange(len(values))
    if len(values) < FEWEST:
        return [everyone]
    order = np.argsort(values)
    parts = _split(values[order], gap)
    if len(parts) < 2:
        return [everyone]
    return [np.sort(order[part]) for part in parts]


def _split(ordered: Array, gap: float) -> list[Array]:
    steps = np.diff(ordered)
    for k in np.argsort(-steps):
        low, high = ordered[: k + 1], ordered[k + 1 :]
        if steps[k] < gap:
            break
        if min(len(low), len(high)) < 2 or steps[k] < CLEAR * max(_spread(low), _spread(high)):
            continue
        here = np.arange(len(ordered))
        return [here[: k + 1][p] for p in _split(low, gap)] + [here[k + 1 :][p] for p in _split(high, gap)]
    return [np.arange(len(ordered))]


def _spread(values: Array) -> float:
    """Half the range that holds the inner values; a lone far one does not count."""
    low, high = np.percentile(values, (15, 85)) if len(values) > 4 else (values.min(), values.max())
    return float(high - low) / 2


def far_out(values: Array, floor: float = APART) -> Array:
    """Which values (n,) stand alone."""
    if len(values) < FEWEST:
        return np.zeros(len(values), dtype=bool)
    away = np.abs(values - np.median(values))
    return away > np.maximum(floor, FAR * 1.4826 * np.median(away))
