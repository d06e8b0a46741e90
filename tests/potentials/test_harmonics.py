import numpy as np
from scipy.special import sph_harm_y

from superion.potentials.many_body.harmonics import harmonics, normalisation

L_MAX = 9


def evaluate(unit):
    n = (L_MAX + 1) ** 2
    value, gradient = np.empty(n), np.empty((3, n))
    q, c, s = np.zeros((L_MAX + 2, L_MAX + 2)), np.empty(L_MAX + 1), np.empty(L_MAX + 1)
    harmonics(*unit, L_MAX, normalisation(L_MAX), value, gradient, q, c, s)
    return value, gradient


def test_against_scipy():
    for unit in np.random.default_rng(0).normal(size=(20, 3)):
        unit /= np.linalg.norm(unit)
        theta, phi = np.arccos(unit[2]), np.arctan2(unit[1], unit[0])
        value = evaluate(unit)[0]
        for l in range(L_MAX + 1):
            for m in range(l + 1):
                exact = sph_harm_y(l, m, theta, phi) * (-1) ** m * (np.sqrt(2) if m else 1)
                assert abs(value[l * l + l + m] - exact.real) < 1e-12
                if m:
                    assert abs(value[l * l + l - m] - exact.imag) < 1e-12


def test_gradient_is_that_of_solid_harmonics():
    unit = np.array([0.3, -0.5, np.sqrt(1 - 0.34)])
    value, gradient = evaluate(unit)
    degree = np.repeat(np.arange(L_MAX + 1), 2 * np.arange(L_MAX + 1) + 1)
    h = 1e-6
    for k in range(3):
        sides = []
        for sign in (1, -1):
            moved = unit + sign * h * np.eye(3)[k]
            r = np.linalg.norm(moved)
            sides.append(evaluate(moved / r)[0] * r**degree)
        np.testing.assert_allclose(gradient[k], (sides[0] - sides[1]) / (2 * h), atol=2e-8)
    np.testing.assert_allclose(unit @ gradient, degree * value, atol=1e-12)
