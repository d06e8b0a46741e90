"""A number whose error comes from several independent sources, some known from few values only.

Also what can be claimed of it: a p-value is that at the truth where the claim is false but hardest to tell
from true, and of many claims each is adjusted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

Array = np.ndarray
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
