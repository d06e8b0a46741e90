"""No jumps of energies, forces and stresses: through cutoffs, neighbour lists and sets of wave vectors."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations_with_replacement

import numpy as np
from ase import Atoms, units
from ase.data import atomic_numbers, covalent_radii

from superion.conformance.finite_differences import moved, strained
from superion.conformance.jumps import Jump, largest_jump
from superion.conformance.limits import Measured, worst
from superion.conformance.registry import Case, NotApplicable, check

Array = np.ndarray
FARTHEST = 12.0
"""Å up to which a pair is followed where a model does not say how far it sees."""
BEYOND = 0.5
"""Å beyond a known cutoff."""
WALK = 0.8
"""Å that an atom is moved in the crystal: more than neighbour lists live through."""
STRAIN = 0.06
"""From the smallest to the largest strain of the cell."""
JUMP = 10.0
"""Jumps of forces and virials in units of their limits. An atom moves by some 0.01 Å in a step of dynamics;
on this way a jump of ten times the accuracy of forces changes the energy by its own limit for an atom."""
STRETCHES = 8


@check(
    "smooth pairs", "no jump of energy or forces when two atoms part, out to where they no longer interact"
)
def pairs(case: Case) -> Measured:
    """Each pair of elements, with a third atom beside the first, in empty space."""
    symbols = sorted(set(case.atoms.symbols), key=lambda symbol: atomic_numbers[symbol])
    kinds = list(combinations_with_replacement(symbols, 2))
    rng = case.rng("pairs")
    if case.settings.level == "quick":
        kinds = [kinds[k] for k in sorted(rng.permutation(len(kinds))[:2])]
    end = FARTHEST if case.subject.cutoff is None else case.subject.cutoff + BEYOND
    found, refusals = [], []
    for a, b in kinds:
        start = _bond(a, b)
        third = symbols[int(rng.integers(len(symbols)))]
        group = Atoms([a, b, third], np.zeros((3, 3)))
        group.positions[2] = [0, _bond(a, third) * 1.1, 0.3]
        if "total_charge" in case.atoms.info:
            group.info["total_charge"] = 0.0

        def at(x: float, group: Atoms = group, start: float = start) -> Atoms:
            group.positions[1] = [start + x * max(end - start, 1.0), 0.1, -0.2]
            return group

        try:
            case.subject.evaluate(at(0.0))
        except Exception as error:
            refusals.append(f"{type(error).__name__}: {error}")
            continue
        length = max(end - start, 1.0)
        jump = largest_jump(_values(case, at), 2 * STRETCHES, case.effort.budget)
        found.append(_told(case, jump, 3, f"{a}–{b} at {start + jump.where * length:.4f} Å"))
    if not found:
        raise NotApplicable(f"the model refuses single molecules ({refusals[0]})")
    return _worst(found)


@check("smooth moves", "no jump of energy, forces or stress when an atom moves through the structure")
def moves(case: Case) -> Measured:
    """One atom along a straight line, past cutoffs of others and the skin of a list of neighbours."""
    rng, found = case.rng("moves"), []
    for _ in range(case.effort.paths):
        atom = int(rng.integers(len(case.atoms)))
        line = rng.normal(size=3)
        shift = np.zeros((len(case.atoms), 3))
        shift[atom] = WALK * line / np.linalg.norm(line)

        def at(x: float, shift: Array = shift) -> Atoms:
            return moved(case.atoms, (x - 0.5) * shift)

        jump = largest_jump(_values(case, at), STRETCHES, case.effort.budget)
        where = f"{case.atoms.symbols[atom]}{atom} moved by {abs(jump.where - 0.5) * WALK:.3f} Å"
        found.append(_told(case, jump, len(case.atoms), where))
    return _worst(found)


@check("smooth strain", "no jump of energy, forces or stress when the cell is strained slowly")
def strain(case: Case) -> Measured:
    """A change of volume and a shear, through cutoffs and steps of the set of reciprocal vectors."""
    if not case.atoms.pbc.any():
        raise NotApplicable("the structure is not periodic")
    found = []
    shapes = {"volume": np.eye(3), "shear": _SHEAR}
    if case.settings.level == "quick":
        shapes = {"volume and shear": np.eye(3) + _SHEAR}
    for name, shape in shapes.items():

        def at(x: float, shape: Array = shape) -> Atoms:
            return strained(case.atoms, (x - 0.5) * STRAIN * shape)

        jump = largest_jump(_values(case, at), STRETCHES, case.effort.budget)
        where = f"{name}, strain {(jump.where - 0.5) * STRAIN:+.5f}"
        found.append(_told(case, jump, len(case.atoms), where))
    return _worst(found)


_SHEAR = np.array([[0.6, 0.5, 0.1], [0.5, -0.4, 0.3], [0.1, 0.3, -0.2]])


def _values(case: Case, at: Callable[[float], Atoms]) -> Callable[[float], Array]:
    """Energy, forces and virial at a point of a path, each in units of its limit."""

    def values(x: float) -> Array:
        atoms = at(x)
        answer, n = case.subject.evaluate(atoms), len(atoms)
        parts = [
            np.array([answer.energy / case.limits.energy(n)]),
            answer.forces.ravel() / (JUMP * case.limits.force()),
        ]
        if answer.virial is not None:
            parts.append(answer.virial.ravel() / (JUMP * case.limits.virial(n)))
        return np.concatenate(parts)

    return values


def _told(case: Case, jump: Jump, atoms: int, where: str) -> tuple[Jump, Measured]:
    """A jump in its own unit."""
    limits, volume = case.limits, case.atoms.cell.volume
    if jump.worst == 0:
        limit, unit, what = limits.energy(atoms) / atoms, "eV/atom", "energy"
    elif jump.worst <= 3 * atoms:
        limit, unit, what = JUMP * limits.force(), "eV/Å", "force"
    elif atoms == len(case.atoms) and volume and case.atoms.pbc.all():
        limit, unit, what = JUMP * limits.virial(atoms) / volume / units.GPa, "GPa", "stress"
    else:
        limit, unit, what = JUMP * limits.virial(atoms), "eV", "virial"
    verb = "jumps" if jump.located else "nowhere by more"
    if not jump.resolved:
        verb = "may jump"
    return jump, Measured(jump.size * limit, limit, unit, f"{what} {verb}: {where}")


def _worst(found: list[tuple[Jump, Measured]]) -> Measured:
    """The largest jump that was located; NotApplicable where a search ended too soon to tell."""
    located = [measured for jump, measured in found if jump.located]
    if located:
        return worst(located)
    open_ended = [measured for jump, measured in found if not jump.resolved]
    if open_ended:
        one = worst(open_ended)
        raise NotApplicable(
            f"not decided after as many evaluations: {one.why}, by up to {one.number:.2g} {one.unit}; "
            "--level thorough looks closer"
        )
    return worst([measured for _, measured in found])


def _bond(a: str, b: str) -> float:
    return float(covalent_radii[atomic_numbers[a]] + covalent_radii[atomic_numbers[b]])
