"""Radial functions of the SOAP density expansion, as QUIP defines them, on a quintic spline.

The neighbour density is a sum of Gaussians of width σ (α = 1/2σ²). Its expansion in the Gaussian radial
basis of Bartók, Kondor, Csányi, Phys. Rev. B 87, 184115 (2013), with the conventions of QUIP, reads

    g_nl(r) = Σ_n' T_n'n · exp(−α(r² + r_n'²)) · i_l(2α r r_n'),        T = C⁻¹ chol(S)

with i_l the modified spherical Bessel functions, r_n' equidistant on [0, cutoff + σ√(2·10·ln 10)),
C_nn' = exp(−α(r_n − r_n')²) and S the overlap of the basis functions in three dimensions.
"""

from __future__ import annotations

import math

import numpy as np

Array = np.ndarray

SPACING = 0.02  # Å between knots; the interpolation error is asserted in the tests


def transformation(cutoff: float, n_max: int, atom_sigma: float) -> tuple[Array, Array]:
    """Centres (n_max,) in Å of the Gaussian basis and its orthogonalising matrix T (n_max, n_max)."""
    alpha = 0.5 / atom_sigma**2
    reach = cutoff + atom_sigma * math.sqrt(2 * 10 * math.log(10))
    centres = np.arange(n_max) * reach / n_max
    total, difference = centres[:, None] + centres, centres[:, None] - centres
    erf = np.vectorize(math.erf)(math.sqrt(alpha / 2) * total)
    overlap = (
        np.exp(-alpha * (centres[:, None] ** 2 + centres**2)) * math.sqrt(2) * alpha**1.5 * total
        + alpha
        * np.exp(-0.5 * alpha * difference**2)
        * math.sqrt(math.pi)
        * (1 + alpha * total**2)
        * (1 + erf)
    ) / math.sqrt(128 * alpha**5)
    return centres, np.linalg.solve(np.exp(-alpha * difference**2), np.linalg.cholesky(overlap))


def scaled_bessel(x: Array, l_max: int) -> Array:
    """exp(−x)·i_l(x) for l = 0 … l_max, shape (l_max + 1, *x.shape), without unit.

    The ratios i_l/i_(l−1) are a convergent continued fraction evaluated downwards, stable for all x ≥ 0
    (Gautschi, SIAM Rev. 9, 24 (1967)).
    """
    x = np.asarray(x, dtype=np.float64)
    ratios = np.zeros((l_max + 2, *x.shape))
    ratio = np.zeros_like(x)
    for l in range(l_max + 60 + int(x.max(initial=0.0)), 0, -1):
        ratio = x / ((2 * l + 1) + x * ratio)
        if l <= l_max:
            ratios[l] = ratio
    safe = np.where(x > 1e-8, x, 1.0)
    values = [np.where(x > 1e-8, -np.expm1(-2 * safe) / (2 * safe), 1.0 - x)]
    for l in range(1, l_max + 1):
        values.append(values[-1] * ratios[l])
    return np.stack(values)


def radial_functions(r: Array, cutoff: float, n_max: int, l_max: int, atom_sigma: float) -> Array:
    """g_nl(r) and its first two derivatives, exact: shape (3, R, l_max + 1, n_max), in 1, 1/Å, 1/Å²."""
    alpha = 0.5 / atom_sigma**2
    centres, matrix = transformation(cutoff, n_max, atom_sigma)
    r = np.asarray(r, dtype=np.float64)[:, None]
    scale = 2 * alpha * centres  # dx/dr
    bessel = scaled_bessel(scale * r, l_max + 2)

    def slope(values: Array) -> Array:
        """Derivatives d i_l/dx = (l·i_(l−1) + (l + 1)·i_(l+1))/(2l + 1), one order fewer than given."""
        top = len(values) - 1
        l = np.arange(top).reshape(-1, *[1] * (values.ndim - 1))
        below = np.concatenate([values[:1], values[: top - 1]])
        return (l * below + (l + 1) * values[1:]) / (2 * l + 1)

    first = slope(bessel)
    second = slope(first)
    i0, i1, i2 = bessel[: l_max + 1], first[: l_max + 1], second[: l_max + 1]
    gauss = np.exp(-alpha * (r - centres) ** 2)  # the factor exp(+x) of the scaled Bessel function included
    # d/dr of exp(−α r²)·i(s r): each derivative brings −2αr from the Gaussian and s from the argument
    g0 = gauss * i0
    g1 = gauss * (scale * i1 - 2 * alpha * r * i0)
    g2 = gauss * (scale**2 * i2 - 4 * alpha * r * scale * i1 + (4 * alpha**2 * r**2 - 2 * alpha) * i0)
    return np.stack([g.transpose(1, 0, 2) @ matrix for g in (g0, g1, g2)])


def radial_table(cutoff: float, n_max: int, l_max: int, atom_sigma: float) -> tuple[Array, float]:
    """Quintic Hermite coefficients (knots − 1, 6, (l_max + 1)·n_max) and the knot spacing in Å.

    Functions are divided by (2l + 1)^¼, so that products of two carry the 1/√(2l + 1) of the power spectrum.
    """
    intervals = math.ceil(cutoff / SPACING)
    h = cutoff / intervals
    knots = np.linspace(0.0, cutoff, intervals + 1)
    values = radial_functions(knots, cutoff, n_max, l_max, atom_sigma)
    values /= ((2 * np.arange(l_max + 1) + 1) ** 0.25)[:, None]
    return quintic_hermite(values.reshape(3, intervals + 1, -1), h), h


def quintic_hermite(values: Array, h: float) -> Array:
    """Coefficients (knots − 1, 6, K) of K functions given with two derivatives (3, knots, K) h apart.

    On the interval k, with t = r/h − k in [0, 1], a function is Σ_p t^p · coefficients[k, p].
    """
    f, d, s = values
    d, s = d * h, s * h * h
    f0, f1, d0, d1, s0, s1 = f[:-1], f[1:], d[:-1], d[1:], s[:-1], s[1:]
    jump = f1 - f0
    table = np.stack(
        [
            f0,
            d0,
            s0 / 2,
            10 * jump - 6 * d0 - 4 * d1 - 1.5 * s0 + 0.5 * s1,
            -15 * jump + 8 * d0 + 7 * d1 + 1.5 * s0 - s1,
            6 * jump - 3 * d0 - 3 * d1 - 0.5 * s0 + 0.5 * s1,
        ],
        axis=1,
    )
    return np.ascontiguousarray(table)
