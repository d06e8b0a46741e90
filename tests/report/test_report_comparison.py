from __future__ import annotations

import math

import pytest

from superion.report.comparison import compare
from superion.report.estimates import Estimate


def known(value: float, factor: float = 1.3) -> Estimate:
    return Estimate(value, value / factor, value * factor)


def bound(high: float) -> Estimate:
    return Estimate(None, None, high)


def test_overlapping_intervals_are_no_proof_of_agreement() -> None:
    sentence = compare(500, "Li", known(100.0), known(110.0)).sentence
    assert "no significant difference in σ(Li)" in sentence
    assert "by more than a factor of 1.6 is excluded, a smaller one is not" in sentence


@pytest.mark.parametrize(("with_", "side"), [(300.0, "higher"), (30.0, "lower")])
def test_significant_difference_tells_its_direction(with_: float, side: str) -> None:
    found = compare(500, "Li", known(100.0), known(with_))
    assert f"significantly {side} with electrostatics" in found.sentence


def test_slightly_overlapping_intervals_may_still_differ() -> None:
    """The ratio decides: 95 % intervals may overlap although the difference is significant."""
    gap, es_gap = known(100.0, 1.3), known(160.0, 1.3)
    assert gap.high > es_gap.low
    assert compare(500, "Li", gap, es_gap).outcome == "differs"


def test_both_bounded_is_undecided_and_shows_bounds_as_bounds() -> None:
    found = compare(500, "Li", bound(5.0), bound(0.7))
    assert found.outcome == "undecided"
    assert "only upper bounds are known (GAP < 5.0, ES-GAP < 0.70 mS/cm)" in found.sentence


@pytest.mark.parametrize(
    ("gap", "es_gap", "outcome", "text"),
    [
        (known(100.0), bound(20.0), "differs", "significantly lower with electrostatics"),
        (bound(20.0), known(100.0), "differs", "significantly higher with electrostatics"),
        (known(100.0), bound(90.0), "undecided", "only a limit of the ratio"),
        (bound(90.0), known(100.0), "undecided", "only a limit of the ratio"),
    ],
)
def test_one_bounded(gap: Estimate, es_gap: Estimate, outcome: str, text: str) -> None:
    found = compare(500, "Li", gap, es_gap)
    assert found.outcome == outcome
    assert text in found.sentence
    assert found.ratio is not None
    assert found.ratio.value is None


def test_a_temperature_of_one_potential_has_nothing_to_compare() -> None:
    found = compare(500, "Li", known(10.0), None)
    assert found.outcome == "one only"
    assert found.sentence.startswith("At 500 K there is a result of GAP but none of ES-GAP")


def test_interval_that_reaches_zero_excludes_nothing() -> None:
    found = compare(500, "Li", Estimate(10.0, 0.0, 30.0), known(12.0))
    assert found.outcome == "not resolved"
    assert found.ratio is not None
    assert found.ratio.high == math.inf
    assert "too wide to exclude even a large difference" in found.sentence
