"""The posterior of an activation energy and a prefactor, ln y = ln A − Ea/kT, from what each run says of y.

Flat priors of ln A and Ea; the product of the likelihoods of the runs on a grid, which is found by looking
where they are not negligible. No mean or error bar of a run is needed, and a run with an upper bound counts
as one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import units
from scipy.optimize import brentq, minimize_scalar

from superion.analysis.arrhenius_evidence import Evidence

Array = np.ndarray
POINTS = 161
"""Of the grid, along each axis."""
SMALLEST = 1e-5
"""Weight over the largest below which a point of the grid does not count in a quantile."""
NEGLIGIBLE = 30.0
"""Deviance above the least one from which on nothing counts."""
ONE_SIDED = 2.71
"""Rise of a deviance at a 95 % bound."""
LARGEST = 20.0
"""eV: no activation energy is larger."""


def inverse(kelvin: Array | Sequence[float] | float) -> Array:
    """1/kT in 1/eV."""
    return np.asarray(1 / (units.kB * np.asarray(kelvin, dtype=float)))


@dataclass(frozen=True, slots=True)
class Line:
    """Weighted least squares of the runs with values: ln y = centre − slope (1/kT − middle).

    covariance: (2, 2) of centre and slope. residuals: in standard errors.
    """

    middle: float
    centre: float
    slope: float
    covariance: Array
    residuals: Array


def straight(known: Sequence[Evidence]) -> Line:
    """The line through two or more values, with errors that are the mean of both sides."""
    x, y, error = values_of(known)
    weight = 1 / error**2
    middle = float(weight @ x / weight.sum())
    design = np.column_stack([np.ones_like(x), middle - x])
    covariance = np.linalg.inv(design.T @ (weight[:, None] * design))
    centre, slope = covariance @ design.T @ (weight * y)
    return Line(middle, float(centre), float(slope), covariance, (y - design @ [centre, slope]) / error)


def values_of(known: Sequence[Evidence]) -> tuple[Array, Array, Array]:
    """1/kT (1/eV), ln y and its standard error, of runs with values."""
    x = inverse([one.temperature for one in known])
    y = np.log([one.value or np.nan for one in known])
    return x, y, np.array([np.mean(one.sigmas) for one in known])


@dataclass(frozen=True, slots=True)
class Posterior:
    """Weights (P, P) of slopes Ea (P,) in eV and of centres (P,), ln y where 1/kT is `middle`."""

    slopes: Array
    centres: Array
    weights: Array
    middle: float

    def energy(self) -> tuple[float, float, tuple[float, float]]:
        """Median of Ea, its standard deviation, its 95 % interval, eV."""
        density = self.weights.sum(axis=1)
        mean = float(density @ self.slopes)
        deviation = float(np.sqrt(density @ (self.slopes - mean) ** 2))
        low, middle, high = _quantiles(self.slopes, density)
        return middle, deviation, (low, high)

    def log_value(self, x: float) -> tuple[float, float, float]:
        """2.5, 50 and 97.5 % quantiles of ln y where 1/kT is x (1/eV); x = 0: of ln A."""
        values = self.centres[None, :] - self.slopes[:, None] * (x - self.middle)
        counts = self.weights > SMALLEST * self.weights.max()
        return _quantiles(values[counts], self.weights[counts])


def posterior(runs: Sequence[Evidence], widen: float = 1.0) -> Posterior:
    """Of two or more values at different temperatures and any bounds; widen: factor of all errors."""
    line = straight([one for one in runs if one.known])
    errors = widen * np.sqrt(np.diag(line.covariance))
    centres = line.centre + 12 * errors[0] * np.linspace(-1, 1, POINTS)
    slopes = line.slope + 12 * errors[1] * np.linspace(-1, 1, POINTS)
    for _ in range(4):
        deviance = _deviance(runs, slopes, centres, line.middle) / widen**2
        inside = deviance < deviance.min() + NEGLIGIBLE
        new_slopes, new_centres = _around(slopes, inside.any(axis=1)), _around(centres, inside.any(axis=0))
        settled = np.ptp(new_slopes) > 0.7 * np.ptp(slopes) and np.ptp(new_centres) > 0.7 * np.ptp(centres)
        edge = inside[[0, -1]].any() or inside[:, [0, -1]].any()
        slopes, centres = new_slopes, new_centres
        if settled and not edge:
            break
    deviance = _deviance(runs, slopes, centres, line.middle) / widen**2
    weights = np.exp(-0.5 * (deviance - deviance.min()))
    return Posterior(slopes, centres, weights / weights.sum(), line.middle)


def _around(axis: Array, inside: Array) -> Array:
    """The part of an axis that counts; farther where it ends at the edge."""
    step = axis[1] - axis[0]
    first, last = np.flatnonzero(inside)[[0, -1]]
    room = np.ptp(axis)
    low = axis[first] - (room if first == 0 else step)
    high = axis[last] + (room if last == len(axis) - 1 else step)
    return np.linspace(low, high, POINTS)


def _deviance(runs: Sequence[Evidence], slopes: Array, centres: Array, middle: float) -> Array:
    found = np.zeros((len(slopes), len(centres)))
    for one in runs:
        found += one.deviance(centres[None, :] - slopes[:, None] * (inverse(one.temperature) - middle))
    return found


def least_deviance(runs: Sequence[Evidence], slope: float) -> float:
    """Of all prefactors, at a slope Ea in eV."""
    known = [one for one in runs if one.known]
    x = inverse([one.temperature for one in known])
    starts = np.log([one.value or np.nan for one in known]) + slope * x
    low, high = float(starts.min()) - 10, float(starts.max()) + 10
    found = minimize_scalar(
        lambda a: float(sum(one.deviance(a - slope * inverse(one.temperature)) for one in runs)),
        bounds=(low, high),
        method="bounded",
        options={"xatol": 1e-6},
    )
    return float(found.fun)


def least_energy(runs: Sequence[Evidence]) -> float | None:
    """95 % lower bound of Ea (eV) from values at one temperature and bounds at colder ones, if there is."""
    coldest = min(one.temperature for one in runs if one.known)
    if not any(one.temperature < coldest for one in runs if not one.known):
        return None

    def rise(slope: float) -> float:
        return least_deviance(runs, slope) - least_deviance(runs, LARGEST) - ONE_SIDED

    return None if rise(0.0) < 0 else float(brentq(rise, 0.0, LARGEST, xtol=1e-4))


def _quantiles(values: Array, weights: Array) -> tuple[float, float, float]:
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    found = np.interp([0.025, 0.5, 0.975], (total - 0.5 * weights[order]) / total[-1], values[order])
    return float(found[0]), float(found[1]), float(found[2])
