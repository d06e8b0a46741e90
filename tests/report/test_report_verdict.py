from __future__ import annotations

import math

import pytest

from superion.report.estimates import Estimate
from superion.report.verdict import Verdict, compare, verdict


def known(value: float, factor: float = 1.3) -> Estimate:
    return Estimate(value, value / factor, value * factor)


def bound(high: float) -> Estimate:
    return Estimate(None, None, high)


def judged(*pairs: tuple[Estimate, Estimate]) -> Verdict:
    gap = {300.0 + 100 * k: pair[0] for k, pair in enumerate(pairs)}
    es_gap = {300.0 + 100 * k: pair[1] for k, pair in enumerate(pairs)}
    return verdict("Li", {"gap": gap, "es-gap": es_gap})


def test_overlapping_intervals_are_no_proof_of_agreement() -> None:
    found = judged((known(100.0), known(110.0)))
    assert found.answer == "No difference found"
    assert "not a proof that they agree" in found.summary
    sentence = found.comparisons[0].sentence
    assert "no significant difference in σ(Li)" in sentence
    assert "by more than a factor of 1.6 is excluded, a smaller one is not" in sentence


@pytest.mark.parametrize(("with_", "side"), [(300.0, "higher"), (30.0, "lower")])
def test_significant_difference_tells_its_direction(with_: float, side: str) -> None:
    found = judged((known(100.0), known(with_)))
    assert found.answer == "Yes"
    assert f"significantly {side} with electrostatics" in found.comparisons[0].sentence
    assert any("not which potential is right" in text for text in found.caveats)


def test_slightly_overlapping_intervals_may_still_differ() -> None:
    """The ratio decides: 95 % intervals may overlap although the difference is significant."""
    gap, es_gap = known(100.0, 1.3), known(160.0, 1.3)
    assert gap.high > es_gap.low
    assert compare(500, "Li", gap, es_gap).outcome == "differs"


def test_both_bounded_is_undecided_and_shows_bounds_as_bounds() -> None:
    found = judged((bound(5.0), bound(0.7)))
    assert found.answer == "Undecided"
    assert found.comparisons[0].outcome == "undecided"
    assert "only upper bounds are known (GAP < 5.0, ES-GAP < 0.70 mS/cm)" in found.comparisons[0].sentence


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


def test_temperatures_that_disagree() -> None:
    found = judged((known(10.0), known(40.0)), (known(100.0), known(105.0)), (known(9.0), known(40.0)))
    assert found.answer == "Yes, in part"
    assert "at 300 and 500 K, not demonstrably at 400 K" in found.summary
    assert any("3 temperatures" in text and "about 14 %" in text for text in found.caveats)


def test_no_difference_where_decided_and_undecided_elsewhere() -> None:
    found = judged((bound(5.0), bound(4.0)), (known(100.0), known(105.0)))
    assert found.answer == "No difference found"
    assert "at 400 K (undecided at the others)" in found.summary


def test_one_potential_alone_is_not_answered() -> None:
    found = verdict("Li", {"gap": {500.0: known(10.0)}})
    assert found.answer == "Not answered"
    assert found.comparisons[0].sentence.startswith("At 500 K there is a result of GAP but none of ES-GAP")
    assert found.caveats == []


def test_no_common_temperature() -> None:
    found = verdict("Li", {"gap": {500.0: known(10.0)}, "es-gap": {600.0: known(10.0)}})
    assert found.answer == "Not answered"
    assert [c.outcome for c in found.comparisons] == ["one only", "one only"]


def test_interval_that_reaches_zero_excludes_nothing() -> None:
    found = compare(500, "Li", Estimate(10.0, 0.0, 30.0), known(12.0))
    assert found.outcome == "not resolved"
    assert found.ratio is not None
    assert found.ratio.high == math.inf
    assert "too wide to exclude even a large difference" in found.sentence
