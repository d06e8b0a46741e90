"""Whether slow motion is diffusion or a cage: the spectrum of the velocity at low frequency.

Wherever ions move by a reversible process, in any landscape of cages and barriers, the spectrum of their
velocity is that of a walk and of relaxations, none of them negative (Kubo, Toda, Hashitsume, Statistical
Physics II, 1985):

    S(ω) = D + Σⱼ (σⱼ² / τⱼ) ω² τⱼ² / (1 + ω² τⱼ²),   σⱼ² ≥ 0,

σⱼ² being the variance along one axis of a motion that is confined and relaxes with the time τⱼ: a plateau of
6 σⱼ² in the mean squared displacement. Where ω τⱼ is large a relaxation looks like diffusion, of the
coefficient σⱼ²/τⱼ; only frequencies below 1/τⱼ tell. Nothing in a path of length T tells a walk from one in
a cage with τ ≫ T. What bounds such cages is their size: σ² / τ is small if τ is long. So every spectrum is
fitted by a D and by a set of relaxations on a grid of times up to twice the path, whose plateaus add up to no
more than a given one. A D is excluded if, with whatever cages, it fits worse than the best by more than
chance does (profile likelihood).

The powers are those of the modes of `modes`, each a χ² variable; a grid of relaxations with non-negative
weights is fitted by iterated, weighted, non-negative least squares (the scoring of Fisher).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq, nnls

Array = np.ndarray

SINGLE = 8
"""So many of the slowest modes stand alone; faster ones are averaged in bins."""
WIDTH = 1.12
"""Ratio of the limits of a bin."""
RATIO = 2.0
"""Ratio of neighbouring relaxation times."""
LONGEST = 2.0
"""Longest relaxation time, in lengths of the path."""
FASTEST = 0.3
"""ωτ of the fastest relaxation at the fastest mode; faster ones are one term c s."""
DOUBLINGS = 5
DEMANDED = 3.84
"""Gain of deviance for which cages may be twice as large."""
ITERATIONS = 30
SETTLED = 1e-2
"""Change of the deviance at which a fit has converged."""
TOLERANCE = 1e-2
"""Of limits, relative."""
SMALLEST = 1e-12
"""Of powers, relative to the largest: a mode in which nothing moves."""


@dataclass(frozen=True, slots=True)
class Fit:
    """D and what else is in a spectrum.

    diffusion: Å²/fs. variances: (J,) Å², σⱼ² of the relaxations. noise: Å²/fs, c of the term c s.
    deviance: twice the logarithm of the likelihood lost against a perfect fit. model: (B,) Å²/fs.
    """

    diffusion: float
    variances: Array
    noise: float
    deviance: float
    model: Array


class Spectrum:
    """Powers of the slowest K modes of a path, to be fitted.

    power: (K,) Å²/fs, their means over the coordinates. freedom: number of independent coordinates.
    frames: F. timestep: fs.
    """

    def __init__(self, power: Array, freedom: float, frames: int, timestep: float) -> None:
        count = len(power)
        self.length = frames * timestep
        fastest = FASTEST * self.length / (np.pi * count)
        times = int(np.ceil(np.log(LONGEST * self.length / fastest) / np.log(RATIO))) + 1
        self.times = LONGEST * self.length / RATIO ** np.arange(times)  # (J,) fs, the slowest first
        modes = np.arange(1, count + 1)
        starts = _bins(count)
        self.sizes = np.diff(np.append(starts, count))
        self.freedom = freedom * self.sizes
        self.power = self._mean(power)
        self.modes = self._mean(modes)
        self.scale = self._mean(4 * np.sin(np.pi * modes / (2 * frames)) ** 2)
        relaxing = np.array([relaxation(modes, frames, timestep, time) for time in self.times])
        self.relaxing = np.array([self._mean(line) for line in relaxing]).T  # (B, J), of σ² = 1 Å²

    def _mean(self, values: Array) -> Array:
        starts = np.append(0, np.cumsum(self.sizes)[:-1])
        return np.add.reduceat(values, starts) / self.sizes

    def line(self) -> Fit:
        """The best D + c s with c ≥ 0."""
        columns = np.column_stack([np.ones_like(self.scale), self.scale])
        found, deviance, model = self._solve(columns, np.zeros_like(self.power), None)
        return Fit(float(found[0]), np.zeros(len(self.times)), float(found[1]), deviance, model)

    def best(self, largest: float) -> Fit:
        """The best D with relaxations whose σ² add up to no more than `largest` (Å²)."""
        columns = np.column_stack([np.ones_like(self.scale), self.scale, self.relaxing])
        found, deviance, model = self._solve(columns, np.zeros_like(self.power), largest)
        return Fit(float(found[0]), found[2:], float(found[1]), deviance, model)

    def best_up_to(self, largest: float) -> tuple[Fit, float]:
        """The best fit and its largest sum of σ² (Å²): `largest`, or more where the spectrum demands it."""
        found = self.best(largest)
        for _ in range(DOUBLINGS):
            if found.variances.sum() < 0.99 * largest:
                break
            more = self.best(2 * largest)
            if found.deviance - more.deviance < DEMANDED:
                break
            found, largest = more, 2 * largest
        return found, largest

    def mean_time(self, fit: Fit) -> float | None:
        """Relaxation time (fs) of a fit, weighted by plateau; None without relaxations."""
        total = fit.variances.sum()
        return float(fit.variances @ self.times / total) if total > 0 else None

    def flat_from(self, fit: Fit, ratio: float) -> float | None:
        """1/ω (fs) of the fastest mode up to which a fit is at most `ratio` times its D; None if none is."""
        flat = fit.model <= ratio * fit.diffusion
        first = len(flat) if flat.all() else int(np.argmin(flat))
        return None if first == 0 else float(self.length / (np.pi * self.modes[first - 1]))

    def with_diffusion(self, diffusion: float, largest: float, start: Array | None = None) -> Fit:
        """The best relaxations beside a given D; start: a model (B,) near it."""
        columns = np.column_stack([self.scale, self.relaxing])
        offset = np.full_like(self.power, diffusion)
        found, deviance, model = self._solve(columns, offset, largest, start)
        return Fit(diffusion, found[1:], float(found[0]), deviance, model)

    def lowest(self, best: Fit, largest: float, rise: float) -> float:
        """The lowest D whose deviance is at most `rise` above that of the best fit."""
        if best.diffusion == 0 or self._excess(0.0, best, largest) <= rise:
            return 0.0
        tolerance = TOLERANCE * best.diffusion
        return float(
            brentq(lambda d: self._excess(d, best, largest) - rise, 0.0, best.diffusion, xtol=tolerance)
        )

    def highest(self, best: Fit, largest: float, rise: float, rarity: float) -> float:
        """The highest D whose deviance is at most `rise` (1 + rarity / D) above that of the best fit."""

        def excess(diffusion: float) -> float:
            return self._excess(diffusion, best, largest) - rise * (1 + rarity / diffusion)

        low, high = best.diffusion, max(1.2 * best.diffusion, 0.1 * float(self.power.min()))
        while excess(high) < 0:
            low, high = high, 1.5 * high
        if low == 0:
            low = 1e-3 * high
            if excess(low) >= 0:
                return low
        return float(brentq(excess, low, high, xtol=TOLERANCE * high))

    def _excess(self, diffusion: float, best: Fit, largest: float) -> float:
        return self.with_diffusion(diffusion, largest, best.model).deviance - best.deviance

    def _solve(
        self, columns: Array, offset: Array, largest: float | None, start: Array | None = None
    ) -> tuple[Array, float, Array]:
        """Non-negative weights of columns that fit power − offset, the deviance, the model (B,).

        largest: of the sum of the weights of the relaxations, the last columns; held by one more row,
        with one more column for what is left of it.
        """
        size = np.abs(columns).max(axis=0)
        columns = columns / size
        target = self.power - offset
        root = np.sqrt(self.freedom)
        relaxing = columns.shape[1] - len(self.times)
        limit = None
        if largest is not None:
            limit = np.append(np.zeros(relaxing), 1 / (size[relaxing:] * largest))
            limit = np.append(limit, 1.0)
            columns = np.column_stack([columns, np.zeros(len(columns))])
        model = np.maximum(self.power.mean() if start is None else start, offset)
        best: tuple[Array, float, Array] | None = None
        for _ in range(ITERATIONS):
            weight = root / model
            rows, values = weight[:, None] * columns, weight * target
            if limit is not None:
                stiff = 1e3 * float(np.linalg.norm(weight)) * self.power.max()
                rows, values = np.vstack([rows, stiff * limit]), np.append(values, stiff)
            found, _ = nnls(rows, values)
            model = np.maximum(offset + columns @ found, SMALLEST * self.power.max())
            ratio = np.maximum(self.power / model, SMALLEST)
            deviance = float(self.freedom @ (ratio - 1 - np.log(ratio)))
            before = np.inf if best is None else best[1]
            if deviance < before:
                best = found, deviance, model
            if before - deviance < SETTLED:
                break
        assert best is not None
        found = best[0] if largest is None else best[0][:-1]
        return found / size, best[1], best[2]


def relaxation(modes: Array, frames: int, timestep: float, time: float) -> Array:
    """Variance (Å²/fs) of modes k of a confined motion with σ² = 1 Å² that relaxes with `time` (fs).

    Exact for the Ornstein-Uhlenbeck process on F frames: the first term is its spectrum, the second what
    the two ends of the path change.
    """
    memory = np.exp(-timestep / time)
    angle = np.pi * modes / frames
    scale = 4 * np.sin(angle / 2) ** 2
    denominator = (1 - memory) ** 2 + memory * scale
    inside = (1 - memory**2) / denominator
    ends = memory * (1 - memory) ** 2 * np.cos(angle / 2) ** 2 * (1 - (-1.0) ** modes * memory**frames)
    return scale * (inside - 4 / frames * ends / denominator**2) / (2 * timestep)


def _bins(count: int) -> Array:
    """First modes (from 0) of the bins of `count` modes."""
    starts = list(range(min(SINGLE, count)))
    while (following := max(starts[-1] + 1, round((starts[-1] + 1) * WIDTH))) < count:
        starts.append(following)
    return np.array(starts)
