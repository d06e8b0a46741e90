"""With what chance a claim would be shown if there were more of something.

As if the truth were where the estimate is, and the variances of all sources what they are estimated to be:
a new estimate scatters about the truth, new variances about theirs (χ²), and the claim is shown if the
estimate is farther from its tolerance than the half width of the interval that comes out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from superion.verdict.sources import FIT, FRAMES, LEAST, OTHER, fit_part
from superion.verdict.uncertain import Part, half_width

WANTED = 0.8
"""The chance that is asked for."""
MOST = 64
"""Times as much of something as there is beyond which nothing is proposed."""
FITS = 100
"""Resampled fits beyond which none are proposed."""
_DRAWS = 2000


@dataclass(frozen=True, slots=True)
class Amounts:
    """What there is: resampled fits, degrees of freedom of training trajectories, test trajectories' too."""

    fits: int
    training: float = math.inf


@dataclass(frozen=True, slots=True)
class More:
    """What there would be: fits in all; times as many training and test trajectories, times as long runs."""

    fits: int
    training: float = 1.0
    test: float = 1.0
    dynamics: float = 1.0

    @property
    def data(self) -> bool:
        """Whether the estimate itself would be another one."""
        return max(self.training, self.test, self.dynamics) > 1


def power(distance: float, parts: Mapping[str, Part], level: float, now: Amounts, more: More) -> float:
    """The chance that a claim is shown at a one-sided level, its estimate `distance` beyond the tolerance."""
    if distance <= 0:
        return 0.0
    rng = np.random.default_rng(0)
    spread, squares, freedoms = 0.0, [], []
    for name, part in parts.items():
        variance, freedom = _then(name, part, now, more)
        if variance == 0:
            continue
        spread += variance
        freedoms.append(freedom)
        known = math.isinf(freedom)
        squares.append(
            np.full(_DRAWS, variance) if known else variance * rng.chisquare(freedom, _DRAWS) / freedom
        )
    if not squares:
        return 1.0
    found = distance + (math.sqrt(spread) * rng.normal(size=_DRAWS) if more.data else 0.0)
    return float(np.mean(found > half_width(level, squares, freedoms)))


def _then(name: str, part: Part, now: Amounts, more: More) -> tuple[float, float]:
    """Variance and degrees of freedom of a source."""
    if name == FIT:
        units = (now.training + 1) * more.training - 1
        freedom = fit_part([0.0, 1.0] * (more.fits // 2) + [0.0] * (more.fits % 2), units).freedom
        return part.variance / more.training, max(freedom, LEAST)
    if name == FRAMES:
        return part.variance / more.test, (part.freedom + 1) * more.test - 1
    return part.variance / (more.dynamics if name == OTHER else 1.0), part.freedom


def least_fits(shown: Callable[[More], float], now: int) -> tuple[More, float] | None:
    """The fewest resampled fits, more than there are, with the chance that is asked for; None if too many."""
    tried = {}

    def enough(fits: int) -> bool:
        tried[fits] = shown(More(fits))
        return tried[fits] >= WANTED

    low, high = now, now + 1
    while not enough(high):
        low, high = high, 2 * high
        if high > FITS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return More(high), tried[high]


def least_factor(shown: Callable[[float], float]) -> tuple[float, float] | None:
    """The least factor, to a tenth, with the chance that is asked for; None if beyond `MOST`."""
    low, high = 1.0, 2.0
    while (chance := shown(high)) < WANTED:
        low, high = high, 2 * high
        if high > MOST:
            return None
    while high / low > 1.05:
        middle = math.sqrt(low * high)
        found = shown(middle)
        if found >= WANTED:
            high, chance = middle, found
        else:
            low = middle
    return high, chance
