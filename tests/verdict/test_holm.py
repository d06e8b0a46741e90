import numpy as np
import pytest

from superion.verdict.uncertain import adjusted


def test_published_example():
    """The example of four tests of which two hold at 5 %; p.adjust(…, "holm") of R gives these numbers."""
    assert adjusted([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_one_test_is_left_alone_and_none_may_be_given():
    assert adjusted([0.03]) == pytest.approx([0.03])
    assert adjusted([]).shape == (0,)
    assert adjusted([0.9, 0.8]) == pytest.approx([1.0, 1.0])


def test_claims_are_those_of_the_step_down_rule():
    rng = np.random.default_rng(3)
    p = rng.uniform(size=(200, 6)) ** 4
    for row, found in zip(p, adjusted(p), strict=True):
        rejected = np.zeros(6, dtype=bool)
        for k, index in enumerate(np.argsort(row)):
            if row[index] > 0.05 / (6 - k):
                break
            rejected[index] = True
        assert (found <= 0.05).tolist() == rejected.tolist()
