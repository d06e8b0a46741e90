"""Derivatives of a noisy function with an estimate of their error, from central differences of several steps.

Steps are halved and extrapolated to zero (Romberg; Ridders, Adv. Eng. Softw. 4, 75, 1982). Long steps suffer
from curvature, short ones from rounding. The extrapolation with the smallest sum of both errors is taken: the
first is estimated by what the last order changed, the second follows from the noise. Steps get shorter until
the derivative is known well enough and agrees with what is expected, or noise outweighs it: near a kink of a
second derivative, which cutoffs have, estimates from long steps may agree by chance.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Array = np.ndarray
MOST = 12
"""Halvings of the step at most."""
ORDERS = 4
"""Orders of extrapolation."""
TRUNCATION, ROUNDING = 5.0, 5.0
"""Estimated errors of both kinds, the second a standard deviation, that a derivative may be off by."""

AGREEMENT = 5.0
"""What the last halving changed, in the same way: near kinks errors fall with the step, no faster."""
BEYOND = 4.0
"""Rounding at steps that only confirm a derivative from longer ones, in units of its error."""


@dataclass(frozen=True, slots=True)
class Slope:
    """A derivative and the error that it may have."""

    value: float
    error: float


def slope(
    function: Callable[[float], float], step: float, noise: float, expected: float, wanted: float
) -> Slope:
    """Derivative of a function at zero.

    step: the longest. noise: standard deviation of its values. expected: what a model says that it is.
    wanted: error with which it shall be known. Not a number if the function gives one that is none.
    """
    values: list[float] = []
    found: list[Slope] = []
    rounding: list[float] = []
    for level in range(MOST):
        h = step / 2**level
        rounding.append(ROUNDING * noise / (np.sqrt(2.0) * h))
        if level > 2 and rounding[-1] > BEYOND * max(wanted, _best(found, rounding).error):
            break
        values.append((function(h) - function(-h)) / (2 * h))
        if not np.isfinite(values[-1]):
            return Slope(float("nan"), 0.0)
        found.append(_latest(np.array(values), np.array(rounding) / ROUNDING))
        if level > 1:
            best = _best(found, rounding)
            if best.error <= wanted and abs(best.value - expected) <= wanted:
                return best
    return _best(found, rounding)


def _best(found: list[Slope], rounding: list[float]) -> Slope:
    """The derivative with the smallest error, of those with ever shorter steps.

    An error is what the one before and all that follow differ by, beyond their rounding, or more.
    """
    best = Slope(float("nan"), float("inf"))
    for k in range(1, len(found)):
        own = found[k]
        later = [
            abs(own.value - after.value) - 0.8 * noise
            for after, noise in zip(found[k + 1 :], rounding[k + 1 :], strict=False)
        ]
        error = max(
            own.error, AGREEMENT * abs(own.value - found[k - 1].value), AGREEMENT * max(later, default=0)
        )
        if error <= best.error:
            best = Slope(own.value, error)
    return best


def _latest(values: Array, sigma: Array) -> Slope:
    """The best extrapolation that has the shortest step, from differences of halved steps."""
    best = Slope(float(values[-1]), float("inf"))
    line, weights = values, np.eye(len(values))
    for order in range(1, min(ORDERS, len(values) - 1) + 1):
        factor = 4.0**order
        higher = (factor * line[1:] - line[:-1]) / (factor - 1)
        weights = (factor * weights[1:] - weights[:-1]) / (factor - 1)
        truncation = max(abs(higher[-1] - line[-1]), abs(higher[-1] - line[-2]))
        rounding = float(np.sqrt(((weights[-1] * sigma) ** 2).sum()))
        found = Slope(float(higher[-1]), float(TRUNCATION * truncation + ROUNDING * rounding))
        if found.error < best.error:
            best = found
        line = higher
    return best
