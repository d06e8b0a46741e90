"""Means of correlated series with error bars from blocks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from superion.errors import InputError

Array = np.ndarray
BLOCKS = 10
FRAMES = 10
"""Fewest of a block."""


def jackknife(
    series: Array, estimate: Callable[[Array], Array], blocks: int = BLOCKS
) -> tuple[Array, Array, float]:
    """An estimate from a series (F, ...), its standard error, and how correlated neighbouring blocks are.

    The error is that of leaving out one block after another (Quenouille, Tukey; see Flyvbjerg, Petersen,
    J. Chem. Phys. 91, 461, 1989, on blocks of correlated data). It holds where blocks are longer than the
    memory of the series; the third number, the correlation of the means of neighbouring blocks, averaged over
    components, is then about −1/blocks. Raises InputError for fewer than 10 frames a block.
    """
    series = np.asarray(series, dtype=np.float64)
    check_blocks(series, blocks)
    parts = np.array_split(series, blocks)
    left_out = np.array(
        [estimate(np.concatenate([p for k, p in enumerate(parts) if k != out])) for out in range(blocks)]
    )
    spread = left_out - left_out.mean(axis=0)
    error = np.sqrt((blocks - 1) / blocks * (spread**2).sum(axis=0))
    means = np.array([part.mean(axis=0) for part in parts]).reshape(blocks, -1)
    off = means - means.mean(axis=0)
    square = (off * off).sum(axis=0)
    moving = square > 0
    neighbours = (off[1:] * off[:-1]).sum(axis=0)[moving] / square[moving]
    return estimate(series), error, float(neighbours.mean()) if moving.any() else 0.0


def check_blocks(series: Array, blocks: int) -> None:
    """InputError if a series is too short for so many blocks, or not finite."""
    if not (isinstance(blocks, int) and blocks >= 2 and len(series) >= FRAMES * blocks):
        raise InputError(
            f"error bars need at least 2 blocks of {FRAMES} frames each, found {blocks} blocks of "
            f"{len(series)} frames.",
            remedy="write frames more often, run longer, or ask for fewer blocks (--blocks).",
        )
    if not np.isfinite(series).all():
        raise InputError("the series has values that are not finite.", remedy="look at its last frames.")


def mean_and_error(series: Array, blocks: int = BLOCKS) -> tuple[Array, Array]:
    """Mean over the first axis and its standard error from blocks."""
    value, error, _ = jackknife(series, lambda part: part.mean(axis=0), blocks)
    return value, error
