"""Energies do not depend on origin, orientation, handedness and the order of the atoms."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from superion.conformance.limits import Measured, worst
from superion.conformance.registry import Case, NotApplicable, check
from superion.conformance.subject import Answer

Array = np.ndarray
FAR = 7.0
"""Å of a translation."""


@check("translation", "nothing changes when all atoms are moved together")
def translation(case: Case) -> Measured:
    """Two random translations of some Å."""
    rng, found = case.rng("translation"), []
    for _ in range(2):
        moved = case.atoms.copy()
        moved.positions += rng.uniform(-FAR, FAR, 3)
        found.append(
            case.limits.compare(case.subject.evaluate(moved), case.answer, moved, only=case.without_origin)
        )
    return worst(found)


@check("rotation", "energies stay and vectors turn when a structure and its cell are turned")
def rotation(case: Case) -> Measured:
    """A random proper rotation."""
    turn = Rotation.random(random_state=int(case.rng("rotation").integers(2**31))).as_matrix()
    return _in_frame(case, turn)


@check("inversion", "energies stay and vectors change their sign when all positions do")
def inversion(case: Case) -> Measured:
    """The lattice is its own inverse, so that the cell stays as it is and right-handed."""
    return _in_frame(case, -np.eye(3), cell=False)


@check("permutation", "the order of the atoms does not matter")
def permutation(case: Case) -> Measured:
    """A random order of all atoms, those of different elements among each other."""
    n = len(case.atoms)
    if n < 2:
        raise NotApplicable("one atom has one order")
    order = case.rng("permutation").permutation(n)
    found = case.subject.evaluate(case.atoms[order])
    return case.limits.compare(found, picked(case.answer, order), case.atoms)


def picked(answer: Answer, order: Array) -> Answer:
    """The answer for atoms in another order."""
    return Answer(
        answer.energy,
        answer.forces[order],
        None if answer.energies is None else answer.energies[order],
        answer.virial,
        None if answer.charges is None else answer.charges[order],
        answer.dipole,
    )


def _in_frame(case: Case, turn: Array, *, cell: bool = True) -> Measured:
    moved = case.atoms.copy()
    moved.positions = moved.positions @ turn
    if cell:
        moved.set_cell(moved.cell.array @ turn, scale_atoms=False)
    own = case.answer
    expected = Answer(
        own.energy,
        own.forces @ turn,
        own.energies,
        None if own.virial is None else turn.T @ own.virial @ turn,
        own.charges,
        None if own.dipole is None else own.dipole @ turn,
    )
    found = case.subject.turned(turn).evaluate(moved)
    compared = [case.limits.compare(found, expected, moved)]
    if not moved.pbc.any() and found.dipole is not None and own.dipole is not None:
        compared.append(case.limits.compare(found, expected, moved, only="dipole"))
    return worst(compared)
