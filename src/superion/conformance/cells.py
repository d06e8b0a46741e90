"""A crystal is the same crystal in whatever cell it is written down."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from superion.conformance.limits import Measured, worst
from superion.conformance.registry import Case, NotApplicable, check
from superion.conformance.subject import Answer
from superion.structures.bare import repeated, total_of

Array = np.ndarray
FARTHEST = 1000
"""Lattice vectors by which an atom is moved: some ten thousand Å."""
NEUTRAL = 1e-6


@check("choice of cell", "other lattice vectors of the same lattice change nothing")
def choice_of_cell(case: Case) -> Measured:
    """Lattice vectors that are sums and differences of the given ones, in two ways."""
    periodic = _periodic(case)
    if len(periodic) < 2:
        raise NotApplicable("a chain has one lattice vector")
    found = []
    for skew in _skewed(periodic):
        other = case.atoms.copy()
        other.set_cell(skew @ case.atoms.cell.array, scale_atoms=False)
        found.append(case.limits.compare(case.subject.evaluate(other), case.answer, other))
    return worst(found)


@check("atoms outside the cell", "atoms moved by lattice vectors, also by a thousand, change nothing")
def outside(case: Case) -> Measured:
    """Each atom by a few random lattice vectors, then some of them by a thousand."""
    periodic = _periodic(case)
    rng, n = case.rng("outside"), len(case.atoms)
    shift = np.zeros((n, 3))
    shift[:, periodic] = rng.integers(-3, 4, (n, len(periodic)))
    far = shift.copy()
    some = rng.permutation(n)[: max(1, n // 4)]
    for axis in periodic:
        far[some, axis] += FARTHEST * rng.choice([-1, 1], len(some))
    found = []
    only = "forces" if case.subject.directed else ""
    for own, much in ((shift, "a few lattice vectors"), (far, f"{FARTHEST} lattice vectors")):
        other = case.atoms.copy()
        other.positions += own @ case.atoms.cell.array
        one = case.limits.compare(case.subject.evaluate(other), case.answer, other, only=only)
        found.append(Measured(one.number, one.limit, one.unit, f"{one.why}, atoms moved by {much}"))
    return worst(found)


@check("supercells", "twice the cell has twice the energy, and the same forces")
def supercells(case: Case) -> Measured:
    """Two cells along each periodic axis in turn."""
    periodic = _periodic(case)
    total = total_of(case.atoms) or 0.0
    charges = case.answer.charges
    if abs(total) > NEUTRAL or (charges is not None and abs(charges.sum()) > 1e-3):
        raise NotApplicable("the cell is charged, and its energy depends on the distance of its images")
    found = []
    for axis in periodic if case.settings.level != "quick" else periodic[:1]:
        times = [2 if k == axis else 1 for k in range(3)]
        large, own = repeated(case.atoms, times), case.answer
        expected = Answer(
            2 * own.energy,
            np.tile(own.forces, (2, 1)),
            None if own.energies is None else np.tile(own.energies, 2),
            None if own.virial is None else 2 * own.virial,
            None if charges is None else np.tile(charges, 2),
        )
        one = case.limits.compare(case.subject.evaluate(large), expected, large, only=case.without_origin)
        name = "×".join(map(str, times))
        found.append(Measured(one.number, one.limit, one.unit, f"{one.why}, {name}"))
    return worst(found)


def _periodic(case: Case) -> list[int]:
    """Periodic axes; NotApplicable without any."""
    axes = [int(axis) for axis in np.flatnonzero(case.atoms.pbc)]
    if not axes:
        raise NotApplicable("the structure is not periodic")
    return axes


def _skewed(periodic: list[int]) -> list[Array]:
    """Integer matrices of determinant one that mix periodic axes only."""
    one, two = np.eye(3, dtype=int), np.eye(3, dtype=int)
    for a, b in pairwise(periodic):
        one[a, b] = 1
        two[b] -= two[a]
    one[periodic[-1]] += one[periodic[0]]
    return [one, two]
