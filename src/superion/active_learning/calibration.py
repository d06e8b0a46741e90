"""Whether predicted standard deviations mean what they say, and the factor that would make them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from superion.errors import InputError

Array = np.ndarray

LEVELS = tuple(round(0.05 * k, 2) for k in range(1, 20))


@dataclass(frozen=True, slots=True)
class Calibration:
    """Predicted deviations beside errors, for a normal distribution of errors.

    observed: fraction of errors within the central interval of each probability in `levels` (a reliability
    diagram: Kuleshov, Fenner, Ermon, ICML 2018). nll: mean negative log-likelihood of an error,
    nll_recalibrated: after all deviations are multiplied by `factor`, the root mean square of error over
    deviation, which is the factor of largest likelihood. factor_error: its standard error from leaving out
    one frame at a time, for errors within a frame are not independent (None for a single frame).
    """

    levels: tuple[float, ...]
    observed: tuple[float, ...]
    nll: float
    factor: float
    factor_error: float | None
    nll_recalibrated: float
    errors: int
    frames: int

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)


def calibrate(errors: Sequence[Array], deviations: Sequence[Array]) -> Calibration:
    """Judge predicted standard deviations by the errors made; one array each per frame, equal shapes.

    Raises InputError without errors, for shapes that differ, and for deviations that are not positive.
    """
    if not errors or len(errors) != len(deviations):
        raise InputError(f"{len(errors)} frames with errors, {len(deviations)} with deviations.")
    for k, (error, deviation) in enumerate(zip(errors, deviations, strict=True)):
        if np.shape(error) != np.shape(deviation) or np.size(error) == 0:
            raise InputError(
                f"errors of shape {np.shape(error)}, deviations of shape {np.shape(deviation)}.", frame=k
            )
        if not (np.asarray(deviation) > 0).all():
            raise InputError("deviations must be positive.", frame=k)
    e = np.concatenate([np.ravel(error) for error in errors])
    s = np.concatenate([np.ravel(deviation) for deviation in deviations])
    ratio = np.abs(e / s)
    normal = NormalDist()
    observed = tuple(float((ratio <= normal.inv_cdf((1 + level) / 2)).mean()) for level in LEVELS)
    sums = np.array([((x / y) ** 2).sum() for x, y in zip(errors, deviations, strict=True)])
    counts = np.array([np.size(x) for x in errors])
    factor = float(np.sqrt(sums.sum() / counts.sum()))
    error_of_factor = None
    if len(sums) > 1:
        left = np.sqrt((sums.sum() - sums) / (counts.sum() - counts))
        n = len(sums)
        error_of_factor = float(np.sqrt((n - 1) / n * ((left - left.mean()) ** 2).sum()))
    return Calibration(
        levels=LEVELS,
        observed=observed,
        nll=_nll(ratio, s),
        factor=factor,
        factor_error=error_of_factor,
        nll_recalibrated=_nll(ratio / factor, s * factor),
        errors=len(e),
        frames=len(errors),
    )


def _nll(ratio: Array, deviation: Array) -> float:
    return float((0.5 * ratio**2 + np.log(deviation) + 0.5 * np.log(2 * np.pi)).mean())
