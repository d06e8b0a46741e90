"""The stability parameter against the elastic problem solved numerically, and what is published of it."""

import numpy as np
import pytest
from ase import units

from superion.analysis.lithium_stability import (
    LITHIUM_POISSON,
    LITHIUM_SHEAR,
    LITHIUM_VOLUME,
    interface_stresses,
    lithium_stability,
)
from superion.errors import InputError


def half_space(shear, poisson, side, h=1e-3):
    """Surface values of the two decaying waves u = (X sin x, Z cos x) of Navier's equations, k = 1.

    Rows (X, Z, σ_xz, σ_zz, σ_xx) by finite differences; side: 1 for z < 0, −1 for z > 0. The ansatz
    X = (a + b z) E, Z = (c + d z) E with E = exp(side z) is checked in the equations themselves.
    """
    m = 1 - 2 * poisson
    waves = []
    for c, d in ((1.0, 0.0), (0.0, 1.0)):
        b = -side * d
        a = 2 * m * side * b - d - side * c

        def wave(z, a=a, b=b, c=c, d=d):
            decay = np.exp(side * z)
            return np.array([(a + b * z) * decay, (c + d * z) * decay])

        def slope(z, wave=wave):
            return (wave(z + h) - wave(z - h)) / (2 * h)

        for z in (0.0, -0.7 * side):
            (x, zz), (xs, zs) = wave(z), slope(z)
            xss, zss = (wave(z + h) - 2 * wave(z) + wave(z - h)) / h**2
            assert m * (xss - x) - (x + zs) == pytest.approx(0, abs=1e-4)
            assert m * (zss - zz) + (xs + zss) == pytest.approx(0, abs=1e-4)
        (x, zz), (xs, zs) = wave(0.0), slope(0.0)
        volume = 2 * shear * poisson / m * (x + zs)
        waves.append([x, zz, shear * (xs - zz), volume + 2 * shear * zs, volume + 2 * shear * x])
    return np.array(waves).T


@pytest.mark.parametrize(("shear", "poisson"), [(1.0, 0.2), (7.0, 0.33), (60.0, 0.26), (3.4, 0.42)])
def test_stresses_are_those_of_two_half_spaces(shear, poisson):
    e, s = half_space(3.4, 0.42, 1), half_space(shear, poisson, -1)
    zero = np.zeros(2)
    equations = np.array([[*e[1], *zero], [*zero, *s[1]], [*e[0], *-s[0]], [*e[2], *-s[2]]])
    amounts = np.linalg.solve(equations, [1, 1, 0, 0])
    found = []
    for part, values in ((amounts[:2], e), (amounts[2:], s)):
        normal, along = values[3] @ part, values[4] @ part
        pressure = -(normal + along) / 2
        found.append((normal + pressure, pressure))
    (te, pe), (ts, ps) = found
    assert interface_stresses(shear, poisson, 3.4, 0.42) == pytest.approx((te - ts, pe + ps), rel=1e-5)


def critical(poisson, ratio):
    """Ratios of shear moduli at which χ of long waves changes its sign."""
    ratios = np.geomspace(1e-2, 1e2, 4001)
    chi = [lithium_stability(r * LITHIUM_SHEAR, poisson, ratio * LITHIUM_VOLUME).chi for r in ratios]
    return ratios[1:][np.diff(np.sign(chi)) != 0]


def test_polymers_must_be_about_twice_as_stiff_as_lithium():
    """Monroe and Newman (2005): a shear modulus about twice that of lithium stops dendrites."""
    for ratio in (6, 13):
        found = critical(0.33, ratio)
        assert len(found) == 1
        assert 1.6 < found[0] < 2.4
    assert lithium_stability(3 * LITHIUM_SHEAR, 0.33, 12.9 * LITHIUM_VOLUME).stable


def test_dense_lithium_in_inorganic_solids_wants_them_soft():
    """Ahmad and Viswanathan (2017): for v < 1 stiff solids are unstable, soft ones can be stable."""
    found = critical(0.3, 0.1)
    assert len(found) == 1
    assert 0.5 < found[0] < 1
    for stiff in (1, 10, 50):
        assert not lithium_stability(stiff * LITHIUM_SHEAR, 0.3, 0.1 * LITHIUM_VOLUME).stable


def test_limits():
    same = lithium_stability(20 * units.GPa, 0.3, LITHIUM_VOLUME)
    assert same.hydrostatic == 0
    assert same.deviatoric > 0
    k = 0.05
    fluid = lithium_stability(1e-9, 0.3, 0.3 * LITHIUM_VOLUME, wavenumber=k)
    assert fluid.deviatoric == pytest.approx(0, abs=1e-6 * abs(fluid.chi))
    free = -0.5 * LITHIUM_VOLUME * k * 0.7 * LITHIUM_SHEAR / (1 - LITHIUM_POISSON)
    assert fluid.chi == pytest.approx(free, rel=1e-6)  # a free half-space bears G A k/(1 − ν)
    stiff = lithium_stability(20 * units.GPa, 0.3, 0.2 * LITHIUM_VOLUME, wavenumber=k, interface_energy=0.03)
    assert stiff.surface == pytest.approx(-0.5 * LITHIUM_VOLUME * 1.2 * 0.03 * k**2)
    assert stiff.chi == pytest.approx(stiff.deviatoric + stiff.hydrostatic + stiff.surface)
    assert lithium_stability(0.1, 0.3, 4.0, wavenumber=2 * k).chi == pytest.approx(
        2 * lithium_stability(0.1, 0.3, 4.0, wavenumber=k).chi
    )


def test_errors_are_those_of_repeated_draws():
    errors = {"shear": 0.005, "poisson": 0.01, "ion_volume": 0.4, "metal_poisson": 0.005}
    rng = np.random.default_rng(0)
    draws = [
        lithium_stability(
            0.12 + errors["shear"] * a,
            0.28 + errors["poisson"] * b,
            9 + errors["ion_volume"] * c,
            metal_poisson=LITHIUM_POISSON + errors["metal_poisson"] * d,
        ).chi
        for a, b, c, d in rng.normal(size=(2000, 4))
    ]
    stated = lithium_stability(0.12, 0.28, 9, errors=errors)
    assert stated.error == pytest.approx(np.std(draws), rel=0.06)
    assert lithium_stability(0.12, 0.28, 9).error == 0


def test_refusals():
    with pytest.raises(InputError, match=r"poisson must be between -1 and 0\.5, found 0\.5"):
        lithium_stability(0.1, 0.5, 9)
    with pytest.raises(InputError, match="shear must be a positive number"):
        lithium_stability(-0.1, 0.3, 9)
    with pytest.raises(InputError, match="interface_energy must be zero or more"):
        lithium_stability(0.1, 0.3, 9, interface_energy=-1)
    with pytest.raises(InputError, match="error 1 of 'charge'"):
        lithium_stability(0.1, 0.3, 9, errors={"charge": 1})
