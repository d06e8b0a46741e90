"""More of something: with what chance a claim would then be shown, and what it costs.

As if the truth were where the estimate is, and the variances of all sources what they are estimated to be:
a new estimate scatters about the truth, new variances about theirs (χ²), and the claim is shown if the
estimate is farther from its tolerance than the half width of the interval that comes out. Costs are those
that the folder of the study tells.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from superion.errors import SuperionError
from superion.files import read_json
from superion.results import read_result
from superion.structures.census_result import CensusFile
from superion.verdict.uncertain import FIT, FRAMES, LEAST, OTHER, Part, fit_part, half_width

WANTED = 0.8
"""The chance that is asked for."""
MOST = 64
"""Times as much of something as there is beyond which nothing is proposed."""
FITS = 100
"""Resampled fits beyond which none are proposed."""
_DRAWS = 2000
_RESAMPLED = re.compile(r"(.*)-resampled-(\d+)$|fit/resampled-(\d+)$")


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


@dataclass(frozen=True, slots=True)
class Costs:
    """What things cost: seconds of a resampled pair with its values and of all runs, and their length.

    training, test: trajectories, frames: of one on average. None: not known.
    """

    fit: float | None = None
    dynamics: float | None = None
    nanoseconds: float | None = None
    training: int | None = None
    test: int | None = None
    frames: float | None = None


def read_costs(folder: Path, settings: Mapping[str, Any]) -> Costs:
    """Costs of another resampled pair and of all runs, and how many trajectories there are."""
    seconds = _seconds(folder / "state.json")
    draws: dict[str, float] = {}
    for name, each in seconds.items():
        match = _RESAMPLED.match(name)
        if match is not None and not name.startswith(("dynamics/", "transport/")):
            number = match[2] or match[3]
            draws[number] = draws.get(number, 0.0) + each
    runs = [
        each for name, each in seconds.items() if name.startswith("dynamics/") and "-resampled-" not in name
    ]
    training, test, frames = _trajectories(folder / "census.json")
    return Costs(
        fit=sum(draws.values()) / len(draws) if draws else seconds.get("fit"),
        dynamics=sum(runs) if runs else None,
        nanoseconds=_length(settings.get("dynamics")),
        training=training,
        test=test,
        frames=frames,
    )


def _seconds(path: Path) -> dict[str, float]:
    """Seconds by step; nothing where the state cannot be read, which says so elsewhere."""
    try:
        found = read_json(path) if path.exists() else {}
    except SuperionError:
        return {}
    steps = found.get("steps") if isinstance(found, dict) else None
    each = steps.items() if isinstance(steps, dict) else ()
    return {
        name: float(record["seconds"])
        for name, record in each
        if isinstance(record, dict) and isinstance(record.get("seconds"), int | float)
    }


def _length(dynamics: Any) -> float | None:
    """Ns of one run."""
    if not isinstance(dynamics, Mapping):
        return None
    steps, step = dynamics.get("steps"), dynamics.get("timestep")
    known = isinstance(steps, int | float) and isinstance(step, int | float)
    return float(steps) * float(step) * 1e-6 if known and steps and step else None


def _trajectories(path: Path) -> tuple[int | None, int | None, float | None]:
    """How many trajectories are trained on and tested, and the frames of one on average."""
    found = read_result(path, CensusFile, "census") if path.exists() else None
    if found is None:
        return None, None, None
    drawn = found.resampling.units if found.resampling else []
    training = sum(each.count for each in drawn if each.of == "trajectory")
    training += sum(each.of == "block" for each in drawn)
    split = found.split
    test = len(split.test) if split and split.test else None
    counts = [*(split.train or {}).values(), *(split.test or {}).values()] if split else []
    frames = math.ceil(sum(counts) / len(counts)) if counts else None
    return training or None, test, frames
