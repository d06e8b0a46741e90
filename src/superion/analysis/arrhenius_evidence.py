"""What one run says of a transport coefficient y at its temperature: a likelihood of ln y, not a mean.

A run with a value has a likelihood whose deviance is a parabola of ln y on either side of the value, through
3.84 at the ends of its 95 % interval: both intervals of `diffusion` (χ² and profile likelihood) are nearly
that, and they need not be symmetric. A run with an upper bound says nothing of how small y may be. Its
deviance is zero up to the best estimate and grows from there as that of a Poisson count does which has the
same estimate and the same bound; without a hop that is 6 y / bound (the rule of three).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.stats import chi2

from superion.analysis.transport_result import TransportResult
from superion.analysis.transport_status import CM2_PER_S

Array = np.ndarray
NORMAL_95 = 1.959964
WIDEST = 1e-3
"""Least ratio of the lower end of an interval to its value that is taken: below it nothing is known."""
MOST = 1e4
"""Events above which a Poisson count is taken to be normal."""
QUANTITIES = {"diffusion": "cm²/s", "conductivity": "S K/cm", "collective": "S K/cm"}
"""What obeys ln y = ln A − Ea/kT, and its unit: D, or σT by Nernst–Einstein, or σT with correlation."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Of one run. temperature: K. value, low, high: of y, its 95 % interval; None where there is a bound.

    best: of a bound, what the run would say without it; at least 0.
    """

    temperature: float
    value: float | None
    low: float | None = None
    high: float | None = None
    bound: float | None = None
    best: float = 0.0

    @property
    def known(self) -> bool:
        """Whether there is a value."""
        return self.value is not None

    @property
    def sigmas(self) -> tuple[float, float]:
        """Standard errors of ln y below and above the value."""
        assert self.value is not None
        assert self.low is not None
        assert self.high is not None
        low = max(self.low, WIDEST * self.value)
        above, below = math.log(self.high / self.value), math.log(self.value / low)
        return max(below, 1e-6) / NORMAL_95, max(above, 1e-6) / NORMAL_95

    def deviance(self, y: Array) -> Array:
        """−2 ln(likelihood over its maximum) at logarithms of y, any shape."""
        if self.value is not None:
            below, above = self.sigmas
            off = y - math.log(self.value)
            return np.asarray((off / np.where(off < 0, below, above)) ** 2)
        assert self.bound is not None
        count, limit = _as_count(self.best / self.bound)
        mean = np.exp(np.minimum(y - math.log(self.bound), 30.0)) * limit
        if count == 0:
            return np.asarray(2 * mean)
        over = np.maximum(mean, count)
        return np.asarray(2 * (over - count - count * np.log(over / count)))


def _as_count(ratio: float) -> tuple[float, float]:
    """Events whose number over its 95 % upper bound is `ratio`, and that bound."""

    def upper(events: float) -> float:
        return float(chi2.ppf(0.95, 2 * (events + 1))) / 2

    if ratio <= 0:
        return 0.0, upper(0.0)
    if ratio >= MOST / upper(MOST):
        return MOST, upper(MOST)
    count = float(brentq(lambda n: n / upper(n) - ratio, 0.0, MOST))
    return count, upper(count)


def evidence(found: TransportResult, quantity: str = "conductivity") -> Evidence | None:
    """Of a transport result; quantity: see `QUANTITIES`. None where it says nothing, or of a melt."""
    kelvin = found.temperature
    if found.status == "melt":
        return None
    if quantity == "diffusion":
        value, interval, bound, factor = found.diffusion, found.diffusion_interval, found.diffusion_bound, 1.0
    elif quantity == "conductivity":
        value, interval, bound = found.conductivity, found.conductivity_interval, found.conductivity_bound
        factor = 1e-3 * kelvin
    else:
        value, interval = found.collective_conductivity, found.collective_interval
        bound, factor = None, 1e-3 * kelvin
    if value is not None and interval is not None and value > 0 and np.isfinite(interval[1]):
        return Evidence(kelvin, factor * value, factor * interval[0], factor * interval[1])
    if bound is None or not 0 < bound < np.inf:
        return None
    quantum = CM2_PER_S * found.hop_length**2 / (6000 * found.length * found.ions * found.replicas)
    limit = found.diffusion_bound
    best = 0.0 if limit is None or limit <= 0 else min(found.hops * quantum / limit, 1.0)
    return Evidence(kelvin, None, bound=factor * bound, best=best * factor * bound)
