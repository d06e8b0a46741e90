"""Forces and stress against finite differences of the energy."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy as np
from ase import Atoms, units

from superion.conformance.derivatives import Slope, slope
from superion.conformance.limits import Measured, worst
from superion.conformance.registry import Case, NotApplicable, check
from superion.conformance.subject import Subject

Array = np.ndarray
MOVE = 0.12
"""Å of the longest move of an atom."""
STRAIN = 0.004
"""The longest strain."""
HIDDEN = 0.01
"""A force that is wrong by this fraction must show; where noise hides it, a derivative says nothing."""
COMPONENTS = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))


@check("forces", "forces are minus the derivative of the energy")
def forces(case: Case) -> Measured:
    """Central differences along random directions of all atoms, and along the axes for some atoms."""
    return of_forces(case, case.atoms, case.answer.forces, directions(case))


def of_forces(case: Case, atoms: Atoms, given: Array, along: Iterator[Array]) -> Measured:
    """Forces (N, 3) of a structure against differences along unit vectors of 3N components."""
    if not np.isfinite(given).all():
        return Measured(float("inf"), case.limits.force(), "eV/Å", "forces that are no numbers")
    typical = float(np.sqrt(np.mean(given**2)))
    hidden = max(HIDDEN * typical, case.settings.accuracy)
    if case.limits.force() > hidden:
        raise NotApplicable(f"noise hides forces of {typical:.2g} eV/Å")
    measured, lost, count = [], 0, 0
    for direction in along:
        along_forces = float((given * direction).sum())

        def energy(step: float, direction: Array = direction) -> float:
            return case.subject.evaluate(moved(atoms, step * direction)).energy

        longest, noise = MOVE / np.abs(direction).max(), case.limits.noise.energy
        found = slope(energy, longest, noise, -along_forces, case.limits.force())
        count += 1
        if found.error > hidden:
            lost += 1
            continue
        number = abs(found.value + along_forces)
        measured.append(Measured(number, max(case.limits.force(), found.error), "eV/Å"))
    return _judged(measured, lost, count, "direction", f"forces of {typical:.2g} eV/Å")


@check("stress", "the stress is the derivative of the energy by a strain")
def stress(case: Case) -> Measured:
    """Central differences along the six strains."""
    atoms, virial = case.atoms, case.answer.virial
    if virial is None:
        raise NotApplicable("the model gives no stress for this structure")
    if atoms.pbc.all():
        scale, unit = 1 / atoms.get_volume() / units.GPa, "GPa"
    elif atoms.pbc.any():
        raise NotApplicable("the structure is periodic along some axes only")
    else:
        scale, unit = 1.0, "eV"
    typical, limit = float(np.sqrt(np.mean(virial**2))), case.limits.virial(len(atoms))
    hidden = HIDDEN * max(typical, len(atoms))
    if limit > hidden:
        raise NotApplicable(f"noise hides a stress of {typical * scale:.2g} {unit}")
    measured, lost = [], 0
    for component, found in zip(COMPONENTS, strain_slopes(case.subject, case, virial), strict=True):
        if found.error > hidden:
            lost += 1
            continue
        number = abs(found.value + virial[component])
        measured.append(Measured(number * scale, max(limit, found.error) * scale, unit))
    return _judged(measured, lost, 6, "strain", f"components of {typical * scale:.2g} {unit}")


def strain_slopes(subject: Subject, case: Case, virial: Array) -> list[Slope]:
    """Derivatives (eV) of the energy of a model by the six components of a symmetric strain.

    virial: (3, 3) eV, what they are expected to be.
    """
    limit, found = case.limits.virial(len(case.atoms)), []
    for a, b in COMPONENTS:
        shape = _unit(a, b)

        def energy(step: float, shape: Array = shape) -> float:
            return subject.evaluate(strained(case.atoms, step * shape)).energy

        found.append(slope(energy, STRAIN, case.limits.noise.energy, -float(virial[a, b]), limit))
    return found


def directions(case: Case, most: int | None = None) -> Iterator[Array]:
    """Unit vectors (N, 3), at most so many: random ones of all atoms, and the axes of some atoms."""
    return islice(_directions(case), most)


def _directions(case: Case) -> Iterator[Array]:
    n, rng, effort = len(case.atoms), case.rng("forces"), case.effort
    for _ in range(effort.directions if n > 1 else 0):
        yield rng.choice([-1.0, 1.0], (n, 3)) / np.sqrt(3 * n)
    chosen = range(n) if effort.every else np.unique(case.atoms.numbers, return_index=True)[1][: effort.atoms]
    for atom in chosen:
        for axis in range(3):
            direction = np.zeros((n, 3))
            direction[atom, axis] = 1.0
            yield direction


def moved(atoms: Atoms, shift: Array) -> Atoms:
    """A copy whose atoms are moved by `shift`."""
    copy = atoms.copy()
    copy.positions += shift
    return copy


def strained(atoms: Atoms, strain: Array) -> Atoms:
    """A copy whose space, cell and positions, is strained."""
    copy = atoms.copy()
    copy.set_cell(atoms.cell.array @ (np.eye(3) + strain), scale_atoms=False)
    copy.positions = atoms.positions @ (np.eye(3) + strain)
    return copy


def _unit(a: int, b: int) -> Array:
    strain = np.zeros((3, 3))
    strain[a, b] += 0.5
    strain[b, a] += 0.5
    return strain


def _judged(measured: list[Measured], lost: int, count: int, what: str, typical: str) -> Measured:
    if not measured:
        raise NotApplicable(f"noise or kinks of the energy hide all {count} differences")
    found = worst(measured)
    note = f"; {lost} more are hidden by noise or kinks" if lost else ""
    plural = f"{what}s" if len(measured) > 1 else what
    return Measured(found.number, found.limit, found.unit, f"{len(measured)} {plural}, {typical}{note}")
