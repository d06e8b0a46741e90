"""Nonlinear least squares: Gauss–Newton steps as long as the model of the residuals can be trusted.

K. Levenberg, Q. Appl. Math. 2, 164 (1944); D. W. Marquardt, J. Soc. Ind. Appl. Math. 11, 431 (1963).

`scipy.optimize.least_squares` (trf, the one method that bears places without residuals) has no longest
step and stops at the first small gain. Rigid ions fitted to two frames of Li7P3S11 from three starts end at
losses of 2992, 2402.2 and 2614 with it, here at 2402.1 each time; polarizable ions from two starts at 584.2
and 584.1, here at 584.0 and 589.8. It takes a third of the time to all of it, but needs more starts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

Array = np.ndarray
SMALLEST_STEP = 1e-12
LARGEST_DAMPING = 1e8


class Point(Protocol):
    """Where the residuals are known."""

    @property
    def residuals(self) -> Array:
        """(R,) residuals, half of whose sum of squares is minimised."""
        ...

    def jacobian(self) -> Array:
        """(R, T) their derivatives by the T parameters."""
        ...


@dataclass(frozen=True, slots=True)
class Minimum:
    """Parameters (T,), half the sum of squared residuals there, and how many steps led to it."""

    parameters: Array
    loss: float
    steps: int


def minimise(
    at: Callable[[Array], Point | None],
    start: Array,
    *,
    iterations: int = 50,
    tolerance: float = 1e-5,
    longest: float = np.inf,
    watch: Callable[[int, float], None] | None = None,
) -> Minimum | None:
    """Least squares from `start` (T,); None if the residuals cannot be computed there.

    at: the residuals at some parameters, None where there are none; such steps are not taken. tolerance: of
    the loss, relative; two smaller gains in a row end the search. longest: change of a parameter in one
    step. watch: sees step and loss.
    """
    parameters, point = np.asarray(start, dtype=np.float64), at(start)
    if point is None or not np.isfinite(point.residuals).all():
        return None
    loss, damping, idle, step = 0.5 * float(point.residuals @ point.residuals), 1e-2, 0, 0
    for step in range(1, iterations + 1):
        jacobian = point.jacobian()
        curvature, slope = jacobian.T @ jacobian, jacobian.T @ point.residuals
        scale = np.diag(curvature).copy()
        scale = np.maximum(scale, 1e-8 * max(scale.max(), SMALLEST_STEP))
        before = loss
        while damping < LARGEST_DAMPING:
            move = np.linalg.solve(curvature + damping * np.diag(scale), -slope)
            move *= min(1.0, longest / max(np.abs(move).max(), SMALLEST_STEP))
            trial = at(parameters + move)
            value = np.inf if trial is None else 0.5 * float(trial.residuals @ trial.residuals)
            if trial is not None and value < loss:
                parameters, point, loss = parameters + move, trial, value
                damping = max(damping / 5, 1e-9)
                break
            damping *= 4
            if np.abs(move).max() < SMALLEST_STEP:
                damping = LARGEST_DAMPING
        if watch is not None:
            watch(step, loss)
        idle = idle + 1 if before - loss <= tolerance * before else 0
        if idle == 2 or damping >= LARGEST_DAMPING:
            break
    return Minimum(parameters, loss, step)
