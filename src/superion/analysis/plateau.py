"""The mean field in a part of a profile, such as the bulk of an electrolyte between two interfaces.

Over a region from height a to b it is [φ(a) − φ(b)]/(b − a), which for a slab that is wide enough no longer
depends on a and b. Its error is that over blocks of the trajectory.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from superion.analysis.blocks import BLOCKS, jackknife
from superion.analysis.profiles import Profile
from superion.errors import InputError

Array = np.ndarray
BLOCK = 10
"""Fewest frames of a block."""
CORRELATED = 0.5
"""Correlation of the means of neighbouring blocks above which an error bar is said to be too small."""
FLAT = 1e-6
"""V/Å, below which no spread counts."""
UNEVEN = 0.1
"""Spread of the field inside a region, over its mean, above which it is said to be no plateau."""


@dataclass(frozen=True, slots=True)
class Plateau:
    """Mean field in a region.

    low, high: Å, its bounds, those of whole layers. field: V/Å along the normal. error: V/Å, standard error
    over blocks; None for too few frames. spread: V/Å, standard deviation of the mean field over the heights
    of the region. vector: (3,) V/Å. notes: what else a reader must know.
    """

    low: float
    high: float
    field: float
    error: float | None
    spread: float
    vector: Array
    notes: tuple[str, ...]


def plateau(profile: Profile, low: float, high: float, *, blocks: int = BLOCKS) -> Plateau:
    """Mean field between two heights (Å) above the lower plane of the cell.

    blocks: at most so many, of at least 10 frames each. Raises InputError for a region outside of the cell
    and for one of fewer than four layers.
    """
    thick = profile.thickness
    if not 0 <= low < high <= thick + 1e-6:
        raise InputError(
            f"the region from {low:g} to {high:g} Å is not inside the cell, whose heights are 0 to "
            f"{thick:.5g} Å.",
            remedy="give its bounds in Å, the lower one first: 10:20.",
        )
    inside = np.flatnonzero((profile.height > low) & (profile.height < high))
    if len(inside) < 4:
        raise InputError(
            f"the region from {low:g} to {high:g} Å holds {len(inside)} layers of "
            f"{thick / len(profile.height):.3g} Å, at least 4 are needed.",
            remedy="take a wider region, or more layers.",
        )
    fields = profile.fields[:, inside]
    series = fields.mean(axis=1)
    mean, spread, notes = float(series.mean()), float(fields.mean(axis=0).std()), []
    error, noise = None, 0.0
    blocks = min(blocks, len(series) // BLOCK)
    if blocks >= 2:
        _, errors, together = jackknife(np.column_stack([series, fields]), _mean, blocks)
        error, noise = float(errors[0]), float(np.sqrt((errors[1:] ** 2).mean()))
        if together > CORRELATED:
            notes.append("the field remembers longer than a block: the error is larger; run longer.")
    elif len(series) > 1:
        notes.append(f"{len(series)} frames are too few for an error bar, which takes {2 * BLOCK}.")
    if spread > max(UNEVEN * abs(mean), 2 * noise, FLAT):
        notes.append(
            f"the field varies by {spread:.2g} V/Å inside the region: no plateau; average over a window as "
            "wide as a period of the crystal, or take another region."
        )
    half = 0.5 * thick / len(profile.height)
    bounds = float(profile.height[inside[0]] - half), float(profile.height[inside[-1]] + half)
    return Plateau(*bounds, mean, error, spread, mean * profile.normal + 0.0, tuple(notes))


def _mean(series: Array) -> Array:
    return np.asarray(series.mean(axis=0))
