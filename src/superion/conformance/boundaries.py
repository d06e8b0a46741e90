"""Structures that are not periodic, or along some axes only, where a model takes them."""

from __future__ import annotations

import numpy as np
from ase import Atoms

from superion.conformance.finite_differences import directions, of_forces
from superion.conformance.limits import Measured, worst
from superion.conformance.registry import Case, NotApplicable, check
from superion.conformance.subject import Answer

GAP = 3.0
"""Å beyond the cutoff between a slab and its image."""


@check("open boundaries", "forces of a cluster are the derivative of its energy")
def open_boundaries(case: Case) -> Measured:
    """The atoms of the structure without periodic axes; the cell they are given with has no meaning."""
    if not case.atoms.pbc.any():
        raise NotApplicable("the structure is one: see forces")
    cluster = case.atoms.copy()
    cluster.wrap()
    cluster.pbc = False
    answer = _answer(case, cluster)
    found = [of_forces(case, cluster, answer.forces, directions(case, case.effort.directions))]
    lone = cluster.copy()
    lone.cell = None
    same = case.limits.compare(case.subject.evaluate(lone), answer, cluster, only="energy forces")
    found.append(Measured(same.number, same.limit, same.unit, f"{same.why} without a cell"))
    return worst(found)


@check(
    "mixed boundaries",
    "forces of slabs and wires are the derivative of their energy; slabs far apart are slabs",
)
def mixed_boundaries(case: Case) -> Measured:
    """Two and one periodic axes; where a cutoff is known, periodic copies beyond it make no difference."""
    if not case.atoms.pbc.all():
        raise NotApplicable("the structure is not periodic along all axes")
    found = []
    for pbc, name in (((True, True, False), "slab"), ((False, False, True), "wire")):
        atoms = case.atoms.copy()
        atoms.wrap()
        atoms.pbc = pbc
        answer = _answer(case, atoms)
        one = of_forces(case, atoms, answer.forces, directions(case, case.effort.directions))
        found.append(Measured(one.number, one.limit, one.unit, f"{name}: {one.why}"))
        if name == "slab" and case.subject.cutoff is not None:
            apart = _apart(atoms, case.subject.cutoff + GAP)
            same = case.limits.compare(case.subject.evaluate(apart), answer, atoms, only="energy forces")
            found.append(Measured(same.number, same.limit, same.unit, f"{same.why}, slabs far apart"))
    return worst(found)


def _apart(atoms: Atoms, gap: float) -> Atoms:
    """The slab in a cell with three periodic axes and so much vacuum between slabs."""
    copy = atoms.copy()
    a, b = atoms.cell.array[:2]
    normal = np.cross(a, b) / np.linalg.norm(np.cross(a, b))
    heights = atoms.positions @ normal
    copy.set_cell([a, b, normal * (float(np.ptp(heights)) + gap)], scale_atoms=False)
    copy.pbc = True
    return copy


def _answer(case: Case, atoms: Atoms) -> Answer:
    """The answer for a structure that a model may refuse."""
    try:
        return case.subject.evaluate(atoms)
    except Exception as error:
        text = " ".join(str(error).split())
        raise NotApplicable(f"the model refuses such structures ({type(error).__name__}: {text})") from error
