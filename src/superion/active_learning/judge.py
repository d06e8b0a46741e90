"""How good potentials are, whether another generation still helps, and whether diffusion has converged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from ase import Atoms

from superion.active_learning.calibration import calibrate
from superion.active_learning.judges import JUDGES
from superion.active_learning.results import Diffusion
from superion.analysis.accuracy import errors
from superion.calculations.evaluation import predict
from superion.model import Model
from superion.potentials.gap.gaussian_process import Deviation
from superion.structures import get_label, is_isolated
from superion.terms import Evaluation

Array = np.ndarray


def accuracy(
    model: Model, sets: dict[str, Sequence[Atoms]], judges: Sequence[str] = ()
) -> dict[str, dict[str, Any] | None]:
    """Errors (keys of `analysis.accuracy.errors`) on each named set of labelled frames; None for none.

    judges: names of further numbers, which stand under `judged`.
    """
    return {name: _errors(model, frames, judges) if frames else None for name, frames in sets.items()}


def _errors(model: Model, frames: Sequence[Atoms], judges: Sequence[str]) -> dict[str, Any]:
    predictions = predict(model, frames)
    found = errors(frames, predictions)
    judged = {name: JUDGES.find(name).measure(frames, predictions) for name in judges if name not in found}
    return found | ({"judged": judged} if judged else {})


def force_calibration(potential: Model, frames: Sequence[Atoms], sigma: float) -> dict[str, Any] | None:
    """Calibration of predicted force deviations on frames that were not trained on, JSON-ready.

    sigma: eV/Å, the error of labels that the fit assumed; it is part of what is predicted, and of calibrated
    deviations already. None if no
    frame has forces.
    """
    labelled = [a for a in frames if get_label(a, "forces") is not None and not is_isolated(a)]
    if not labelled:
        return None
    found: list[Evaluation] = predict(potential, labelled)
    wrong = [p.forces - get_label(a, "forces") for p, a in zip(found, labelled, strict=True)]
    spread = [_spread(potential.deviation(a), sigma) for a in labelled]
    return calibrate(wrong, spread).to_dict()


def _spread(found: Deviation, sigma: float) -> Array:
    """Standard deviations (N, 3) of errors against labels, eV/Å."""
    return found.forces if found.calibrated else np.sqrt(found.forces**2 + sigma**2)


def force_surprises(potential: Model, frames: Sequence[Atoms], sigma: float) -> list[float | None]:
    """Root-mean-square of force errors over predicted deviations, frame by frame; None without forces.

    sigma: as in `force_calibration`.
    """
    found: list[float | None] = []
    for atoms, predicted in zip(frames, predict(potential, frames), strict=True):
        label = get_label(atoms, "forces")
        if label is None or is_isolated(atoms):
            found.append(None)
            continue
        spread = _spread(potential.deviation(atoms), sigma)
        found.append(float(np.sqrt(np.mean(((predicted.forces - label) / spread) ** 2))))
    return found


def improving(history: Sequence[float], patience: int, tolerance: float) -> bool:
    """Whether the best of the last `patience` values is better than all before by the fraction `tolerance`.

    True as long as there are no more than `patience` values.
    """
    if len(history) <= patience:
        return True
    return min(history[-patience:]) < (1 - tolerance) * min(history[:-patience])


def diffusion_converged(history: Sequence[Diffusion], patience: int) -> bool:
    """Whether the last `patience` + 1 diffusion coefficients lie in each other's 95 % intervals.

    A run whose status is not "converged" has not.
    """
    last = history[-patience - 1 :]
    if len(last) <= patience or any(r.status != "converged" for r in last):
        return False
    intervals = [r.diffusion_interval for r in last if r.diffusion_interval is not None]
    low, high = max(ends[0] for ends in intervals), min(ends[1] for ends in intervals)
    return all(r.diffusion is not None and low <= r.diffusion <= high for r in last)
