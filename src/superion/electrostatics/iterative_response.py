"""How equilibrated charges answer, by conjugate gradients: no matrix, only what it makes of charges.

Projected and preconditioned (Hestenes and Stiefel, J. Res. Natl. Bur. Stand. 49, 409, 1952; Gould, Hribar and
Nocedal, SIAM J. Sci. Comput. 23, 1376, 2001): with the projection P onto changes that the constraints allow,
PAP x = P v is solved with the preconditioner PM⁻¹P, and every step obeys the constraints.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite

import numpy as np

from superion.electrostatics.equilibration import NAMED, Constraints, indefinite, named
from superion.errors import InputError, ModelError

Array = np.ndarray
MOST = 2000
"""Iterations after which there is no hope."""
FORGOTTEN = 50
"""Iterations after which the residual is computed anew, so that rounding errors do not add up."""


class IterativeResponse:
    """B⁻¹P of `equilibration` by iteration; `iterations` counts those of the last answer."""

    rounds = 1

    def __init__(
        self,
        times: Callable[[Array], Array],
        precondition: Callable[[Array], Array],
        constraints: Constraints,
        symbols: Sequence[str],
        tolerance: float,
    ) -> None:
        """times: A times charges (N,). precondition: about its inverse, left out where it is not positive.

        tolerance: of the answer, relative, in the norm of the preconditioner.
        """
        self.times, self.precondition = times, precondition
        self.constraints, self.symbols, self.tolerance = constraints, symbols, tolerance
        self.iterations = 0

    def solve(self, values: Array) -> Array:
        """B⁻¹P times values (N,).

        Raises ModelError, which names the atoms responsible, where A is not positive definite or so close to
        singular that the iteration does not end; InputError for numbers not finite.
        """
        project = self.constraints.project
        right = project(values)
        answer = np.zeros_like(right)
        residual, direction, before, first = right.copy(), np.zeros_like(right), 1.0, 0.0
        precondition = self.precondition
        for self.iterations in range(MOST):
            step = project(precondition(residual))
            size = float(residual @ step)
            if not isfinite(size):
                bad = np.flatnonzero(~np.isfinite(residual))[:NAMED]
                raise InputError(
                    f"the potential at {named(bad, self.symbols)} is not finite.",
                    remedy="check the structure and the hardness of these elements.",
                )
            first = max(first, size)
            if abs(size) <= self.tolerance**2 * first:
                return answer
            if size < 0:  # a preconditioner that takes atoms for evenly spread, where they are not
                precondition, direction, before, first = (lambda v: v), np.zeros_like(right), 1.0, 0.0
                continue
            direction = step + (size / before) * direction
            flow = project(self.times(direction))
            curvature = float(direction @ flow)
            if curvature <= 0:
                raise indefinite(curvature / float(direction @ direction), direction, self.symbols)
            answer += (size / curvature) * direction
            if (self.iterations + 1) % FORGOTTEN:
                residual -= (size / curvature) * flow
            else:
                residual = right - project(self.times(answer))
            before = size
        worst = np.argsort(-np.abs(residual), kind="stable")[:NAMED]
        raise ModelError(
            f"the charges did not settle in {MOST} iterations; worst: {named(worst, self.symbols)}.",
            remedy="a larger hardness of these elements, or wider densities; the direct solver says more.",
        )
