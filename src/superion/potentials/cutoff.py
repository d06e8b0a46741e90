"""The cosine cutoff that takes neighbours smoothly out of an environment.

    f(r) = 1                                    r ≤ cutoff − width
           ½ [cos(π (r − cutoff + width) / width) + 1]    in between
           0                                    r ≥ cutoff

Value and slope are continuous: Bartók & Csányi, Int. J. Quantum Chem. 115, 1051 (2015).
"""

from __future__ import annotations

import math

import numba
import numpy as np

Array = np.ndarray


@numba.njit(cache=True, nogil=True)
def cosine_cutoff(r: float, cutoff: float, width: float) -> tuple[float, float]:
    """Value and derivative (1/Å) at distance r; all lengths in Å. Callable from compiled code."""
    if r <= cutoff - width:
        return 1.0, 0.0
    if r >= cutoff:
        return 0.0, 0.0
    phase = math.pi * (r - cutoff + width) / width
    return 0.5 * (math.cos(phase) + 1.0), -0.5 * math.pi / width * math.sin(phase)


def cutoff_values(r: Array, cutoff: float, width: float) -> tuple[Array, Array]:
    """Values and derivatives (1/Å) at distances r (Å) of any shape."""
    return _over_array(np.ascontiguousarray(r, dtype=np.float64), float(cutoff), float(width))


@numba.njit(cache=True, nogil=True)
def _over_array(r: Array, cutoff: float, width: float) -> tuple[Array, Array]:
    value, slope = np.empty_like(r), np.empty_like(r)
    for k in range(r.size):
        value.flat[k], slope.flat[k] = cosine_cutoff(r.flat[k], cutoff, width)
    return value, slope
