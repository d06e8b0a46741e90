"""Rounding of a model, found and not assumed: what a polynomial leaves of its answers along a short line.

On a thousandth of an Å a smooth function is a polynomial of low order to the last digit; what is left has as
many degrees of freedom as there are points beyond its coefficients. Compare Moré and Wild, SIAM J. Sci.
Comput. 33, 1292 (2011), who take differences of high order.
"""

from __future__ import annotations

import numpy as np
from ase import Atoms

from superion.conformance.result import Noise
from superion.conformance.subject import Subject

Array = np.ndarray
ORDER = 4
STEP = 2e-4
"""Å between neighbours on the line: many spacings of float32, and next to nothing on the scale of a bond."""
POINTS = 10
LINES = 3


def noise_of(subject: Subject, atoms: Atoms, rng: np.random.Generator) -> Noise:
    """Standard deviations of what a model says of a structure, the medians of a few lines through it."""
    found = [_along(subject, atoms, rng) for _ in range(LINES)]
    virials = [virial for _, _, virial in found if virial is not None]
    return Noise(
        energy=float(np.median([energy for energy, _, _ in found])),
        force=float(np.median([force for _, force, _ in found])),
        virial=float(np.median(virials)) if virials else None,
    )


def _along(subject: Subject, atoms: Atoms, rng: np.random.Generator) -> tuple[float, float, float | None]:
    direction = rng.choice([-1.0, 1.0], (len(atoms), 3))
    answers = []
    for k in range(POINTS):
        moved = atoms.copy()
        moved.positions += (k - POINTS / 2) * STEP * direction
        answers.append(subject.evaluate(moved))
    virial = None
    if all(answer.virial is not None for answer in answers):
        virial = _deviation(np.array([answer.virial for answer in answers]))
    return (
        _deviation(np.array([answer.energy for answer in answers])),
        _deviation(np.array([answer.forces for answer in answers])),
        virial,
    )


def _deviation(values: Array) -> float:
    """Of values at the points of a line; the spacing of the numbers is the least that there can be."""
    flat = values.reshape(POINTS, -1)
    powers = np.polynomial.chebyshev.chebvander(np.linspace(-1, 1, POINTS), ORDER)
    left = flat - powers @ np.linalg.lstsq(powers, flat, rcond=None)[0]
    deviation = float(np.sqrt((left**2).sum() / (POINTS - ORDER - 1) / flat.shape[1]))
    return max(deviation, float(np.finfo(np.float64).eps * np.abs(values).max()))
