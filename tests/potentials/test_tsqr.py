import numpy as np
import pytest

from superion.errors import InputError
from superion.potentials.gap import tsqr
from superion.potentials.gap.tsqr import StreamingLeastSquares, solve_upper


@pytest.mark.parametrize("pieces", [1, 7, 50])
def test_streaming_equals_dense(pieces):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(400, 30)) * np.logspace(0, -5, 30), rng.normal(size=(400, 2))
    problem = StreamingLeastSquares(30, 2)
    for rows, targets in zip(np.array_split(a, pieces), np.array_split(b, pieces), strict=True):
        problem.add(rows, targets)
    weights, factor = problem.solve()
    q, r = np.linalg.qr(a)
    dense = np.linalg.solve(r, q.T @ b)
    np.testing.assert_allclose(weights, dense, rtol=1e-9)
    np.testing.assert_allclose(factor, np.sign(np.diag(r))[:, None] * r, atol=1e-10 * np.abs(r).max())


def test_triangles_to_begin_with_and_copies_are_equations_like_others():
    rng = np.random.default_rng(2)
    first, second = (np.triu(rng.normal(size=(size, size))) for size in (3, 4))
    rows, right = rng.normal(size=(40, 9)), rng.normal(size=(40, 1))
    whole, begun = StreamingLeastSquares(9, 1), StreamingLeastSquares(9, 1)
    for part, upper in ((slice(0, 3), first), (slice(5, 9), second)):
        full = np.zeros((len(upper), 9))
        full[:, part] = upper
        whole.add(full, np.zeros((len(upper), 1)))
        begun.begin(part, upper)
    begun.add(rows[:10], right[:10])
    other = begun.copy()
    begun.add(rows, 7 * right)
    for problem in (whole, other):
        problem.add(rows[10:] if problem is other else rows, right[10:] if problem is other else right)
    np.testing.assert_allclose(other.solve()[0], whole.solve()[0], rtol=1e-12)
    np.testing.assert_allclose(other.solve()[1], whole.solve()[1], atol=1e-12)


def test_memory_does_not_grow_with_rows():
    problem = StreamingLeastSquares(10, 1)
    held = []
    rng = np.random.default_rng(0)
    for _ in range(100):
        problem.add(rng.normal(size=(17, 10)), rng.normal(size=(17, 1)))
        held.append(problem._pending.size + problem._factor.size)
    assert max(held) == held[0] == (tsqr.BATCH + 11) * 11


def test_what_cannot_be_solved_is_said():
    problem = StreamingLeastSquares(3, 1)
    problem.add(np.ones((2, 3)), np.ones((2, 1)))
    with pytest.raises(InputError, match="2 equations cannot determine 3 unknowns"):
        problem.solve()
    problem = StreamingLeastSquares(3, 1)
    problem.add(np.ones((5, 3)), np.ones((5, 1)))
    with pytest.raises(InputError, match="singular"):
        problem.solve()


def test_triangular_solves():
    upper = np.triu(np.random.default_rng(0).normal(size=(5, 5))) + 3 * np.eye(5)
    b = np.arange(10.0).reshape(5, 2)
    np.testing.assert_allclose(upper @ solve_upper(upper, b), b, atol=1e-12)
    np.testing.assert_allclose(upper.T @ solve_upper(upper, b, transpose=True), b, atol=1e-12)


def test_an_empty_column_and_few_rows_reduce():
    """Reflectors of nothing are the identity: the first rows need not fill the factor."""
    rng = np.random.default_rng(0)
    a = rng.normal(size=(70, 60))
    a[:20, 5] = 0.0
    a[:, 59] = 0.0
    factor = np.zeros((60, 60))
    for part in np.split(a, 7):
        tsqr.update(factor, part.copy())
    np.testing.assert_allclose(factor.T @ factor, a.T @ a, atol=1e-12)
    np.testing.assert_array_equal(np.tril(factor, -1), 0.0)
