from dataclasses import dataclass

import numpy as np
import pytest

from superion.potentials.classical.levenberg_marquardt import minimise


@dataclass
class Valley:
    """Residuals of Rosenbrock's function, whose minimum (1, 1) lies in a bent valley."""

    x: np.ndarray

    @property
    def residuals(self):
        return np.array([10 * (self.x[1] - self.x[0] ** 2), 1 - self.x[0]])

    def jacobian(self):
        return np.array([[-20 * self.x[0], 10], [-1, 0]])


def test_it_follows_a_bent_valley():
    seen = []
    found = minimise(Valley, np.array([-1.2, 1.0]), iterations=200, watch=lambda *step: seen.append(step))
    np.testing.assert_allclose(found.parameters, 1, atol=1e-6)
    assert found.loss < 1e-12
    losses = [loss for _, loss in seen]
    assert losses == sorted(losses, reverse=True)
    assert len(seen) == found.steps < 60


def test_it_stays_where_there_are_residuals():
    """Forbidden beyond 0.5: the best allowed point is found, from the allowed side."""

    def at(x):
        return Valley(x) if x[0] < 0.5 else None

    found = minimise(at, np.array([0.0, 0.0]), iterations=400, tolerance=1e-12)
    assert found.parameters[0] < 0.5
    np.testing.assert_allclose(found.parameters, [0.5, 0.25], atol=0.02)
    assert minimise(at, np.array([0.6, 0.0])) is None


def test_linear_problems_are_solved_at_once():
    rng = np.random.default_rng(0)
    matrix, right = rng.normal(size=(20, 4)), rng.normal(size=20)

    @dataclass
    class Linear:
        x: np.ndarray

        @property
        def residuals(self):
            return matrix @ self.x - right

        def jacobian(self):
            return matrix

    found = minimise(Linear, np.zeros(4), tolerance=1e-14)
    np.testing.assert_allclose(found.parameters, np.linalg.lstsq(matrix, right)[0], rtol=1e-6)
    assert found.loss == pytest.approx(0.5 * np.linalg.lstsq(matrix, right)[1][0])
