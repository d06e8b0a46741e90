"""Matrix products with a constant right-hand side, packed once for the registers of this processor.

The libraries that NumPy and PyTorch bring along use half of the vector width of some processors;
benchmarks/roofline.py measures both.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from superion.compiled import numba
from superion.potentials.many_body.simd import ROWS, aligned, columns, tile

Array = np.ndarray

DEPTH = (
    256  # numbers of a row multiplied before going to the next panel, so that a panel's part stays in cache
)


def pack(matrix: Array, dtype: Any) -> Array:
    """`matrix` (K, N) as panels (⌈N/columns⌉, K, columns) filled up with zeros, for `multiply`."""
    width = columns(dtype)
    count = -(-matrix.shape[1] // width)
    panels = aligned((count, matrix.shape[0], width), dtype)
    for k in range(count):
        part = matrix[:, k * width : (k + 1) * width]
        panels[k, :, : part.shape[1]] = part
    return panels


def padded(count: int, dtype: Any) -> int:
    """Columns of the result of `multiply` for a matrix with `count` columns."""
    return -(-count // columns(dtype)) * columns(dtype)


@numba.njit(cache=True, nogil=True)
def multiply(a, rows, panels, c):  # type: ignore[no-untyped-def]
    """Set c = a @ matrix in the first `rows` rows: a (R, ≥ K), c (R, ≥ padded(N)), C-contiguous.

    R must be at least `rows` rounded up to a multiple of ROWS; the rows in between hold nothing of meaning.
    """
    depth, width = panels.shape[1], panels.shape[2]
    flat_a, flat_b, flat_c = a.reshape(-1), panels.reshape(-1), c.reshape(-1)
    for first in range(0, depth, DEPTH):
        count = min(DEPTH, depth - first)
        for k in range(panels.shape[0]):
            start = (k * depth + first) * width
            for row in range(0, rows, ROWS):
                tile(
                    flat_a,
                    row * a.shape[1] + first,
                    a.shape[1],
                    flat_b,
                    start,
                    flat_c,
                    row * c.shape[1] + k * width,
                    c.shape[1],
                    count,
                    first > 0,
                )
