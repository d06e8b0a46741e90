"""Where training begins if no label names charges: the best linear model, from many starts.

Energies are quadratic in charges that nothing names, so that no charge at all is a stationary point, and a
wrong distribution is one whose forces the local energy has learned to undo. Small steps from random networks
stay there. The same problem with linear charges and a linear local energy is solved from many starts in
seconds (quadratic.py), and training goes on from the best of them. A model without charges can begin at the
best linear local energy (linear: true), so that both sides of a comparison are trained alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from superion.potentials.neural.model import CHARGE, ENERGY, Model
from superion.potentials.neural.networks import SKIP, Weights
from superion.potentials.neural.objective import Labelled
from superion.potentials.neural.quadratic import Axes, Reduced, Rows, quadratic_rows
from superion.potentials.neural.settings import NeuralTraining

Array = np.ndarray

STARTS = 24
"""Random charges that the fit begins with."""
TYPICAL = 0.3
"""e, their spread, of labels of one eV."""
LOOSE = 1e-3
"""What constants cost, of what other coefficients cost."""
LARGEST = 200
"""Atoms of a structure above which its labels are left to the training."""


@dataclass(frozen=True, slots=True)
class LinearFit:
    """Coefficients of charges (D,), of the local energy (B,), and the losses of all starts, sorted."""

    charges: Array
    local: Array
    losses: tuple[float, ...]


def fits_linearly(model: Model, batches: Sequence[Labelled]) -> bool:
    """Whether a linear model can be solved for: local, or quadratic in its charges, and small."""
    settings = model.settings
    quadratic = settings.generation != "cent" and settings.linear is True
    small = all(stack.matrix.shape[1] <= LARGEST for data in batches for stack in data.geometry.stacks)
    return quadratic and small


def linear_fit(rows: Rows, axes: Axes, spread: Array, penalty: float, seed: int, starts: int) -> LinearFit:
    """The best of several starts. spread: (D,) typical size of what each coefficient multiplies."""
    reduced, rng = Reduced(rows, penalty), np.random.default_rng(seed)
    prior = np.full(axes.size, float(penalty))
    prior[axes.starts[:-1]] *= LOOSE
    found = [
        reduced.solve(rng.normal(size=axes.size) * TYPICAL / spread / np.sqrt(len(spread)), prior)
        for _ in range(starts)
    ]
    found.sort(key=lambda one: one[0])
    best = found[0][1]
    return LinearFit(best, reduced.local(best), tuple(loss for loss, _ in found))


def axes_of(model: Model, batches: Sequence[Labelled]) -> tuple[Axes, Array]:
    """What charges depend on, and the typical size (D,) of each."""
    values = np.concatenate([data.geometry.values.numpy() for data in batches])
    elements = np.concatenate([data.geometry.elements.numpy() for data in batches])
    axes = Axes.of(model, values, elements)
    spread = np.ones(axes.size)
    scaled = (values - model.scales.mean.numpy()[elements]) / model.scales.scale.numpy()[elements]
    for k, start in enumerate(axes.starts[:-1]):
        along = scaled[elements == k] @ axes.directions[k]
        spread[start + 1 : axes.starts[k + 1]] = np.sqrt(np.mean(along**2, axis=0)) if len(along) else 1.0
    return axes, spread


def linear_start(model: Model, batches: Sequence[Labelled], training: NeuralTraining) -> Weights:
    """Weights by which the networks are the best linear model."""
    penalty = training.decay / sum(data.geometry.count for data in batches)
    if not model.settings.charged:
        axes = Axes(())
        local = Reduced(quadratic_rows(batches, model, axes, training.sigma), penalty).local()
        return as_weights(model, axes, LinearFit(np.zeros(0), local, ()))
    axes, spread = axes_of(model, batches)
    rows = quadratic_rows(batches, model, axes, training.sigma)
    return as_weights(model, axes, linear_fit(rows, axes, spread, penalty, training.seed, STARTS))


def as_weights(model: Model, axes: Axes, fit: LinearFit) -> Weights:
    """Networks that give what the linear model gives."""
    last = len(model.settings.hidden)
    local = fit.local.reshape(len(model.symbols), -1)
    weights: Weights = {}
    for k, symbol in enumerate(model.symbols):
        given = {ENERGY: (local[k, 0], local[k, 1:])}
        if axes.directions:
            own = fit.charges[axes.starts[k] : axes.starts[k + 1]]
            given[CHARGE] = own[0], axes.directions[k] @ own[1:]
        for name, (constant, slope) in given.items():
            skip = torch.zeros_like(model.weights[f"{name}.{symbol}.{SKIP}"])
            skip[0, : len(slope)] = torch.from_numpy(np.ascontiguousarray(slope))
            weights[f"{name}.{symbol}.{SKIP}"] = skip
            weights[f"{name}.{symbol}.{last}.bias"] = torch.tensor([constant])
            weights[f"{name}.{symbol}.{last}.weight"] = torch.zeros_like(
                model.weights[f"{name}.{symbol}.{last}.weight"]
            )
    return weights
