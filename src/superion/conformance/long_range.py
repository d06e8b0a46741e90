"""The long-range part in the stress.

Of a sum of terms those with charges are strained alone, and what the stress has beyond the other terms is
held against the change of their energy. Of any other model with charges, what the stress lacks is compared
with the stress of its charges: it is a fraction of it where a code leaves out the electrostatics.
"""

from __future__ import annotations

import numpy as np
import torch
from ase import units

from superion.conformance.finite_differences import COMPONENTS, HIDDEN, strain_slopes, strained
from superion.conformance.limits import Measured
from superion.conformance.registry import Case, NotApplicable, check
from superion.conformance.subject import subject_of
from superion.electrostatics import Point, ewald_energy
from superion.potentials import Potential
from superion.terms import Term

Array = np.ndarray
NEUTRAL = 1e-3
LACKING = 0.1
"""Of the stress of the charges. Small errors of other kinds resemble it by less; they fail `stress`."""


@check("long-range stress", "the stress has all of the electrostatic part")
def long_range(case: Case) -> Measured:
    """Periodic structures of models with charges."""
    virial = case.answer.virial
    if case.answer.charges is None:
        raise NotApplicable("the model gives no charges")
    if not case.atoms.pbc.all() or virial is None:
        raise NotApplicable("there is no stress, or the structure is not periodic along all axes")
    charged, others = _parts(case)
    if charged and others:
        return _of_terms(case, virial, charged, others)
    return _of_charges(case, virial)


def _parts(case: Case) -> tuple[list[Term], list[Term]]:
    """Terms of the potential behind the model with charges, and those without."""
    charged: list[Term] = []
    others: list[Term] = []
    for term in case.subject.potential.terms if case.subject.potential else ():
        has = term.evaluate(case.atoms).charges is not None
        (charged if has else others).append(term)
    return charged, others


def _of_terms(case: Case, virial: Array, charged: list[Term], others: list[Term]) -> Measured:
    own = virial - Potential(others).evaluate(case.atoms).virial
    found = strain_slopes(subject_of(Potential(charged)), case, own)
    scale = 1 / case.atoms.get_volume() / units.GPa
    number = max(abs(s.value + own[k]) for s, k in zip(found, COMPONENTS, strict=True))
    limit = max(case.limits.virial(len(case.atoms)), *(s.error for s in found))
    size = float(np.abs([s.value for s in found]).max())
    if limit > max(HIDDEN * size, case.limits.virial(len(case.atoms))):
        raise NotApplicable("noise or kinks of the energy hide the electrostatic part")
    return Measured(number * scale, limit * scale, "GPa", f"electrostatic part of {size * scale:.2g} GPa")


def _of_charges(case: Case, virial: Array) -> Measured:
    charges = case.answer.charges
    assert charges is not None
    if abs(float(charges.sum())) > NEUTRAL:
        raise NotApplicable("the cell is charged")
    point = np.array([_point_virial(case, charges, *component) for component in COMPONENTS])
    weight = np.array([1, 1, 1, 2, 2, 2])
    size = float((weight * point * point).sum())
    found = strain_slopes(case.subject, case, virial)
    lacking = np.array([-s.value - virial[k] for s, k in zip(found, COMPONENTS, strict=True)])
    error = max(case.limits.virial(len(case.atoms)), *(s.error for s in found))
    limit = max(LACKING, float(error / np.sqrt(size))) if size else np.inf
    if limit > 0.5:
        raise NotApplicable("the stress of the charges is too small to be seen in that of the model")
    number = abs(float((weight * lacking * point).sum())) / size
    return Measured(number, limit, "of the stress of its charges", "lacking from the stress")


def _point_virial(case: Case, charges: Array, a: int, b: int, step: float = 1e-4) -> float:
    """Minus the derivative (eV) of the energy of point charges by a strain."""
    unit = np.zeros((3, 3))
    unit[a, b] += 0.5
    unit[b, a] += 0.5

    def energy(size: float) -> float:
        atoms = strained(case.atoms, size * unit)
        place, cell, q = (torch.tensor(x) for x in (atoms.positions, atoms.cell.array, charges))
        return float(ewald_energy(place, cell, q - q.mean(), densities=(Point(),)))

    return -(energy(step) - energy(-step)) / (2 * step)
