"""Numbers whose errors come from several sources: what can be claimed of them, and how large each source is.

Sources are independent, and the variances of some are known from few values only. A p-value is that at the
truth where the claim is false but hardest to tell from true, and of many claims each is adjusted. The choice
of training data, of test frames and the simulations are the sources of a comparison of two potentials.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

from superion.analysis.blocks import BLOCKS

Array = np.ndarray
FIT, OTHER, FRAMES, LABELS = "fit", "simulation", "test frames", "labels"
FEWEST_BLOCKS = 3
TWO = 1.5
LEAST = 0.5
"""Degrees of freedom of what a single trajectory rules: with it nothing can be shown."""
_SMALLEST = 1e-16  # probabilities below it are not distinguished


@dataclass(frozen=True, slots=True)
class Part:
    """One source of error: its variance, and the degrees of freedom from which the variance is known."""

    variance: float
    freedom: float = math.inf


@dataclass(frozen=True, slots=True)
class Uncertain:
    """A number with the sources of its error by name; their variances add up."""

    value: float
    parts: Mapping[str, Part]

    @property
    def error(self) -> float:
        """One standard error."""
        return math.sqrt(sum(part.variance for part in self.parts.values()))

    def interval(self, level: float = 0.05) -> tuple[float, float]:
        """Low and high end; the truth is outside with at most the chance `level`."""
        parts = self.parts.values()
        half = float(half_width(level / 2, [p.variance for p in parts], [p.freedom for p in parts]))
        return self.value - half, self.value + half

    def above(self, bound: float) -> float:
        """p-value against "the truth is `bound` or less"."""
        return self._p(self.value - bound)

    def below(self, bound: float) -> float:
        """p-value against "the truth is `bound` or more"."""
        return self._p(bound - self.value)

    def _p(self, distance: float) -> float:
        parts = self.parts.values()
        return float(exceedance(distance, [p.variance for p in parts], [p.freedom for p in parts]))


def half_width(tail: float, variances: Sequence[Array | float], freedoms: Sequence[float]) -> Array:
    """How far an estimate is from the truth, on a given side, with at most the chance `tail` (below 1/2).

    √(Σ t_i² v_i), each variance v_i with the quantile t_i of Student's t of its own degrees of freedom. That
    is never too short (Banerjee, Sankhyā 22, 357, 1960), whatever the ratio of the variances. One t of
    Welch's effective degrees of freedom (Satterthwaite, Biometrics Bull. 2, 110, 1946) is shorter, but where
    a variance from three values meets one that is known, it errs three times as often as it says at the
    small tails that tables of many rows ask for.
    """
    squares = [stdtrit(nu, tail) ** 2 * v for v, nu in zip(variances, freedoms, strict=True)]
    return np.sqrt(np.sum(squares, axis=0))


def exceedance(
    distance: Array | float, variances: Sequence[Array | float], freedoms: Sequence[float]
) -> Array:
    """The tail whose `half_width` is `distance`: the p-value of a one-sided test; above 1/2 below 0.

    Arrays broadcast. Without any variance it is 0 or 1, and 1/2 at distance 0.
    """
    distance = np.asarray(distance, dtype=np.float64)
    size = np.abs(distance)
    if len(variances) == 1 or not any(np.any(np.asarray(v) > 0) for v in variances[1:]):
        with np.errstate(divide="ignore", invalid="ignore"):
            tail = stdtr(freedoms[0], np.where(size > 0, -size / np.sqrt(variances[0]), 0.0))
    else:
        shape = np.broadcast_shapes(size.shape, *(np.shape(v) for v in variances))
        low, high = np.full(shape, math.log(_SMALLEST)), np.full(shape, math.log(0.5))
        for _ in range(45):
            middle = (low + high) / 2
            too_long = half_width(np.exp(middle), variances, freedoms) > size
            low, high = np.where(too_long, middle, low), np.where(too_long, high, middle)
        tail = np.exp(high)
    tail = np.maximum(tail, _SMALLEST)
    return np.where(distance >= 0, tail, 1 - tail)


def adjusted(p_values: Sequence[float] | Array) -> Array:
    """p-values (..., n) adjusted for there being n of them, however they depend on each other (Holm).

    Step-down procedure: S. Holm, Scand. J. Stat. 6, 65 (1979).

    If all claims whose adjusted p-value is at most α are made, the chance that any of them is false is at
    most α. The k-th smallest of n is multiplied by n − k + 1, and no adjusted value is below a smaller one's.
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, axis=-1, kind="stable")
    factors = np.arange(p.shape[-1], 0, -1)
    raised = np.minimum(np.maximum.accumulate(np.take_along_axis(p, order, -1) * factors, axis=-1), 1.0)
    found = np.empty_like(p)
    np.put_along_axis(found, order, raised, -1)
    return found


def exceeds(difference: Uncertain, tolerance: float) -> float:
    """p-value of the claim that the truth is larger in size than `tolerance`.

    Hodges and Lehmann, J. R. Stat. Soc. B 16, 261, 1954: it is reached from both sides of the tolerance.
    """
    size = Uncertain(abs(difference.value), difference.parts)
    return min(1.0, size.above(tolerance) + size.above(-tolerance))


