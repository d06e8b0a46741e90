import math

import numpy as np
import pytest
import torch
from ase import units
from scipy import integrate

from superion.electrostatics.densities import (
    COULOMB,
    Gaussian,
    Point,
    Slater,
    density_settings,
    interaction,
    pair_penetration,
    penetration,
    reach,
    restore_density,
)
from superion.errors import InputError, ModelError

ALL = [Point(), Gaussian(0.7), Gaussian(1.1), Slater(1.0), Slater(1.4, 3)]
COMPATIBLE = [(a, b) for a in ALL for b in ALL if {a.kind, b.kind} != {"gaussian", "slater"}]


def line(*values):
    return torch.tensor(values, dtype=torch.float64)


def radial_density(density, r):
    if isinstance(density, Gaussian):
        return np.exp(-(r**2) / (2 * density.sigma**2)) / (2 * math.pi * density.sigma**2) ** 1.5
    c, n = 2 * density.zeta, density.n
    return c ** (2 * n + 1) / (4 * math.pi * math.factorial(2 * n)) * r ** (2 * n - 2) * np.exp(-c * r)


def test_coulomb_constant():
    assert pytest.approx(14.3996454, abs=1e-6) == COULOMB
    permittivity = units._eps0
    assert pytest.approx(units._e / (4 * math.pi * permittivity) * 1e10, rel=1e-12) == COULOMB


@pytest.mark.parametrize(("a", "b"), COMPATIBLE)
def test_symmetric_and_coulombic_far_away(a, b):
    r = line(0.3, 1.0, 2.5)
    assert torch.equal(interaction(a, b, r), interaction(b, a, r))
    far = line(60.0, 100.0)
    torch.testing.assert_close(interaction(a, b, far), 1 / far, rtol=1e-14, atol=0)


@pytest.mark.parametrize(("a", "b"), COMPATIBLE)
def test_penetration_is_the_missing_part(a, b):
    r = line(0.05, 0.3, 1.0, 2.5, 6.0)
    torch.testing.assert_close(penetration(a, b, r), 1 - r * interaction(a, b, r), rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("density", [Gaussian(0.7), Slater(1.0), Slater(1.4, 3)])
def test_potential_of_a_point_is_gauss_law(density):
    """V(R) = Q(<R)/R + ∫_R^∞ 4πrρ dr, with the enclosed charge by numerical quadrature."""
    for R in (0.2, 0.9, 2.0, 4.0):
        charge, _ = integrate.quad(
            lambda r: 4 * math.pi * r**2 * radial_density(density, r), 0, R, epsabs=1e-13
        )
        shell, _ = integrate.quad(lambda r: 4 * math.pi * r * radial_density(density, r), R, 40, epsabs=1e-13)
        found = interaction(density, Point(), line(R)).item()
        assert found == pytest.approx(charge / R + shell, rel=1e-10)


@pytest.mark.parametrize("density", [Gaussian(0.7), Slater(1.0), Slater(1.4, 3)])
def test_second_moment(density):
    moment, _ = integrate.quad(
        lambda r: 4 * math.pi * r**4 * radial_density(density, r), 0, 60, points=[1, 3], limit=200
    )
    assert density.second_moment == pytest.approx(moment, rel=1e-9)


def test_gaussian_is_an_error_function():
    a, b, r = Gaussian(0.6), Gaussian(0.8), line(0.004, 0.5, 2.0)
    expected = torch.erf(r / math.sqrt(2.0)) / r  # 2(0.36 + 0.64) = 2
    torch.testing.assert_close(interaction(a, b, r), expected, rtol=1e-13, atol=0)
    at_contact = interaction(a, b, line(0.0)).item()
    assert at_contact == pytest.approx(math.sqrt(2 / math.pi), rel=1e-14)


def test_gaussian_is_smooth_at_small_distance():
    r = torch.tensor([0.0, 1e-4, 0.0141, 0.01415, 0.5], dtype=torch.float64)
    torch.autograd.gradcheck(lambda x: interaction(Gaussian(0.6), Gaussian(0.8), x), r[1:].requires_grad_())
    below, above = interaction(Gaussian(0.6), Gaussian(0.8), math.sqrt(2) * line(0.01 - 1e-13, 0.01 + 1e-13))
    assert abs(below - above) < 1e-13


def test_narrow_gaussian_is_a_point():
    r = line(0.1, 1.0)
    torch.testing.assert_close(interaction(Gaussian(1e-3), Gaussian(1e-3), r), 1 / r, rtol=1e-14, atol=0)


def test_screening_is_twice_the_exponent():
    assert Slater.from_screening(2.0) == Slater(1.0, 1)


@pytest.mark.parametrize(
    "densities", [(Slater(1.0),), (Gaussian(0.5), Gaussian(1.5)), (Point(), Slater(1.4, 3))]
)
def test_reach_is_where_densities_have_decayed(densities):
    distance = reach(densities, 1e-8)
    worst = max(penetration(a, b, line(distance)).item() for a in densities for b in densities)
    assert 0.9e-9 < worst <= 1e-9


def test_points_have_no_reach():
    assert reach((Point(),), 1e-8) == 0.0


def test_pairs_of_several_kinds():
    densities = (Point(), Slater(1.0), Slater(1.4, 3))
    kinds = torch.tensor([0, 1, 2, 1])
    i, j = torch.triu_indices(4, 4, offset=1)
    r = torch.linspace(0.5, 3.0, len(i), dtype=torch.float64)
    found = pair_penetration(densities, kinds, i, j, r)
    for k in range(len(i)):
        a, b = densities[kinds[i[k]]], densities[kinds[j[k]]]
        assert found[k] == pytest.approx(penetration(a, b, r[k : k + 1]).item(), rel=1e-13)
    shifted = pair_penetration(densities, kinds, i, j, torch.full_like(r, 3.0), cutoff=3.0)
    assert shifted.abs().max() < 1e-15


def test_gaussian_with_slater_is_refused():
    with pytest.raises(InputError, match="Remedy: use Gaussian or Slater"):
        penetration(Gaussian(0.5), Slater(1.0), line(1.0))


@pytest.mark.parametrize("make", [lambda: Gaussian(0.0), lambda: Slater(-1.0), lambda: Slater(float("nan"))])
def test_widths_must_be_positive(make):
    with pytest.raises(InputError, match="must be a positive number"):
        make()


@pytest.mark.parametrize("n", [0, 8, 1.5])
def test_principal_quantum_number_is_checked(n):
    with pytest.raises(InputError, match="1 to 7"):
        Slater(1.0, n)


@pytest.mark.parametrize("density", ALL)
def test_settings_round_trip(density):
    assert restore_density(density_settings(density)) == density


def test_unknown_kind_is_refused():
    with pytest.raises(ModelError, match="unknown charge density"):
        restore_density({"kind": "cubic"})
