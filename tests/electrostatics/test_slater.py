import mpmath
import numpy as np
import pytest
import torch

from superion.electrostatics import slater
from superion.electrostatics.slater import screened_1s, slater_pair
from superion.errors import InputError

DISTANCES = (0.002, 0.05, 0.4, 1.3, 3.0, 8.0)
PAIRS = [
    (1, 1.0, 1, 1.0),
    (1, 1.0, 1, 1.0 + 1e-9),
    (1, 1.0, 1, 1.001),
    (1, 1.2, 1, 0.7),
    (2, 1.1, 3, 1.1),
    (2, 1.0, 3, 2.5),
    (3, 1.1, 3, 1.0999),
    (3, 0.5, 5, 5.0),
    (1, 0.3, 4, 30.0),
    (6, 1.0, 6, 1.4),
    (7, 1.0, 7, 1.0),
]


def by_quadrature(n_a, zeta_a, n_b, zeta_b, distance):
    """J(R): mean over density b of the potential of density a, with 24 digits.

    ∫ρ_b V_a = (2π/R) ∫ r ρ_b(r) [W(R + r) − W(|R − r|)] dr, W' = sV_a(s), by elementary integration.
    """
    with mpmath.workdps(24):
        a, b, R = 2 * mpmath.mpf(zeta_a), 2 * mpmath.mpf(zeta_b), mpmath.mpf(distance)

        def W(s):
            x, total = a * s, mpmath.mpf(0)
            for l in range(2 * n_a):
                tail = sum(x**m / mpmath.factorial(m) for m in range(l + 1))
                total += mpmath.mpf(2 * n_a - l) / (2 * n_a) * tail
            return s + mpmath.exp(-x) * total / a

        norm = b ** (2 * n_b + 1) / (4 * mpmath.pi * mpmath.factorial(2 * n_b))

        def integrand(r):
            return norm * r ** (2 * n_b - 1) * mpmath.exp(-b * r) * (W(R + r) - W(abs(R - r)))

        points = [0, R / 2, R, R + 2 / b, R + 8 / b, R + 25 / b, R + 100 / b]
        return float(2 * mpmath.pi / R * mpmath.quad(integrand, points))


@pytest.mark.parametrize("pair", PAIRS)
def test_agrees_with_quadrature(pair):
    distances = DISTANCES if pair[0] < 6 else DISTANCES[1::2]
    expected = [by_quadrature(*pair, R) for R in distances]
    found = slater_pair(*pair).interaction(torch.tensor(distances, dtype=torch.float64))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-10)


def test_textbook_1s_with_different_exponents():
    """The closed form of Rosen for 1s–1s, far from equal exponents where it is well-conditioned."""
    a, b = 1.0, 2.5
    r = torch.linspace(0.5, 6.0, 12, dtype=torch.float64)
    k = (a**2 + b**2) / (a**2 - b**2)
    expected = (
        1
        - (1 - k) ** 2 / 4 * (2 + k + a * r) * torch.exp(-2 * a * r)
        - (1 + k) ** 2 / 4 * (2 - k + b * r) * torch.exp(-2 * b * r)
    ) / r
    torch.testing.assert_close(slater_pair(1, a, 1, b).interaction(r), expected, rtol=1e-12, atol=0)


def test_closed_form_1s_is_the_equal_exponent_pair():
    r = torch.linspace(0.1, 9.0, 30, dtype=torch.float64)
    torch.testing.assert_close(
        screened_1s(r, 2.0), slater_pair(1, 1.0, 1, 1.0).interaction(r), rtol=1e-13, atol=0
    )


def test_limit_at_contact():
    """J(0) of two equal 1s densities is 5ζ/8, of different ones ab(a² + 3ab + b²)/(a + b)³."""
    zero = torch.zeros(1, dtype=torch.float64)
    assert slater_pair(1, 1.3, 1, 1.3).interaction(zero).item() == pytest.approx(5 / 8 * 1.3, rel=1e-13)
    a, b = 0.8, 1.7
    expected = a * b * (a * a + 3 * a * b + b * b) / (a + b) ** 3
    assert slater_pair(1, a, 1, b).interaction(zero).item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("n", [1, 2, 5, 7])
def test_point_sees_the_potential_of_the_density(n):
    """V(r) = [1 − e^(−x) Σ_l (2n − l)/(2n) x^l/l!]/r with x = 2ζr."""
    r = torch.linspace(0.01, 10, 50, dtype=torch.float64)
    x = 2 * 1.3 * r
    inside = sum((2 * n - l) / (2 * n) * x**l / float(mpmath.factorial(l)) for l in range(2 * n))
    expected = torch.exp(-x) * inside
    torch.testing.assert_close(slater_pair(n, 1.3).penetration(r), expected, rtol=1e-11, atol=1e-14)


def test_nearly_equal_exponents_are_continuous():
    r = torch.linspace(0.0, 6.0, 40, dtype=torch.float64)
    equal = slater_pair(3, 1.2, 4, 1.2).interaction(r)
    for gap in (1e-14, 1e-11, 1e-8):
        near = slater_pair(3, 1.2, 4, 1.2 + gap).interaction(r)
        assert (near - equal).abs().max() < 1e-13 + gap


def test_order_does_not_matter():
    r = torch.linspace(0.0, 6.0, 40, dtype=torch.float64)
    forth, back = slater_pair(2, 1.2, 4, 2.0), slater_pair(4, 2.0, 2, 1.2)
    assert torch.equal(forth.interaction(r), back.interaction(r))


@pytest.mark.parametrize("pair", [(1, 1.0, 1, 1.0), (2, 0.9, 3, 1.6)])
def test_differentiable_in_distance(pair):
    r = torch.tensor([0.0, 1e-3, 0.2, 0.55, 1.0, 4.0], dtype=torch.float64, requires_grad=True)
    integral = slater_pair(*pair)
    (slope,) = torch.autograd.grad(integral.interaction(r).sum(), r)
    assert slope[0] == 0
    torch.autograd.gradcheck(integral.interaction, r[1:].detach().requires_grad_(), atol=1e-8)
    torch.autograd.gradgradcheck(integral.interaction, r[2:].detach().requires_grad_(), atol=1e-7)


def test_smooth_where_the_series_ends():
    """Value and slope agree on both sides of the distance where the small-r series takes over."""
    pair = slater_pair(2, 0.9, 3, 1.6)
    edge = 1 / pair.rates.max().item()
    r = torch.tensor([edge * (1 - 1e-12), edge * (1 + 1e-12)], dtype=torch.float64, requires_grad=True)
    value = pair.interaction(r)
    (slope,) = torch.autograd.grad(value.sum(), r)
    assert abs(value[0] - value[1]) < 1e-11
    assert abs(slope[0] - slope[1]) < 1e-10


def test_integral_that_does_not_converge_is_refused(monkeypatch):
    monkeypatch.setattr(slater, "NODE_COUNTS", (6, 8))
    with pytest.raises(InputError, match="too different"):
        slater_pair(2, 0.123, 2, 45.6)
