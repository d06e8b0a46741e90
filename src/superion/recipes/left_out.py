"""Errors on trajectories left out of the training frames, the measure by which settings are chosen.

What is tested on has no part in the choice (nested cross-validation: Varma, Simon, BMC Bioinformatics 7, 91,
2006).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from superion.calculations.evaluation import predict
from superion.errors import InputError
from superion.potentials import Potential
from superion.recipes.base import Job, fit_jobs
from superion.structures import get_label, is_isolated
from superion.structures.clusters import strata
from superion.terms import Evaluation


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Frames that are left out in turn, as indices. whole: whether any whole trajectory is among them."""

    folds: list[set[int]]
    whole: bool


def left_out(frames: Sequence[Atoms], count: int, remedy: str) -> LeftOut:
    """At most `count` folds: whole trajectories, of the only one of its kind blocks, of scans points.

    Repetitions of a frame in a draw are always left out together. remedy: of the InputError for one frame.
    """
    bulk = [
        k
        for k, atoms in enumerate(frames)
        if not is_isolated(atoms) and get_label(atoms, "forces") is not None
    ]
    first: dict[int, int] = {}
    for k in bulk:
        first.setdefault(id(frames[k]), k)
    unique = list(first.values())
    kinds = strata([frames[k] for k in unique])
    units = [[unique[k] for k in unit] for each in kinds for unit in each.units]
    if len(units) < 2:
        raise InputError(
            "tune: there is one labelled training frame, and nothing to leave out."
            if units
            else "tune: no training frame has forces, by which settings are judged.",
            remedy=remedy,
        )
    folds: list[set[int]] = [set() for _ in range(min(count, len(units)))]
    for unit in sorted(units, key=len, reverse=True):
        chosen = {id(frames[k]) for k in unit}
        smallest = min(folds, key=len)
        smallest |= {k for k in bulk if id(frames[k]) in chosen}
    return LeftOut(folds, any(each.of == "trajectory" for each in kinds))


def predicted(
    job: Job, frames: Sequence[Atoms], folds: Sequence[set[int]]
) -> tuple[list[Atoms], list[Evaluation]]:
    """All frames of the folds, each with what a model that lacks its fold says of it."""
    left: list[Atoms] = []
    found: list[Evaluation] = []
    for out in folds:
        kept = [atoms for k, atoms in enumerate(frames) if k not in out]
        own = [frames[k] for k in sorted(out)]
        terms = fit_jobs(kept, {"candidate": job})["candidate"]
        left += own
        found += predict(Potential(terms), own)
    return left, found


def force_rmse(left: Sequence[Atoms], found: Sequence[Evaluation]) -> float:
    """Root mean square error of all force components, eV/Å."""
    parts = [(own.forces - get_label(a, "forces")).ravel() for a, own in zip(left, found, strict=True)]
    return float(np.sqrt(np.mean(np.concatenate(parts) ** 2)))
