"""Functions of a distance as tables of polynomials, for use in compiled loops.

Between two knots stands the polynomial of degree five that has the value and the first two derivatives of the
function at both. The table is thus twice differentiable, and its derivative is exactly the derivative of its
value: forces from it conserve energy. The error of the value is h⁶/46080 times the sixth derivative for a
spacing h (Hermite interpolation).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import pi, sqrt

import numpy as np
import torch
from torch import Tensor

from superion.compiled import numba
from superion.electrostatics.densities import Density, Point, penetration, reach
from superion.errors import ModelError

Array = np.ndarray
ERFC_STEPS = 128
"""Intervals per unit of the argument of the table of erfc."""
ERFC_END = 6.5
"""erfc is 4e-20 here."""
EXACT = 2e-14
"""Largest error (without unit) of a table of a penetration between its knots."""
FEWEST, MOST = 512, 65536


@numba.njit(cache=True, nogil=True, inline="always")
def look_up(rows: Array, first: int, x: float) -> tuple[float, float]:
    """Value and derivative by x of the table whose first row is `first`; x in units of the spacing."""
    k = int(x)
    t = x - k
    c = rows[first + k]
    value = c[0] + t * (c[1] + t * (c[2] + t * (c[3] + t * (c[4] + t * c[5]))))
    slope = c[1] + t * (2 * c[2] + t * (3 * c[3] + t * (4 * c[4] + t * (5 * c[5]))))
    return value, slope


def quintic_rows(value: Array, slope: Array, curvature: Array, spacing: float) -> Array:
    """(R, 6) coefficients, lowest power first, between R + 1 knots with values and derivatives (R + 1,)."""
    c0, c1, c2 = value[:-1], spacing * slope[:-1], spacing**2 * curvature[:-1] / 2
    rise = value[1:] - c0 - c1 - c2
    tilt = spacing * slope[1:] - c1 - 2 * c2
    bend = spacing**2 * curvature[1:] - 2 * c2
    c3 = 10 * rise - 4 * tilt + bend / 2
    c4 = -15 * rise + 7 * tilt - bend
    c5 = 6 * rise - 3 * tilt + bend / 2
    return np.ascontiguousarray(np.stack([c0, c1, c2, c3, c4, c5], axis=1))


@lru_cache(maxsize=1)
def erfc_rows() -> Array:
    """(R, 6) table of erfc(x) with ERFC_STEPS rows per unit of x, to 1e-15, up to ERFC_END."""
    x = np.arange(round(ERFC_END * ERFC_STEPS) + 1) / ERFC_STEPS
    slope = -2 / sqrt(pi) * np.exp(-x * x)
    value = torch.erfc(torch.from_numpy(x)).numpy()
    return quintic_rows(value, slope, -2 * x * slope, 1 / ERFC_STEPS)


@dataclass(frozen=True, slots=True)
class PenetrationTables:
    """The penetrations 1 − r·φ_ab(r) of all pairs of D densities.

    rows: (R, 6), the tables one after another. first: (D, D) int64, the first row of each pair. steps:
    (D, D), rows per Å. ends: (D, D) Å, from where on the penetration is zero (below 1e-15); 0 for points.
    """

    rows: Array
    first: Array
    steps: Array
    ends: Array


@lru_cache(maxsize=32)
def penetration_tables(densities: tuple[Density, ...]) -> PenetrationTables:
    """Tables of all pairs of densities, checked against `penetration` between the knots."""
    count = len(densities)
    blocks: list[Array] = [np.zeros((1, 6))]
    first = np.zeros((count, count), dtype=np.int64)
    steps, ends = np.ones((count, count)), np.zeros((count, count))
    for i, a in enumerate(densities):
        for j, b in enumerate(densities[: i + 1]):
            if a == Point() and b == Point():
                continue
            rows, step, end = _table((a, b))
            first[i, j] = first[j, i] = sum(len(block) for block in blocks)
            steps[i, j] = steps[j, i] = step
            ends[i, j] = ends[j, i] = end
            blocks.append(rows)
    return PenetrationTables(np.concatenate(blocks), first, steps, ends)


def _table(pair: Sequence[Density]) -> tuple[Array, float, float]:
    a, b = pair
    end = reach((a, b) if a != b else (a,), 1e-14)
    count = FEWEST
    while count <= MOST:
        spacing = end / count
        knots = torch.arange(count + 1, dtype=torch.float64) * spacing
        rows = quintic_rows(*_derivatives(lambda r: penetration(a, b, r), knots), spacing)
        middle = rows @ 0.5 ** np.arange(6)
        exact = penetration(a, b, knots[:-1] + spacing / 2).numpy()
        if np.abs(middle - exact).max() < EXACT:
            return rows, count / end, end
        count *= 2
    raise ModelError(
        f"no table of {MOST} rows holds the interaction of {a} and {b} to {EXACT:.0e}.",
        remedy="use densities whose widths differ less.",
    )


def _derivatives(function: Callable[[Tensor], Tensor], r: Tensor) -> tuple[Array, Array, Array]:
    """Value and first two derivatives at each r (P,)."""
    at = r.clone().requires_grad_()
    value = function(at)
    (slope,) = torch.autograd.grad(value.sum(), at, create_graph=True)
    (curvature,) = torch.autograd.grad(slope.sum(), at)
    return value.detach().numpy(), slope.detach().numpy(), curvature.numpy()
