import numpy as np
import pytest

from superion.errors import InputError
from superion.potentials.points.sparse import METHODS, cur, farthest, leverage_scores


def test_leverage_scores_are_those_of_the_svd():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(80, 12)) @ np.diag(np.logspace(0, -6, 12)) @ rng.normal(size=(12, 40))
    left = np.linalg.svd(rows, full_matrices=False)[0][:, :5]
    np.testing.assert_allclose(leverage_scores(rows, 5, rng), (left**2).sum(axis=1) / 5, atol=1e-8)


def test_cur_prefers_the_row_that_nothing_else_explains():
    rng = np.random.default_rng(0)
    rows = np.concatenate([np.outer(rng.normal(size=200), rng.normal(size=8)), 50 * rng.normal(size=(1, 8))])
    chosen = [200 in cur(rows, 2, np.random.default_rng(s)) for s in range(100)]
    assert np.mean(chosen) > 0.6  # two draws of leverage ½ against 1/400 for every other row


def test_farthest_points_cover():
    line = np.linspace(0, 1, 101)[:, None]
    points = np.sort(line[farthest(line, 5, np.random.default_rng(3)), 0])
    assert np.abs(line - points).min(axis=1).max() <= 0.25


@pytest.mark.parametrize("method", METHODS)
def test_copies_are_chosen_once_and_seeds_repeat(method):
    rows = np.repeat(np.random.default_rng(0).normal(size=(10, 3)), 4, axis=0)
    chosen = METHODS[method](rows, 30, np.random.default_rng(0))
    assert len(chosen) == 10
    assert len(np.unique(rows[chosen], axis=0)) == 10
    few = [METHODS[method](rows, 4, np.random.default_rng(5)) for _ in range(2)]
    np.testing.assert_array_equal(*few)
    with pytest.raises(InputError, match="no environments"):
        METHODS[method](rows[:0], 4, np.random.default_rng(0))
    with pytest.raises(InputError, match="at least 1, found 0"):
        METHODS[method](rows, 0, np.random.default_rng(0))
