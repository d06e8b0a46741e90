"""Whether values lie on one line of ln y against 1/T, where its slope changes, and how far it carries.

The test of one line against two, split at any temperature with two others on each side, has no textbook
distribution, because the split is chosen: its p-value is that of simulated values on one line (seeded, so
that the same runs give the same answer). How far a line carries is asked of a parabola through the same
values, whose curvature is as large as the runs leave it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import units
from scipy.stats import chi2

from superion.analysis.arrhenius_evidence import NORMAL_95, Evidence
from superion.analysis.arrhenius_posterior import inverse, posterior, straight, values_of

Array = np.ndarray
RARE = 0.01
"""Probability by chance below which a change of slope, or scatter, is believed."""
DRAWS = 4000
FACTOR = 10.0
"""By which an unseen curvature may change a value that the runs still carry."""
COLDEST = 50.0
"""K."""


@dataclass(frozen=True, slots=True)
class Straightness:
    """misfit_p: of one line, None for two temperatures. split_p, split: of two lines, K between them."""

    misfit_p: float | None
    split_p: float | None
    split: float | None
    widen: float = 1.0

    @property
    def bends(self) -> bool:
        """Whether two lines are needed."""
        return self.split_p is not None and self.split_p < RARE


def straightness(known: Sequence[Evidence]) -> Straightness:
    """Of runs with values, at two or more temperatures."""
    kelvins = sorted({one.temperature for one in known})
    if len(known) < 3:
        return Straightness(None, None, None)
    residuals = straight(known).residuals
    square = float(residuals @ residuals)
    freedom = len(known) - 2
    misfit = float(chi2.sf(square, freedom))
    splits = [0.5 * (kelvins[k - 1] + kelvins[k]) for k in range(2, len(kelvins) - 1)]
    split = split_p = None
    if splits:
        x, y, error = values_of(known)
        hot = [x < inverse(kelvin) for kelvin in splits]
        gains = _gains(x, error, hot, (y / error)[:, None])[:, 0]
        rng = np.random.default_rng(0)
        null = _gains(x, error, hot, rng.normal(size=(len(x), DRAWS))).max(axis=0)
        split_p = float((1 + np.count_nonzero(null >= gains.max())) / (1 + DRAWS))
        split = splits[int(gains.argmax())]
    widen = float(np.sqrt(square / freedom)) if misfit < RARE else 1.0
    return Straightness(misfit, split_p, split, max(widen, 1.0))


def _gains(x: Array, error: Array, hot: list[Array], scaled: Array) -> Array:
    """(S, D) squares that two lines take away more than one, of data (R, D) in standard errors."""

    def left(mask: Array) -> Array:
        design = np.column_stack([np.ones(mask.sum()), x[mask]]) / error[mask, None]
        basis, _ = np.linalg.qr(design)
        off = scaled[mask] - basis @ (basis.T @ scaled[mask])
        return np.asarray((off * off).sum(axis=0))

    one = left(np.ones(len(x), dtype=bool))
    return np.array([one - left(mask) - left(~mask) for mask in hot])


def below_the_line(known: Sequence[Evidence], bounds: Sequence[Evidence]) -> list[Evidence]:
    """Bounds that the line through the values lies above, by more than chance."""
    found = []
    line = posterior(known)
    for one in bounds:
        low, middle, _ = line.log_value(float(inverse(one.temperature)))
        half = (middle - low) / NORMAL_95
        allowed = chi2.isf(RARE, 1)
        y = np.linspace(middle - 6 * half, middle + 2 * half, 400)
        if (one.deviance(y) + ((y - middle) / max(half, 1e-9)) ** 2).min() > allowed:
            found.append(one)
    return found


def reach(known: Sequence[Evidence], widen: float = 1.0) -> float | None:
    """The coldest temperature (K) to which the runs carry; None for fewer than three temperatures.

    There, the 95 % interval of a parabola through the values ends a factor of ten from the line.
    """
    if len({one.temperature for one in known}) < 3:
        return None
    x, y, error = values_of(known)
    error = widen * error
    scale = np.ptp(x)
    middle = float(x.mean())

    def design(at: Array, order: int) -> Array:
        return ((at[:, None] - middle) / scale) ** np.arange(order + 1)

    def fit(at: Array, order: int) -> tuple[Array, Array]:
        rows = design(x, order) / error[:, None]
        covariance = np.linalg.inv(rows.T @ rows)
        found = covariance @ rows.T @ (y / error)
        there = design(at, order)
        return there @ found, np.sqrt(np.einsum("pa,ab,pb->p", there, covariance, there))

    colder = np.linspace(x.max(), 1 / (units.kB * COLDEST), 2000)
    line, _ = fit(colder, 1)
    curve, spread = fit(colder, 2)
    lost = np.flatnonzero(np.abs(curve - line) + NORMAL_95 * spread > np.log(FACTOR))
    last = colder[-1] if not len(lost) else colder[max(lost[0] - 1, 0)]
    return float(1 / (units.kB * last))
