import numpy as np
import pytest
from scipy.special import spherical_in

from superion.potentials.radial import radial_functions, radial_table, scaled_bessel, transformation


def test_scaled_bessel_functions_against_scipy():
    x = np.array([0.0, 1e-9, 1e-3, 0.1, 1.0, 7.0, 60.0, 300.0])
    expected = np.stack([spherical_in(l, x) * np.exp(-x) for l in range(13)])
    np.testing.assert_allclose(scaled_bessel(x, 12), expected, rtol=1e-12, atol=1e-300)


def test_radial_functions_are_the_projection_integral():
    """The Gaussian at distance r times a basis Gaussian, integrated over the sphere of each radius."""
    centres, matrix = transformation(5.0, 4, 0.5)
    r = np.array([0.7, 2.3, 4.9])
    alpha = 0.5 / 0.5**2
    for l in range(4):
        raw = np.exp(-alpha * (r[:, None] ** 2 + centres**2)) * spherical_in(
            l, 2 * alpha * r[:, None] * centres
        )
        np.testing.assert_allclose(radial_functions(r, 5.0, 4, 3, 0.5)[0][:, l], raw @ matrix, atol=1e-13)


def test_derivatives_by_finite_differences():
    r, h = np.linspace(0.3, 5.7, 40), 1e-5
    low, high = (radial_functions(r + s * h, 6.0, 8, 6, 0.5) for s in (-1, 1))
    exact = radial_functions(r, 6.0, 8, 6, 0.5)
    np.testing.assert_allclose(exact[1], (high[0] - low[0]) / (2 * h), atol=1e-8)
    np.testing.assert_allclose(exact[2], (high[1] - low[1]) / (2 * h), atol=1e-8)


@pytest.mark.parametrize("atom_sigma", [0.3, 0.5])
def test_spline_error_is_below_what_forces_resolve(atom_sigma):
    table, h = radial_table(6.0, 8, 6, atom_sigma)
    r = np.random.default_rng(0).uniform(0, 6.0, 2000)
    k = np.minimum((r / h).astype(int), len(table) - 1)
    t = (r / h - k)[:, None]
    value = sum(t**p * table[k, p] for p in range(6))
    slope = sum(p * t ** (p - 1) * table[k, p] for p in range(1, 6)) / h
    scale = ((2 * np.arange(7) + 1) ** 0.25)[:, None]
    exact = radial_functions(r, 6.0, 8, 6, atom_sigma)[:2] / scale
    assert np.abs(value - exact[0].reshape(len(r), -1)).max() < 2e-11
    assert np.abs(slope - exact[1].reshape(len(r), -1)).max() < 5e-9
