"""Labels as quadratic functions of the weights of a charge model that is linear in the symmetry functions.

With electronegativities or charges Φa, linear in coefficients a, the charges of a structure are affine in a,
and its Coulomb energy and forces are quadratic forms of (1, a). A local energy Ψb that is linear as well can
be eliminated, because its best coefficients b have a closed form for any a (variable projection: Golub and
Pereyra, SIAM J. Numer. Anal. 10, 413, 1973). What is left is a least-squares problem in a few dozen numbers:
small enough to be solved from many starts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.linalg import cho_factor, cho_solve, solve_triangular

from superion.potentials.neural.model import Model
from superion.potentials.neural.objective import Labelled
from superion.potentials.neural.settings import LabelSigmas

Array = np.ndarray

DIRECTIONS = 20
"""Directions of the symmetry functions of an element on which its charges may depend."""
COEFFICIENTS = 80
"""Coefficients of charges, at most."""
ROWS = 1200
"""Labels that are fitted to, about; of more frames some are chosen evenly."""


@dataclass(frozen=True, slots=True)
class Axes:
    """What charges may depend on: (F, d) directions of the scaled symmetry functions of each element."""

    directions: tuple[Array, ...]

    @classmethod
    def of(cls, model: Model, values: Array, elements: Array) -> Axes:
        """The principal directions of the symmetry functions (N, F) of each element."""
        scaled = _scaled(model, values, elements)
        most = max(COEFFICIENTS // len(model.symbols) - 1, 1)
        found = []
        for k in range(len(model.symbols)):
            own = scaled[elements == k]
            if len(own) < 2:
                found.append(np.zeros((values.shape[1], 0)))
                continue
            _, strength, axes = np.linalg.svd(own - own.mean(axis=0), full_matrices=False)
            kept = int((strength > 1e-3 * max(strength[0], 1e-12)).sum()) if strength[0] > 1e-9 else 0
            found.append(axes[: min(kept, most, DIRECTIONS)].T)
        return cls(tuple(found))

    @property
    def starts(self) -> Array:
        """Where the coefficients of each element begin; the first of each is its constant."""
        return np.cumsum([0, *(1 + axes.shape[1] for axes in self.directions)])

    @property
    def size(self) -> int:
        """How many coefficients there are."""
        return int(self.starts[-1])


@dataclass(frozen=True, slots=True)
class Rows:
    """The labels (R,) of some frames: label = ½ (1, a) T (1, a) + Ψb.

    labels, weights: (R,), eV or eV/Å, and how much a squared error counts. forms: (R, D+1, D+1).
    local: (R, B). frame: (R,) of which each is. energy: (R,) whether it is one.
    """

    labels: Array
    weights: Array
    forms: Array
    local: Array
    frame: Array
    energy: Array

    def of(self, frames: Sequence[int]) -> Rows:
        """Those of some frames alone."""
        kept = np.isin(self.frame, frames)
        return Rows(*(getattr(self, name)[kept] for name in Rows.__slots__))


def quadratic_rows(batches: Sequence[Labelled], model: Model, axes: Axes, sigma: LabelSigmas) -> Rows:
    """Rows for frames spread evenly over the batches."""
    counts = torch.stack([data.counts() for data in batches]).sum(dim=0).numpy().clip(min=1.0)
    assert sigma.energy is not None
    assert sigma.force is not None
    heed = 1 / (sigma.energy**2 * counts[0]), 1 / (sigma.force**2 * counts[1])
    places = [(data, k) for data in batches for k in range(data.geometry.count)]
    rows = sum(1 + 3 * int(data.sizes[k]) for data, k in places)
    step = max(1, round(rows / ROWS))
    parts = []
    for number, (data, k) in enumerate(places):
        if number % step == 0:
            parts.append(_rows(data, k, model, axes, heed, number))
    return Rows(*(np.concatenate([getattr(p, name) for p in parts]) for name in Rows.__slots__))


def _rows(data: Labelled, k: int, model: Model, axes: Axes, heed: tuple[float, float], number: int) -> Rows:
    geometry = data.geometry
    atoms = torch.nonzero(geometry.owner == k).flatten().numpy()
    count, first = len(atoms), int(atoms[0])
    elements = geometry.elements[atoms].numpy()
    values = _scaled(model, geometry.values[atoms].numpy(), elements)
    slopes = _slopes(data, k, model, first, count, elements)
    local, local_slopes = _local(values, slopes, elements, len(model.symbols))
    forms = np.zeros((1 + 3 * count, axes.size + 1, axes.size + 1))
    for stack in geometry.stacks:
        place = torch.nonzero(stack.structures == k).flatten().tolist()
        if place:
            forms = _forms(
                model,
                axes,
                elements,
                values,
                slopes,
                stack.matrix[place[0]].numpy(),
                stack.slopes[place[0]].numpy(),
                stack.members[place[0]].numpy(),
                stack.charge[place[0]].numpy(),
            )
    baseline = float(model.scales.baseline.numpy()[elements].sum())
    forces = data.forces[atoms].numpy().ravel()
    labels = np.concatenate([[float(data.energies[k]) - baseline], forces])
    weights = np.concatenate([[heed[0] / count**2], np.full(3 * count, heed[1])])
    local = np.concatenate([local[None], -local_slopes.reshape(len(local), -1).T])
    known = np.isfinite(labels)
    frame, energy = np.full(len(labels), number), np.arange(len(labels)) == 0
    parts = (labels, weights, forms, local, frame, energy)
    return Rows(*(part[known] for part in parts))


def _scaled(model: Model, values: Array, elements: Array) -> Array:
    mean, scale = model.scales.mean.numpy(), model.scales.scale.numpy()
    return np.asarray((values - mean[elements]) / scale[elements])


def _slopes(data: Labelled, k: int, model: Model, first: int, count: int, elements: Array) -> Array:
    """(n, F, n, 3) 1/Å, scaled symmetry functions of each atom by the position of each."""
    geometry = data.geometry
    pairs = torch.nonzero(geometry.owner[geometry.neighbours.i] == k).flatten().numpy()
    i = geometry.neighbours.i.numpy()[pairs] - first
    j = geometry.neighbours.j.numpy()[pairs] - first
    columns = model.functions.columns_of(elements[j])
    slope = (
        geometry.slopes[pairs].numpy() / model.scales.scale.numpy()[elements[i][:, None], columns][:, :, None]
    )
    found = np.zeros((count, model.functions.size, count, 3))
    np.add.at(found, (i[:, None], columns, j[:, None]), slope)
    np.add.at(found, (i[:, None], columns, i[:, None]), -slope)
    return found


def _local(values: Array, slopes: Array, elements: Array, species: int) -> tuple[Array, Array]:
    """(B,) sums of scaled symmetry functions and of one by element, and (B, n, 3) 1/Å, their slopes."""
    sums, by_positions = [], []
    for s in range(species):
        own = elements == s
        sums.append(np.concatenate([[own.sum()], values[own].sum(axis=0)]))
        inner = slopes[own].sum(axis=0)
        by_positions.append(np.concatenate([np.zeros((1, *inner.shape[1:])), inner]))
    return np.concatenate(sums), np.concatenate(by_positions)


def _forms(
    model: Model,
    axes: Axes,
    elements: Array,
    values: Array,
    slopes: Array,
    matrix: Array,
    matrix_slopes: Array,
    members: Array,
    totals: Array,
) -> Array:
    """(1 + 3n, D+1, D+1), Coulomb energy and forces as forms of (1, a)."""
    count, size = len(elements), axes.size
    features = np.zeros((count, size + 1))
    moving = np.zeros((count, size + 1, count, 3))
    for k, start in enumerate(axes.starts[:-1]):
        own, place = elements == k, slice(start + 2, start + 2 + axes.directions[k].shape[1])
        features[own, start + 1] = 1.0
        features[own, place] = values[own] @ axes.directions[k]
        moving[own, place] = np.einsum("ifjc,fd->idjc", slopes[own], axes.directions[k])
    if model.settings.equilibrated:
        system = matrix + np.diag(model.hardness().detach().numpy()[elements])
        inverse = np.linalg.inv(system)
        share = np.linalg.solve(members.T @ inverse @ members, members.T @ inverse)
        answer = inverse - inverse @ members @ share  # −∂q/∂χ, symmetric
        charges = -answer @ features
        charges[:, 0] += totals @ share
        pulled = -answer @ (matrix @ charges)
    else:
        even = members / members.sum(axis=0)
        project = np.eye(count) - (even @ members.T if model.settings.conserve else 0.0)
        charges = project @ features
        charges[:, 0] += even @ totals if model.settings.conserve else 0.0
        pulled = project @ (matrix @ charges)
    energy = charges.T @ matrix @ charges
    left = charges
    if model.settings.equilibrated:  # ½ qᵀ∂M q + (Mq)ᵀ∂q, and ∂q = −S(∂χ + ∂M q)
        left = charges + 2 * pulled
    swept = np.einsum("ijc,jd->icd", matrix_slopes, charges)  # ∂M_ij/∂r_i q_j
    swept_left = np.einsum("ijc,jd->icd", matrix_slopes, left)
    by_matrix = 0.5 * (
        np.einsum("id,ice->icde", left, swept) + np.einsum("icd,ie->icde", swept_left, charges)
    )
    by_charges = np.einsum("id,iejc->jcde", pulled, moving)
    gradient = by_matrix + by_charges
    forces = -(gradient + gradient.transpose(0, 1, 3, 2)).reshape(3 * count, size + 1, size + 1)
    return np.concatenate([energy[None], forces])


class Reduced:
    """The least-squares problem in the coefficients of charges alone.

    penalty: of the square of every coefficient but constants. What a squared error counts is in the rows.
    """

    def __init__(self, rows: Rows, penalty: float) -> None:
        root = np.sqrt(rows.weights)
        self._local = rows.local * root[:, None]
        self._free = 1.0 / max(penalty, 1e-10)
        gram = self._free * self._local @ self._local.T
        gram.flat[:: len(gram) + 1] += 1.0 + 1e-12 * np.trace(gram)
        self._factor = np.tril(cho_factor(gram, lower=True)[0])
        self._labels, self._forms = root * rows.labels, root[:, None, None] * rows.forms
        flat = self._forms.reshape(len(root), -1)
        reduced = solve_triangular(self._factor, np.column_stack([self._labels, flat]), lower=True)
        self._right, self._quadratic = reduced[:, 0], reduced[:, 1:].reshape(self._forms.shape)

    @property
    def size(self) -> int:
        """How many coefficients of charges there are."""
        return self._quadratic.shape[1] - 1

    def solve(self, start: Array, prior: Array, steps: int = 60) -> tuple[float, Array]:
        """The least loss from a start (D,) by Levenberg's method, and where it is; prior: (D,) penalties."""
        a, damping = start.copy(), 1e-2
        loss, left, jacobian = self._at(a, prior)
        for _ in range(steps):
            normal = jacobian.T @ jacobian + np.diag(prior)
            slope = jacobian.T @ left - prior * a
            size = np.trace(normal) / len(a)
            while damping < 1e8:
                step = np.linalg.solve(normal + damping * size * np.eye(len(a)), slope)
                found = self._at(a + step, prior)
                if found[0] < loss:
                    break
                damping *= 4
            else:
                return loss, a
            done = loss - found[0] < 1e-7 * loss
            a, damping = a + step, max(damping / 6, 1e-12)
            loss, left, jacobian = found
            if done:
                break
        return loss, a

    def _at(self, a: Array, prior: Array) -> tuple[float, Array, Array]:
        """The loss, what is left of the labels, and the slopes of the model."""
        one = np.concatenate([[1.0], a])
        slope = self._quadratic @ one
        left = self._right - 0.5 * slope @ one
        return float(left @ left + prior @ a**2), left, slope[:, 1:]

    def local(self, a: Array | None = None) -> Array:
        """(B,) the coefficients of the local energy that belong to those of charges; None: no charges."""
        left = self._labels
        if a is not None:
            one = np.concatenate([[1.0], a])
            left = left - 0.5 * (self._forms @ one) @ one
        return np.asarray(self._free * self._local.T @ cho_solve((self._factor, True), left))
