"""Many tests at once: Holm's step-down procedure (Holm, Scand. J. Stat. 6, 65, 1979)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Array = np.ndarray


def adjusted(p_values: Sequence[float] | Array) -> Array:
    """p-values (..., n) adjusted for there being n of them, however they depend on each other.

    If all claims whose adjusted p-value is at most α are made, the chance that any of them is false is at
    most α. The k-th smallest of n is multiplied by n − k + 1, and no adjusted value is below a smaller one's.
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, axis=-1, kind="stable")
    factors = np.arange(p.shape[-1], 0, -1)
    raised = np.minimum(np.maximum.accumulate(np.take_along_axis(p, order, -1) * factors, axis=-1), 1.0)
    found = np.empty_like(p)
    np.put_along_axis(found, order, raised, -1)
    return found
