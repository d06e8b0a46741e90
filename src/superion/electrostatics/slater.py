"""Two-centre Coulomb integrals of ns Slater charge densities, stable for any pair of exponents.

An atom of principal quantum number n and exponent ζ carries the normalised, spherical density of an ns
Slater orbital, ρ(r) ∝ r^(2n−2) exp(−2ζr) (Slater, Phys. Rev. 36, 57, 1930). Two such densities interact by

    J(r) = ∫∫ ρ_a(r') ρ_b(r'' − r) / |r' − r''| dr' dr'',

the integral of the charge-equilibration method QEq (Rappé and Goddard, J. Phys. Chem. 95, 3358, 1991), known
in closed form since Rosen (Phys. Rev. 38, 255, 1931). Those closed forms divide by powers of ζ_a² − ζ_b² and
lose all digits when the exponents are close. The route taken here divides by nothing. With c = 2ζ:

1.  The Fourier transform of a density is a polynomial in y = c²/(c² + k²), ρ̃ = Σ_p A_p y^p, n < p ≤ 2n.
2.  A product y_a^p y_b^q is a Beta(p, q)-weighted mean over 0 < v < 1 of y_c^(p+q) with
    1/c² = v/a² + (1 − v)/b² (Feynman, Phys. Rev. 76, 769, 1949): a mean of equal-exponent problems.
3.  The density y_c^s has the potential [1 − p_s(cr) exp(−cr)]/r with 2p_s' − p_s'' = p_(s−1), p_0 = 0,
    p_s(0) = 1 (the radial Poisson equation), so p_s is a polynomial with rational coefficients.

The mean is a Gauss–Legendre sum in ln c, in which the integrand is entire; equal exponents need one node.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import comb, factorial, log

import numpy as np
import torch
from torch import Tensor

from superion.errors import InputError

Array = np.ndarray
SERIES_TERMS = 26
NODE_COUNTS = (6, 8, 12, 16, 24, 32, 48, 64, 96, 128)
CONVERGED = 5e-13


def screened_1s(r: Tensor, screening: float = 2.0) -> Tensor:
    """Interaction of two equal 1s Slater densities, 1/Å, for distances r > 0 (Å), any shape.

    φ(r) = [1 − (1 + 11x/16 + 3x²/16 + x³/48) exp(−x)]/r with x = screening · r. The screening (1/Å) is
    twice the Slater exponent, x = 2ζr (Rosen, Phys. Rev. 38, 255, 1931).
    """
    x = screening * r
    return (1 - (1 + x * (11 / 16 + x * (3 / 16 + x / 48))) * torch.exp(-x)) / r


@dataclass(frozen=True, slots=True)
class SlaterPair:
    """A pair of densities as a sum over M nodes of equal-exponent problems.

    rates: (M,) 1/Å, the c of each node. decay: (M, D), such that 1 − r·J(r) = Σ_ml decay_ml r^l
    exp(−c_m r). rise: (M, L), such that J(r) = Σ_ml rise_ml r^l exp(−c_m r) for small r.
    """

    rates: Tensor
    decay: Tensor
    rise: Tensor

    def penetration(self, r: Tensor) -> Tensor:
        """1 − r·J(r), without unit: 1 for r = 0, decaying as r^k exp(−cr). r: (P,) Å."""
        return _sum_of_exponentials(r, self.rates, self.decay)

    def interaction(self, r: Tensor) -> Tensor:
        """J(r) in 1/Å for r ≥ 0, regular at r = 0. r: (P,) Å."""
        near = r * self.rates.max() < 1.0
        series = _sum_of_exponentials(torch.where(near, r, 0.0), self.rates, self.rise)
        safe = torch.where(near, 1.0, r)
        return torch.where(near, series, (1 - self.penetration(safe)) / safe)


def _sum_of_exponentials(r: Tensor, rates: Tensor, coefficients: Tensor) -> Tensor:
    """Σ_ml coefficients_ml r^l exp(−rates_m r) for r of shape (P,)."""
    columns = (torch.exp(-r[:, None] * rates) @ coefficients).unbind(1)
    total = columns[-1]
    for column in columns[-2::-1]:
        total = total * r + column
    return total


def slater_pair(n_a: int, zeta_a: float, n_b: int = 0, zeta_b: float = 0.0) -> SlaterPair:
    """The pair of an n_a s and an n_b s density of exponents zeta (1/Å); n_b = 0 is a point charge.

    J(r) is accurate to 1e-10 for n ≤ 7 and exponents within a factor of 100 of each other. Raises
    InputError for exponents that differ so much that 128 nodes are not enough.
    """
    if n_b == 0:
        return _one_node(2 * zeta_a, _transform(n_a))
    if zeta_a > zeta_b:
        n_a, zeta_a, n_b, zeta_b = n_b, zeta_b, n_a, zeta_a
    return _two_centres(n_a, float(zeta_a), n_b, float(zeta_b))


@lru_cache(maxsize=256)
def _two_centres(n_a: int, zeta_a: float, n_b: int, zeta_b: float) -> SlaterPair:
    if zeta_a == zeta_b:
        product: dict[int, Fraction] = {}
        for p, x in _transform(n_a).items():
            for q, y in _transform(n_b).items():
                product[p + q] = product.get(p + q, Fraction(0)) + x * y
        return _one_node(2 * zeta_a, product)
    r = torch.from_numpy(np.geomspace(0.01 / zeta_b, 40.0 / zeta_a, 200))
    before = None
    for count in NODE_COUNTS:
        pair = _quadrature(n_a, 2 * zeta_a, n_b, 2 * zeta_b, count)
        value = pair.penetration(r)
        if before is not None and (value - before).abs().max() < CONVERGED:
            return pair
        before = value
    raise InputError(
        f"Slater exponents {zeta_a:g} and {zeta_b:g} 1/Å are too different for an accurate integral.",
        remedy="treat the compact density as a point charge.",
    )


def _one_node(rate: float, weights: Mapping[int, Fraction]) -> SlaterPair:
    return _assemble(np.array([rate]), np.ones(1), {s: np.array([w]) for s, w in weights.items()})


def _quadrature(n_a: int, a: float, n_b: int, b: float, count: int) -> SlaterPair:
    """Gauss–Legendre nodes in ln c between the rates a < b, and the weight of each power of y.

    The transforms have large coefficients of alternating sign, so the weights are exact rationals.
    """
    x, w = np.polynomial.legendre.leggauss(count)
    x, w = (x + 1) / 2, w / 2
    span = 2 * log(b / a)
    v = np.array([Fraction(value) for value in np.expm1(span * x) / np.expm1(span)])
    weights: dict[int, Array] = {}
    for p, coefficient_a in _transform(n_a).items():
        for q, coefficient_b in _transform(n_b).items():
            norm = coefficient_a * coefficient_b * p * comb(p + q - 1, p)
            weights[p + q] = weights.get(p + q, Fraction(0)) + norm * v ** (p - 1) * (1 - v) ** (q - 1)
    return _assemble(b * np.exp(-span * x / 2), w * span * np.exp(span * x) / np.expm1(span), weights)


def _assemble(rates: Array, measure: Array, weights: Mapping[int, Array]) -> SlaterPair:
    """Sum the polynomials of all powers s with their weights at each node.

    rates, measure: (M,) rate and quadrature weight; weights: of each s, (M,) rationals.
    """
    length = max(weights)
    decay = np.full((len(rates), length), Fraction(0))
    rise = np.full((len(rates), SERIES_TERMS), Fraction(0))
    for s, weight in weights.items():
        polynomial = _polynomial(s)
        for l, value in enumerate(polynomial):
            decay[:, l] += weight * value
        for l in range(SERIES_TERMS):
            rise[:, l] += weight * (Fraction(1, factorial(l + 1)) - (polynomial[l + 1] if l + 1 < s else 0))
    decay_scale = measure[:, None] * rates[:, None] ** np.arange(length)
    rise_scale = measure[:, None] * rates[:, None] ** np.arange(1, SERIES_TERMS + 1)
    return SlaterPair(
        torch.from_numpy(rates),
        torch.from_numpy(decay.astype(np.float64) * decay_scale),
        torch.from_numpy(rise.astype(np.float64) * rise_scale),
    )


@lru_cache(maxsize=16)
def _transform(n: int) -> dict[int, Fraction]:
    """Coefficients A_p of ρ̃ = Σ_p A_p y^p, from ρ̃ = Im[(c + ik)^(2n)] c^(2n+1) / [2n k (c² + k²)^(2n)]."""
    coefficients: dict[int, Fraction] = {}
    for j in range(n):
        for i in range(j + 1):  # (k/c)^(2j) = (1 − y)^j / y^j
            value = Fraction((-1) ** (j + i) * comb(2 * n, 2 * j + 1) * comb(j, i), 2 * n)
            coefficients[2 * n - j + i] = coefficients.get(2 * n - j + i, Fraction(0)) + value
    return {p: a for p, a in coefficients.items() if a}


@lru_cache(maxsize=64)
def _polynomial(s: int) -> tuple[Fraction, ...]:
    """Coefficients of p_s, lowest power first, from 2p_s' − p_s'' = p_(s−1) and p_s(0) = 1."""
    if s == 1:
        return (Fraction(1),)
    source = _polynomial(s - 1)
    slope = [Fraction(0)] * len(source)  # coefficients of p_s'
    for l in reversed(range(len(source))):
        above = (l + 1) * slope[l + 1] if l + 1 < len(source) else Fraction(0)
        slope[l] = (source[l] + above) / 2
    return (Fraction(1), *(value / (l + 1) for l, value in enumerate(slope)))
