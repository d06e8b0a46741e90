"""The cosine cutoff that takes neighbours smoothly out of an environment.

    f(r) = 1                                    r ≤ cutoff − width
           ½ [cos(π (r − cutoff + width) / width) + 1]    in between
           0                                    r ≥ cutoff

Value and slope are continuous: Bartók & Csányi, Int. J. Quantum Chem. 115, 1051 (2015).
"""

from __future__ import annotations

import math

import numpy as np

from superion.compiled import numba

Array = np.ndarray


@numba.njit(cache=True, nogil=True, forceinline=True)
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
    r = np.asarray(r, dtype=np.float64)
    phase = np.pi * (r - cutoff + width) / width
    falling = (r > cutoff - width) & (r < cutoff)
    value = np.where(falling, 0.5 * (np.cos(phase) + 1.0), r <= cutoff - width)
    return value, np.where(falling, -0.5 * np.pi / width * np.sin(phase), 0.0)
