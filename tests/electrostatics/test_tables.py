import numpy as np
import pytest
import torch
from periodic_oracle import DENSITIES
from scipy import special

from superion.electrostatics import Gaussian, Point, Slater, penetration
from superion.electrostatics.tables import (
    ERFC_END,
    ERFC_STEPS,
    erfc_rows,
    look_up,
    penetration_tables,
    quintic_rows,
)
from superion.errors import ModelError


def table(rows, first, steps, r):
    value, slope = np.array([look_up(rows, first, x * steps) for x in r]).T
    return value, slope * steps


def test_erfc():
    x = np.random.default_rng(0).uniform(0, ERFC_END - 1e-9, 5000)
    value, slope = table(erfc_rows(), 0, ERFC_STEPS, x)
    np.testing.assert_allclose(value, special.erfc(x), rtol=0, atol=2e-15)
    np.testing.assert_allclose(slope, -2 / np.sqrt(np.pi) * np.exp(-x * x), rtol=0, atol=2e-12)


EXTREME = {"narrow and wide": (Gaussian(0.05), Gaussian(2.0)), "7s": (Slater(3.0, 7), Slater(0.9, 7))}


@pytest.mark.parametrize("name", [*DENSITIES, *EXTREME])
def test_penetrations(name):
    densities = {**DENSITIES, **EXTREME}[name]
    tables = penetration_tables(densities)
    for i, a in enumerate(densities):
        for j, b in enumerate(densities):
            end = tables.ends[i, j]
            if end == 0:
                assert a == b == Point()
                continue
            r = torch.from_numpy(np.random.default_rng(i).uniform(0.01, end - 1e-9, 3000)).requires_grad_()
            exact = penetration(a, b, r)
            (exact_slope,) = torch.autograd.grad(exact.sum(), r)
            value, slope = table(tables.rows, tables.first[i, j], tables.steps[i, j], r.detach().numpy())
            np.testing.assert_allclose(value, exact.detach(), rtol=0, atol=3e-14)
            np.testing.assert_allclose(slope, exact_slope, rtol=0, atol=1e-10)
            beyond = penetration(a, b, torch.tensor([end], dtype=torch.float64))
            assert abs(beyond.item()) < 2e-15


def test_the_slope_is_the_derivative_of_the_table():
    """Of a table so coarse that neither is exact."""
    knots = np.linspace(0, 4, 5)
    rows = quintic_rows(np.sin(knots), np.cos(knots), -np.sin(knots), 1.0)
    for x in (0.3, 1.0, 2.7):
        h = 1e-5
        ends = [look_up(rows, 0, x + s)[0] for s in (h, -h)]
        assert (ends[0] - ends[1]) / (2 * h) == pytest.approx(look_up(rows, 0, x)[1], abs=1e-10)
    assert abs(look_up(rows, 0, 2.7)[0] - np.sin(2.7)) > 1e-7


def test_hermite_error_bound():
    """h⁶/46080 times the largest sixth derivative."""
    for spacing in (0.5, 0.25):
        knots = np.arange(0, 4 + spacing, spacing)
        rows = quintic_rows(np.sin(knots), np.cos(knots), -np.sin(knots), spacing)
        x = np.linspace(0, 3.99, 400)
        value, _ = table(rows, 0, 1 / spacing, x)
        error = np.abs(value - np.sin(x)).max()
        assert 0.5 < error / (spacing**6 / 46080) <= 1.001


def test_density_that_no_table_can_hold(monkeypatch):
    monkeypatch.setattr("superion.electrostatics.tables.MOST", 100)
    with pytest.raises(ModelError, match="no table of 100 rows"):
        penetration_tables((Gaussian(0.6123),))
