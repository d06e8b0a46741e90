"""Where the error of a comparison of two potentials comes from: fits, trajectories, test frames."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from superion.analysis.blocks import BLOCKS
from superion.verdict.uncertain import Part

Array = np.ndarray
FIT, OTHER, FRAMES, LABELS = "fit", "simulation", "test frames", "labels"


def fit_part(resampled: Sequence[float] | Array) -> Part:
    """The error that the choice of training data gives to a quantity of the fit to all of them.

    resampled: (K,) the quantity from fits to frames drawn with replacement. Their standard deviation is the
    bootstrap standard error (Efron, Ann. Stat. 7, 1, 1979), which more resamplings know better but do not
    make smaller; K of them know it with K − 1 degrees of freedom.
    """
    return Part(float(np.var(resampled, ddof=1)), len(resampled) - 1)


def other_part(main: Sequence[float | None], resampled: Sequence[Sequence[float | None]]) -> Part:
    """The part of the errors beside the fit that the spread of resampled values does not hold already.

    main: standard errors of the values that are compared; resampled: (K) the same of each resampling.
    Resampled values scatter by their own errors too: adding those of the main values counts them twice.
    """
    own = _square(main)
    held = float(np.mean([_square(errors) for errors in resampled])) if resampled else 0.0
    return Part(max(own - held, 0.0))


def frames_part(samples: Sequence[Sequence[float]], estimate: Callable[[Array], float]) -> Part | None:
    """The error from the choice of test frames; None if these are too few to tell it.

    That is fewer than ten, or squares of one potential in a single tenth of them.

    samples: (P, F) what every frame adds to the mean squares of P potentials. estimate: of the P means. The
    jackknife leaves out one of ten contiguous blocks after another (Quenouille, Biometrika 43, 353, 1956;
    Tukey, Ann. Math. Stat. 29, 614, 1958), so that neighbouring frames need not be independent. The same
    frames are left out for all potentials: what they have in common cancels.
    """
    columns = np.asarray(samples, dtype=np.float64)
    if columns.shape[1] < BLOCKS:
        return None
    blocks = np.array_split(columns, BLOCKS, axis=1)
    means = [
        np.concatenate([b for k, b in enumerate(blocks) if k != out], axis=1).mean(axis=1)
        for out in range(BLOCKS)
    ]
    if np.min(means) == 0:
        return None
    left_out = np.array([estimate(mean) for mean in means])
    return Part(float((BLOCKS - 1) * np.var(left_out)), BLOCKS - 1)


def _square(errors: Sequence[float | None]) -> float:
    return math.fsum(error**2 for error in errors if error is not None)