def within(difference: Uncertain, tolerance: float) -> float:
    """p-value of the claim that the truth is smaller in size than `tolerance`.

    Two one-sided tests, of which the worse counts (Schuirmann, J. Pharmacokinet. Biopharm. 15, 657, 1987).
    """
    return max(difference.below(tolerance), difference.above(-tolerance))


def closer(difference: Uncertain, total: Uncertain) -> float:
    """p-value of the claim that the second of two values is closer to the reference than the first.

    difference: second − first. total: the sum of what both miss the reference by, a and b. With a² − b² =
    −difference · total the claim is that the two have opposite signs; that of the difference is taken from
    the estimate, and has to be shown beside this claim (`exceeds` does).
    """
    return total.above(0.0) if difference.value < 0 else total.below(0.0)


def all_of(*p_values: float) -> float:
    """p-value of the claim that all of several hold: the worst (Berger, Technometrics 24, 295, 1982)."""
    return max(p_values)


def fit_part(resampled: Sequence[float] | Array, units: float = math.inf) -> Part:
    """The error that the choice of training data gives to a quantity of the fit to all of them.

    resampled: (K,) the quantity from fits to resampled data. Their standard deviation is the bootstrap
    standard error (Efron, Ann. Stat. 7, 1, 1979), which more resamplings know better but do not make smaller.
    units: degrees of freedom of what is drawn, one less than there are trajectories. Few fits and few
    trajectories both make it uncertain: their relative variances 2/ν add up. Of two trajectories draws take
    one after the other, which leaves nothing to the chance of draws.
    """
    fits = len(resampled) - 1
    freedom = fits * units / (fits + units) if math.isfinite(units) else fits
    if units < TWO:
        freedom = min(fits, units)
    return Part(float(np.var(resampled, ddof=1)), max(freedom, LEAST))


def other_part(main: Sequence[float | None], resampled: Sequence[Sequence[float | None]]) -> Part:
    """The part of the errors beside the fit that the spread of resampled values does not hold already.

    main: standard errors of the values that are compared; resampled: (K) the same of each resampling.
    Resampled values scatter by their own errors too: adding those of the main values counts them twice.
    """
    own = _square(main)
    held = float(np.mean([_square(errors) for errors in resampled])) if resampled else 0.0
    return Part(max(own - held, 0.0))


def frames_part(
    samples: Sequence[Sequence[float]],
    estimate: Callable[[Array], float],
    clusters: Sequence[str] | None = None,
) -> Part | None:
    """The error from the choice of test frames; None if these are too few to tell it.

    samples: (P, F) what every frame adds to the mean squares of P potentials. estimate: of the P means.
    clusters: (F,) the trajectory of every frame. The jackknife leaves out one trajectory after another
    (Quenouille, Biometrika 43, 353, 1956; Tukey, Ann. Math. Stat. 29, 614, 1958), for all potentials the
    same: what they have in common cancels. One that holds most of the squares makes the error as uncertain as
    few trajectories do (Carter, Schnepel, Steigerwald, Rev. Econ. Stat. 99, 698, 2017).
    Of a single trajectory blocks in time are left out, 3 to 10, five times as long as its memory: then
    nothing is known of others. Too few are frames that are all within its memory, and squares of one
    potential in a single trajectory or block.
    """
    columns = np.asarray(samples, dtype=np.float64)
    names = list(dict.fromkeys(clusters or ()))
    if len(names) > 1:
        where = np.array([names.index(name) for name in clusters or ()])
    else:
        count = _blocks(columns)
        if count is None:
            return None
        where = np.repeat(np.arange(count), [len(b) for b in np.array_split(columns[0], count)])
    units = int(where.max()) + 1
    means = [columns[:, where != k].mean(axis=1) for k in range(units)]
    if np.min(means) == 0:
        return None
    left_out = np.array([estimate(mean) for mean in means])
    shares = np.bincount(where, columns.mean(axis=0) / columns.mean())
    shares = shares / shares.sum()
    freedom = 1 / float(shares @ shares) - 1
    return Part(float((units - 1) * np.var(left_out)), max(freedom, LEAST))


def _blocks(columns: Array) -> int | None:
    """How many blocks a single trajectory is cut into; None if it is too short."""
    frames = columns.shape[1]
    means = columns.mean(axis=1)
    if frames < BLOCKS or np.min(means) == 0:
        return None
    series = columns / means[:, None]
    course = series[0] - series[1] if len(series) > 1 else series[0]
    longest = frames / (5 * memory(course))
    return None if longest < 1 else int(min(max(longest, FEWEST_BLOCKS), BLOCKS))


def memory(course: Array) -> float:
    """How many neighbouring frames tell what one independent one would, 1 or more.

    The integrated autocorrelation time (Madras, Sokal, J. Stat. Phys. 50, 109, 1988), its window five times
    as long as itself.
    """
    off = course - course.mean()
    square = float(off @ off)
    total = 1.0
    if square == 0:
        return total
    for lag in range(1, len(off) // 2):
        total = max(total + 2 * float(off[:-lag] @ off[lag:]) / square, 0.5)
        if lag >= 5 * total:
            break
    return max(total, 1.0)


def _square(errors: Sequence[float | None]) -> float:
    return math.fsum(error**2 for error in errors if error is not None)
