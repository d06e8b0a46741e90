from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import chi2

from superion.report.estimates import (
    Estimate,
    Ratio,
    duration,
    plus_minus,
    ratio,
    written,
    written_ratio,
)


def test_ratio_of_log_symmetric_intervals_adds_widths_in_quadrature() -> None:
    found = ratio(Estimate(20, 20 / 1.5, 30), Estimate(10, 10 / 1.2, 12))
    width = math.exp(math.hypot(math.log(1.5), math.log(1.2)))
    assert found.value == pytest.approx(2)
    assert (found.low, found.high) == (pytest.approx(2 / width), pytest.approx(2 * width))


@pytest.mark.parametrize("freedom", [8, 30])
def test_ratio_covers_the_truth_for_skewed_estimates(freedom: int) -> None:
    """Estimates distributed as χ²/ν with their exact intervals, true ratio 3."""
    rng = np.random.default_rng(1)
    low, high = chi2.ppf([0.025, 0.975], freedom) / freedom
    draws = rng.chisquare(freedom, (4000, 2)) / freedom * [3.0, 1.0]
    inside = 0
    for a, b in draws:
        found = ratio(Estimate(a, a / high, a / low), Estimate(b, b / high, b / low))
        inside += found.low <= 3.0 <= found.high
    assert inside / len(draws) == pytest.approx(0.95, abs=0.015)


def test_ratio_with_bounds_is_the_worst_case() -> None:
    value, bound = Estimate(10, 8, 12), Estimate(None, None, 4)
    assert ratio(bound, value) == Ratio(None, 0.0, 0.5)
    assert ratio(value, bound) == Ratio(None, 2.0, math.inf)
    assert ratio(bound, bound) == Ratio(None, 0.0, math.inf)
    assert [ratio(*pair).differs for pair in ((bound, value), (value, bound), (bound, bound))] == [
        True,
        True,
        False,
    ]


def test_written_estimates() -> None:
    assert written(Estimate(12.3, 8.1, 18.2)) == "12 (8.1–18)"
    assert written(Estimate(100.0, 97.0, 103.0)) == "100 (97.0–103)"
    assert written(Estimate(2.54e-6, 1.9e-6, 3.21e-6)) == "2.5 (1.9–3.2) × 10⁻⁶"
    assert written(Estimate(None, None, 4.24e-7)) == "< 4.2 × 10⁻⁷ (upper bound only)"
    assert written(Estimate(3.0, None, 5.0)) == "< 5.0 (upper bound only)"
    assert written_ratio(Ratio(None, 0.0, 0.25)) == "< 0.25"
    assert written_ratio(Ratio(None, 2.0, math.inf)) == "> 2.0"
    assert written_ratio(Ratio(None, 0.0, math.inf)) == "unknown"


def test_plus_minus_has_matching_decimals() -> None:
    assert plus_minus(0.12073, 0.00642) == "0.1207 ± 0.0064"
    assert plus_minus(0.12073, 0.0996) == "0.121 ± 0.100"
    assert plus_minus(0.12073, None) == "0.121"


def test_durations() -> None:
    assert [duration(s) for s in (None, 0.04, 59.96, 3599.2, 8123.5)] == [
        "–",
        "0.04 s",
        "1 min 0 s",
        "59 min 59 s",
        "2 h 15 min",
    ]
