"""Whether charges help with frames that were left out: two linear models, with charges and without.

Both are solved for in seconds (quadratic.py) and know the same local environments. Where charges do not lower
the errors of what was left out, the data do not say that anything reaches beyond the cutoff.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from ase import Atoms

from superion.potentials.neural.adapt import adapted, separation
from superion.potentials.neural.linear_start import axes_of, linear_fit
from superion.potentials.neural.objective import Labelled
from superion.potentials.neural.quadratic import ROWS, Reduced, Rows, quadratic_rows
from superion.potentials.neural.settings import NeuralSettings, NeuralTraining
from superion.potentials.neural.train import scaled, untrained
from superion.structures.split import trajectory_of
from superion.terms import Evaluation

Array = np.ndarray

FOLDS = 3
"""Parts of the frames left out in turn."""
FEWEST = 6
"""Frames below which nothing is left out."""
STARTS = 8


@dataclass(frozen=True, slots=True)
class Errors:
    """Root mean squares: eV of whole structures and eV/Å of force components; nan without such labels."""

    energy: float
    force: float


@dataclass(frozen=True, slots=True)
class Twins:
    """What two linear models are wrong by for frames that were left out.

    left_out: trajectories, distances or blocks. loss: squared errors over expected ones, of the model with
    charges over that without. worst: the largest such ratio of one part that was left out.
    """

    left_out: str
    charged: Errors
    local: Errors
    loss: float
    worst: float


def compare_twins(
    frames: Sequence[Atoms], known: Sequence[Evaluation], settings: NeuralSettings, seed: int = 0
) -> Twins | None:
    """Both models with parts of the frames left out; None for fewer than six frames.

    known: fixed terms that labels are taken less. settings: cutoff and densities are those of this model.
    """
    per_frame = 1 + 3 * float(np.mean([len(atoms) for atoms in frames])) if frames else 1.0
    step = max(1, round(len(frames) * per_frame / ROWS))
    chosen = list(range(0, len(frames), step))
    if len(chosen) < FEWEST:
        return None
    some, fixed = [frames[k] for k in chosen], [known[k] for k in chosen]
    own = settings.model_copy(update={"generation": "latent-charges", "latent": "direct", "linear": True})
    training = adapted(NeuralTraining(seed=seed), own, some, fixed)
    species = sorted({int(z) for atoms in some for z in atoms.numbers})
    model = untrained(some, some, fixed, own, species, torch.Generator().manual_seed(seed))
    batches = [Labelled.of(some, fixed, model, torch.device("cpu"))]
    model = scaled(model, batches)
    axes, spread = axes_of(model, batches)
    rows = quadratic_rows(batches, model, axes, training.sigma)
    word, folds = left_out_parts(some)
    penalty = training.decay / len(some)
    left: list[tuple[Rows, Array, Array]] = []
    ratios = []
    for fold in folds:
        inside = rows.of([k for k in range(len(some)) if k not in fold])
        outside = rows.of(fold)
        fit = linear_fit(inside, axes, spread, penalty, seed, STARTS)
        one = np.concatenate([[1.0], fit.charges])
        with_charges = outside.labels - 0.5 * (outside.forms @ one) @ one - outside.local @ fit.local
        without = outside.labels - outside.local @ Reduced(inside, penalty).local()
        left.append((outside, with_charges, without))
        ratios.append(outside.weights @ with_charges**2 / max(outside.weights @ without**2, 1e-300))
    outside = Rows(*(np.concatenate([getattr(o, name) for o, _, _ in left]) for name in Rows.__slots__))
    charged, local = (np.concatenate([part[k] for part in left]) for k in (1, 2))
    lost = float(outside.weights @ charged**2), float(outside.weights @ local**2)
    return Twins(
        word, _errors(outside, charged), _errors(outside, local), lost[0] / max(lost[1], 1e-300), max(ratios)
    )


def left_out_parts(frames: Sequence[Atoms]) -> tuple[str, list[list[int]]]:
    """What is left out together: whole trajectories, distances of two parts, or blocks of one trajectory.

    Of distances the middle and the far ones are left out in turn, never the near ones, which nothing tells.
    """
    names = [trajectory_of(atoms) for atoms in frames]
    groups = {name: [k for k, other in enumerate(names) if other == name] for name in dict.fromkeys(names)}
    if len(groups) >= FOLDS:
        lists = list(groups.values())
        return "trajectories", [[k for part in lists[n::FOLDS] for k in part] for n in range(FOLDS)]
    apart = [separation(atoms) for atoms in frames]
    if all(distance is not None for distance in apart):
        order = np.argsort(np.array(apart, dtype=np.float64))
        return "distances", [part.tolist() for part in np.array_split(order, FOLDS)[1:]]
    return "blocks", [part.tolist() for part in np.array_split(np.arange(len(frames)), FOLDS)]


def _errors(rows: Rows, left: Array) -> Errors:
    found = left[rows.energy], left[~rows.energy]
    return Errors(*(float(np.sqrt(np.mean(one**2))) if len(one) else float("nan") for one in found))
