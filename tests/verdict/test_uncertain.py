import numpy as np
import pytest
from scipy.special import stdtr, stdtrit

from superion.verdict.uncertain import Part, Uncertain, exceedance, half_width


def student(value, error, freedom):
    return Uncertain(value, {"fit": Part(error**2, freedom)})


@pytest.mark.parametrize(
    ("freedom", "quantile"),  # Student's t, 97.5 %: Fisher and Yates, Statistical Tables (1938), table III
    [(2, 4.303), (4, 2.776), (9, 2.262), (30, 2.042), (np.inf, 1.960)],
)
def test_intervals_of_one_source_are_those_of_student(freedom, quantile):
    low, high = student(3.0, 0.5, freedom).interval()
    assert (high - low) / 2 == pytest.approx(0.5 * quantile, abs=0.5 * 6e-4)
    assert (high + low) / 2 == pytest.approx(3.0)


def test_p_values_and_intervals_agree():
    rng = np.random.default_rng(0)
    for _ in range(20):
        parts = {n: Part(rng.uniform(0.1, 2), nu) for n, nu in (("a", 2), ("b", 9), ("c", np.inf))}
        found = Uncertain(rng.normal(), parts)
        level = 10 ** rng.uniform(-6, -0.5)
        low, high = found.interval(level)
        assert found.above(low) == pytest.approx(level / 2, rel=1e-8)
        assert found.below(high) == pytest.approx(level / 2, rel=1e-8)
        assert found.above(found.value + 1) == pytest.approx(1 - found.below(found.value + 1))
        assert found.above(found.value + 1) > 0.5
    assert found.error == pytest.approx(np.sqrt(sum(p.variance for p in parts.values())))


def test_a_source_without_variance_changes_nothing():
    one = student(1.0, 0.3, 4)
    two = Uncertain(1.0, {**one.parts, "other": Part(0.0)})
    assert one.above(0.2) == pytest.approx(stdtr(4, -0.8 / 0.3)) == two.above(0.2)
    assert one.interval() == two.interval()


def test_without_any_error_there_is_no_doubt():
    exact = Uncertain(1.0, {"fit": Part(0.0, 2)})
    assert exact.above(0.9) < 1e-15
    assert exact.above(1.1) == pytest.approx(1.0)
    assert exact.above(1.0) == 0.5


@pytest.mark.parametrize("fits", [3, 5, 10])
@pytest.mark.parametrize("tail", [0.025, 0.005])
def test_tails_hold_for_any_mixture_of_sources(fits, tail):
    """200 000 draws; three standard deviations of the binomial are allowed."""
    rng, count = np.random.default_rng(fits), 200_000
    allowed = tail + 3 * np.sqrt(tail / count)
    for known in (0.0, 0.1, 0.3, 1.0, 10.0):
        spread = rng.chisquare(fits - 1, count) / (fits - 1)
        frames = 0.5 * rng.chisquare(9, count) / 9
        off = rng.normal(size=count) * np.sqrt(1 + known + 0.5)
        half = half_width(tail, [spread, frames, np.full(count, known)], [fits - 1, 9, np.inf])
        assert np.mean(off > half) <= allowed
    alone = np.mean(rng.normal(size=count) > half_width(tail, [spread], [fits - 1]))
    assert abs(alone - tail) < 3 * np.sqrt(tail / count)


def test_one_t_of_effective_degrees_of_freedom_would_err_too_often():
    """Why Welch's and Satterthwaite's approximation is not used; three fits, the first of ten tests."""
    rng, count, tail = np.random.default_rng(1), 200_000, 0.005
    spread, known = rng.chisquare(2, count) / 2, 0.1
    off = rng.normal(size=count) * np.sqrt(1 + known)
    freedom = (spread + known) ** 2 / (spread**2 / 2)
    assert np.mean(off > -stdtrit(freedom, tail) * np.sqrt(spread + known)) > 3 * tail
    assert np.mean(exceedance(off, [spread, np.full(count, known)], [2, np.inf]) < tail) < tail
