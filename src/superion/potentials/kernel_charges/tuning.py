"""Hardness, widths, kernel amplitudes and sigmas that best predict labels which are left out.

With everything else given, the weights are those of a Gaussian process, and what it predicts for a label
without that label has a closed form (Sundararajan & Keerthi, Neural Comput. 13, 1103 (2001)). The mean
logarithm of the probability density of the labels left out, group by group, is maximised by L-BFGS, with
priors that keep few labels from changing much.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from superion.errors import InputError
from superion.potentials.kernel_charges.observables import Observables
from superion.potentials.kernel_charges.response import Elements, Response
from superion.progress import Forecast

Array = np.ndarray

PRIOR = {"hardness": 0.3, "width": 0.3, "delta": 1.0, "sigma": 1.0}
"""Prior standard deviations of the logarithms about where they start."""
REACH = 4.0
"""How many of them they may go."""


@dataclass(frozen=True, slots=True)
class Case:
    """One structure: its response, its labels, and its kernels.

    features: for each block (N, m), such that features·featuresᵀ is the prior covariance of the
    electronegativities in V². elements: (N, E) V, the same for the constants of the elements. group: cases
    of one group are left out together.
    """

    response: Response
    observed: Observables
    features: Sequence[Tensor]
    elements: Tensor
    group: object


@dataclass(frozen=True, slots=True)
class Tuned:
    """What was learned, and the left-out error before and after.

    delta, dipole_delta: factors on the delta of every kernel of the electronegativity and of the atomic
    dipoles. sigma: factor on all sigmas. loss: minus the mean logarithm of
    the left-out probability density of a group, and of the prior.
    """

    elements: Elements
    delta: Array
    dipole_delta: Array
    sigma: float
    loss: tuple[float, float]


def tune(
    cases: Sequence[Case],
    dipoles: Sequence[Tensor],
    start: Elements,
    learn: Sequence[str],
    steps: int,
    *,
    progress: bool = False,
) -> Tuned:
    """Maximise the left-out probability density, in at most about `steps` evaluations.

    cases: those of one group follow one another. dipoles: for each kernel of atomic dipoles the covariance
    (R, R) that it gives the labels of all cases.
    """
    blocks, vectors = len(cases[0].features), len(dipoles)
    logs = {
        "hardness": start.hardness.log(),
        "width": start.width.log(),
        "delta": torch.zeros(blocks + vectors, dtype=torch.float64),
        "sigma": torch.zeros(1, dtype=torch.float64),
    }
    names = [name for name in logs if name in learn]
    first = torch.cat([logs[name] for name in names])
    spread = np.concatenate([np.full(len(logs[name]), PRIOR[name]) for name in names])
    groups = len({case.group for case in cases})
    best: tuple[float, Tensor] | None = None
    losses: list[float] = []
    forecast = Forecast("learning from labels left out", bounded=True, show=progress)

    def unpacked(flat: Tensor) -> dict[str, Tensor]:
        parts = torch.split(flat, [len(logs[name]) for name in names])
        return logs | dict(zip(names, parts, strict=True))

    def objective(flat: Array) -> tuple[float, Array]:
        nonlocal best
        variables = torch.tensor(flat, dtype=torch.float64, requires_grad=True)
        loss = _loss(cases, dipoles, start.species, unpacked(variables))
        away = (variables - first) / torch.from_numpy(spread)
        loss = loss + 0.5 * (away @ away) / groups
        (gradient,) = torch.autograd.grad(loss, variables)
        losses.append(loss.item())
        forecast.step(max(steps - len(losses), 0), f"step {len(losses)} of at most about {steps}")
        if best is None or loss.item() < best[0]:
            best = loss.item(), variables.detach()
        return loss.item(), gradient.numpy()

    minimize(
        objective,
        first.numpy(),
        jac=True,
        method="L-BFGS-B",
        bounds=list(zip(first.numpy() - REACH * spread, first.numpy() + REACH * spread, strict=True)),
        options={"maxfun": steps},
    )
    if best is None or not np.isfinite(best[0]):
        raise InputError(
            "the left-out error is not finite.", remedy="raise the sigmas or `jitter`, or check the labels."
        )
    found = {name: values.exp() for name, values in unpacked(best[1]).items()}
    elements = Elements(start.species, found["hardness"], found["width"])
    delta = found["delta"].numpy()
    return Tuned(elements, delta[:blocks], delta[blocks:], float(found["sigma"]), (losses[0], best[0]))


def _loss(
    cases: Sequence[Case], dipoles: Sequence[Tensor], species: tuple[int, ...], logs: dict[str, Tensor]
) -> Tensor:
    elements = Elements(species, logs["hardness"].exp(), logs["width"].exp())
    delta = logs["delta"].exp()
    rows, right, noise = [], [], []
    sizes: dict[object, int] = {}
    for case in cases:
        observed = case.observed.charges(elements.width[case.response.kinds])
        slope, fixed = case.response.solve(elements, observed)
        kernels = (d * (slope @ f) for d, f in zip(delta, case.features, strict=False))
        parts = [slope @ case.elements, *kernels]
        rows.append(torch.cat(parts, 1))
        right.append(case.observed.labels - fixed)
        noise.append(case.observed.sigma)
        sizes[case.group] = sizes.get(case.group, 0) + len(case.observed.labels)
    design = torch.cat(rows)
    sigma = torch.cat(noise) * logs["sigma"].exp()
    covariance = design @ design.T + torch.diag(sigma**2)
    for d, own in zip(delta.flip(0), reversed(dipoles), strict=False):
        covariance = covariance + d**2 * own
    return left_out_loss(covariance, torch.cat(right), list(sizes.values()))


def left_out_loss(covariance: Tensor, labels: Tensor, sizes: Sequence[int]) -> Tensor:
    """Minus the mean logarithm of the density (without 2π) of consecutive groups of labels left out.

    covariance: (R, R) of the labels. labels: (R,). sizes: of the groups.
    """
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(covariance))
    solved = inverse @ labels
    loss, first = labels.new_zeros(()), 0
    for size in sizes:
        part = slice(first, first + size)
        precision, first = inverse[part, part], first + size
        error = torch.linalg.solve(precision, solved[part])
        loss = loss + 0.5 * (error @ precision @ error - torch.linalg.slogdet(precision)[1])
    return loss / len(sizes)
