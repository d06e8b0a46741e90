import numpy as np
import pytest
from scipy.interpolate import BSpline

from superion.electrostatics.splines import fill_weights, gather, spline_factors, spread

ORDERS = (4, 6, 8, 10, 12)


@pytest.mark.parametrize("order", ORDERS)
def test_weights_are_cardinal_splines(order):
    spline = BSpline.basis_element(np.arange(order + 1), extrapolate=False)
    slope = spline.derivative()
    for w in (0.0, 0.2, 0.77, 1 - 1e-9):
        weights, slopes = np.empty(order), np.empty(order)
        fill_weights(w, weights, slopes)
        u = w + order - 1 - np.arange(order)
        np.testing.assert_allclose(weights, np.nan_to_num(spline(u)), atol=1e-14)
        np.testing.assert_allclose(slopes, np.nan_to_num(slope(u)), atol=1e-14)
        assert weights.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("points", [12, 15, 24])
def test_factors_turn_splines_into_waves(points, order):
    """Waves much longer than the mesh spacing come back, up to (u/(1 − u))^p."""
    x = np.random.default_rng(0).random((5, 3))
    for m in (1, 2):
        centres = np.arange(points) - (order / 2 - 1)  # of the spline of each mesh point
        turn = 2 * np.pi * m
        wave = np.cos(turn * centres / points) / np.sqrt(spline_factors(points, order)[m])
        value, slope = gather(
            np.ascontiguousarray(np.broadcast_to(wave[:, None, None], (points,) * 3)), x, order
        )
        bound = 4 * (m / (points - m)) ** order
        np.testing.assert_allclose(value, np.cos(turn * x[:, 0]), atol=bound + 1e-13)
        exact = -turn * np.sin(turn * x[:, 0])
        np.testing.assert_allclose(slope[:, 0], exact, atol=4 * points * bound + 1e-11)
        np.testing.assert_allclose(slope[:, 1:], 0, atol=1e-11)


@pytest.mark.parametrize("points", [(6, 7, 8), (9, 6, 6), (20, 15, 12)])
def test_gather_is_the_transpose_of_spread(points):
    rng = np.random.default_rng(1)
    x, charges, field = rng.random((30, 3)), rng.normal(size=30), rng.normal(size=points)
    mesh = spread(x, charges, np.array(points), 6)
    value, slope = gather(field, x, 6)
    assert mesh.shape == points
    assert mesh.sum() == pytest.approx(charges.sum())
    assert (mesh * field).sum() == pytest.approx(charges @ value, rel=1e-12)
    h = 1e-6
    for axis in range(3):
        ahead, behind = (gather(field, x + s * np.eye(3)[axis], 6)[0] for s in (h, -h))
        inside = (x[:, axis] > h) & (x[:, axis] < 1 - h)
        np.testing.assert_allclose((ahead - behind)[inside] / (2 * h), slope[inside, axis], atol=1e-6)
