import numpy as np
import pytest
from scipy.special import stdtr

from superion.verdict.rows import Measured, Row
from superion.verdict.rules import tests as claims_of
from superion.verdict.topics import tolerance_of
from superion.verdict.uncertain import Part, Uncertain, all_of, closer, exceeds, within


def uncertain(value, error=1.0, freedom=5.0):
    return Uncertain(value, {"fit": Part(error**2, freedom)})


def test_equivalence_of_a_published_example():
    """Lakens, Soc. Psychol. Personal. Sci. 8, 355 (2017): t(182) = −2.69, p = .004, bounds of 0.43 SD."""
    error = np.sqrt(0.95**2 / 95 + 0.83**2 / 89)
    bound = 0.43 * np.sqrt((0.95**2 + 0.83**2) / 2)
    found = within(uncertain(5.25 - 5.22, error, 182), bound)
    assert (0.03 - bound) / error == pytest.approx(-2.69, abs=0.005)
    assert found == pytest.approx(0.004, abs=0.0005)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_sign_of_a_difference_does_not_matter(sign):
    assert exceeds(uncertain(sign * 3.0), 0.5) == pytest.approx(exceeds(uncertain(3.0), 0.5))
    assert within(uncertain(sign * 0.2), 4.0) == pytest.approx(within(uncertain(0.2), 4.0))


def test_a_difference_is_larger_than_zero_by_the_two_sided_test():
    assert exceeds(uncertain(2.5), 0.0) == pytest.approx(2 * stdtr(5, -2.5))
    assert exceeds(uncertain(0.0), 0.7) == pytest.approx(1.0)


def test_a_claim_and_its_opposite_are_never_both_likely():
    for value in np.linspace(-5, 5, 41):
        assert max(exceeds(uncertain(value), 1.0), within(uncertain(value), 1.0)) >= 0.5


def test_the_second_is_closer_where_the_sum_of_misses_has_the_other_sign():
    for a in (-2.0, 1.0, 3.0):
        for b in (-2.5, 0.3, 2.9):
            p = closer(uncertain(b - a), uncertain(a + b))
            assert (p < 0.5) == (abs(b) < abs(a))


def test_a_conjunction_is_as_likely_as_its_worst_part():
    assert all_of(0.01, 0.2, 0.03) == 0.2


@pytest.mark.parametrize(("error", "claims"), [(2e-5, {"agrees"}), (9e-4, set()), (0.1, {"removes"})])
def test_errors_that_matter_to_nobody_need_nothing(error, claims):
    """Charges remove nine tenths of the error; that matters where the error does."""
    part = {"fit": Part(0.2**2, 10)}
    row = Row("forces", "forces of all atoms", "eV/Å", "error", None, None)
    measured = Measured(Uncertain(np.log(10), part), Uncertain(np.log(error), part))
    tolerance = tolerance_of("forces", "forces of all atoms", "eV/Å", "error", {})
    assert {test.claim for test in claims_of(row, measured, tolerance, None) if test.p < 0.05} == claims
