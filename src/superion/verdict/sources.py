"""Where the error of a comparison of two potentials comes from: fits, trajectories, test frames."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from superion.analysis.blocks import BLOCKS
from superion.verdict.uncertain import Part

Array = np.ndarray
FIT, OTHER, FRAMES, LABELS = "fit", "simulation", "test frames", "labels"
FEWEST_BLOCKS = 3
TWO = 1.5
LEAST = 0.5
"""Degrees of freedom of what a single trajectory rules: with it nothing can be shown."""


def fit_part(resampled: Sequence[float] | Array, units: float = math.inf) -> Part:
    """The error that the choice of training data gives to a quantity of the fit to all of them.

    resampled: (K,) the quantity from fits to resampled data. Their standard deviation is the bootstrap
    standard error (Efron, Ann. Stat. 7, 1, 1979), which more resamplings know better but do not make smaller.
    units: degrees of freedom of what is drawn, one less than there are trajectories. Few fits and few
    trajectories both make it uncertain: their relative variances 2/ν add up. Of two trajectories draws take
    one after the other, which leaves nothing to the chance of draws.
    """
    fits = len(resampled) - 1
    freedom = fits * units / (fits + units) if math.isfinite(units) else fits
    if units < TWO:
        freedom = min(fits, units)
    return Part(float(np.var(resampled, ddof=1)), max(freedom, LEAST))


def other_part(main: Sequence[float | None], resampled: Sequence[Sequence[float | None]]) -> Part:
    """The part of the errors beside the fit that the spread of resampled values does not hold already.

    main: standard errors of the values that are compared; resampled: (K) the same of each resampling.
    Resampled values scatter by their own errors too: adding those of the main values counts them twice.
    """
    own = _square(main)
    held = float(np.mean([_square(errors) for errors in resampled])) if resampled else 0.0
    return Part(max(own - held, 0.0))


def frames_part(
    samples: Sequence[Sequence[float]],
    estimate: Callable[[Array], float],
    clusters: Sequence[str] | None = None,
) -> Part | None:
    """The error from the choice of test frames; None if these are too few to tell it.

    samples: (P, F) what every frame adds to the mean squares of P potentials. estimate: of the P means.
    clusters: (F,) the trajectory of every frame. The jackknife leaves out one trajectory after another
    (Quenouille, Biometrika 43, 353, 1956; Tukey, Ann. Math. Stat. 29, 614, 1958), for all potentials the
    same: what they have in common cancels. One that holds most of the squares makes the error as uncertain as
    few trajectories do (Carter, Schnepel, Steigerwald, Rev. Econ. Stat. 99, 698, 2017).
    Of a single trajectory blocks in time are left out, 3 to 10, five times as long as its memory: then
    nothing is known of others. Too few are frames that are all within its memory, and squares of one
    potential in a single trajectory or block.
    """
    columns = np.asarray(samples, dtype=np.float64)
    names = list(dict.fromkeys(clusters or ()))
    if len(names) > 1:
        where = np.array([names.index(name) for name in clusters or ()])
    else:
        count = _blocks(columns)
        if count is None:
            return None
        where = np.repeat(np.arange(count), [len(b) for b in np.array_split(columns[0], count)])
    units = int(where.max()) + 1
    means = [columns[:, where != k].mean(axis=1) for k in range(units)]
    if np.min(means) == 0:
        return None
    left_out = np.array([estimate(mean) for mean in means])
    shares = np.bincount(where, columns.mean(axis=0) / columns.mean())
    shares = shares / shares.sum()
    freedom = 1 / float(shares @ shares) - 1
    return Part(float((units - 1) * np.var(left_out)), max(freedom, LEAST))


def _blocks(columns: Array) -> int | None:
    """How many blocks a single trajectory is cut into; None if it is too short."""
    frames = columns.shape[1]
    means = columns.mean(axis=1)
    if frames < BLOCKS or np.min(means) == 0:
        return None
    series = columns / means[:, None]
    course = series[0] - series[1] if len(series) > 1 else series[0]
    longest = frames / (5 * memory(course))
    return None if longest < 1 else int(min(max(longest, FEWEST_BLOCKS), BLOCKS))


def memory(course: Array) -> float:
    """How many neighbouring frames tell what one independent one would, 1 or more.

    The integrated autocorrelation time (Madras, Sokal, J. Stat. Phys. 50, 109, 1988), its window five times
    as long as itself.
    """
    off = course - course.mean()
    square = float(off @ off)
    total = 1.0
    if square == 0:
        return total
    for lag in range(1, len(off) // 2):
        total = max(total + 2 * float(off[:-lag] @ off[lag:]) / square, 0.5)
        if lag >= 5 * total:
            break
    return max(total, 1.0)


def _square(errors: Sequence[float | None]) -> float:
    return math.fsum(error**2 for error in errors if error is not None)
