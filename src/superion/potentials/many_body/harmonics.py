"""Real spherical harmonics of unit vectors and their gradients, by Cartesian recurrences.

Recurrences for solid harmonics: Bigi, Fraux, Browning, Ceriotti, J. Chem. Phys. 159, 064802 (2023).
Order of the output: lm = l² + l + m, with m = −l … l; orthonormal on the sphere, no Condon–Shortley phase.
"""

from __future__ import annotations

import math

import numpy as np

from superion.compiled import numba

Array = np.ndarray


def normalisation(l_max: int) -> Array:
    """Prefactors of the real harmonics, ((l_max + 1)²,), without unit."""
    factors = np.zeros((l_max + 1) ** 2)
    for l in range(l_max + 1):
        for m in range(l + 1):
            value = math.sqrt((2 * l + 1) / (4 * math.pi) * math.factorial(l - m) / math.factorial(l + m))
            factors[l * l + l + m] = factors[l * l + l - m] = value * (1.0 if m == 0 else math.sqrt(2.0))
    return factors


@numba.njit(cache=True, nogil=True, forceinline=True)
def harmonics(x, y, z, l_max, factors, value, gradient, q, c, s):
    """Fill `value` (L,) and `gradient` (3, L) of the harmonics at the unit vector (x, y, z).

    `gradient` is that of the solid harmonics r^l Y_lm at r = 1. `q` (l_max + 2, l_max + 2),
    `c` and `s` (l_max + 1,) are scratch space.
    """
    c[0], s[0] = 1.0, 0.0
    for m in range(l_max):
        c[m + 1] = x * c[m] - y * s[m]
        s[m + 1] = x * s[m] + y * c[m]
    q[0, 0] = 1.0
    for m in range(1, l_max + 1):
        q[m, m] = (2 * m - 1) * q[m - 1, m - 1]
    for m in range(l_max):
        q[m + 1, m] = (2 * m + 1) * z * q[m, m]
    for m in range(l_max - 1):
        for l in range(m + 2, l_max + 1):
            q[l, m] = ((2 * l - 1) * z * q[l - 1, m] - (l + m - 1) * q[l - 2, m]) / (l - m)
    for l in range(l_max + 1):
        base = l * l + l
        for m in range(l + 1):
            f = factors[base + m]
            dz = (l + m) * q[l - 1, m] if l > m else 0.0
            radial = -q[l - 1, m + 1] if l >= m + 2 else 0.0
            value[base + m] = f * q[l, m] * c[m]
            dxc = m * c[m - 1] if m > 0 else 0.0
            dyc = -m * s[m - 1] if m > 0 else 0.0
            gradient[0, base + m] = f * (x * radial * c[m] + q[l, m] * dxc)
            gradient[1, base + m] = f * (y * radial * c[m] + q[l, m] * dyc)
            gradient[2, base + m] = f * dz * c[m]
            if m > 0:
                value[base - m] = f * q[l, m] * s[m]
                gradient[0, base - m] = f * (x * radial * s[m] + q[l, m] * (m * s[m - 1]))
                gradient[1, base - m] = f * (y * radial * s[m] + q[l, m] * (m * c[m - 1]))
                gradient[2, base - m] = f * dz * s[m]
