"""The same question has the same answer: before and after others, alone and in company, from a file."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from ase import Atoms

from superion.conformance.limits import Measured, worst
from superion.conformance.registry import Case, NotApplicable, check
from superion.conformance.subject import Answer
from superion.potentials import Potential
from superion.structures.bare import bare

NEAR = 0.15
"""Å of moves between two structures, of the size of what neighbour lists live through."""
WAY = 8


@check("memory", "an answer does not depend on the structures before")
def memory(case: Case) -> Measured:
    """A structure reached by small moves and the same after others, of other atoms and of another cell.

    The sizes of the moves add up to more than what a list of neighbours lives through.
    """
    rng, subject = case.rng("memory"), case.subject
    way = [case.atoms]
    drift = NEAR * rng.choice([-1.0, 1.0], (len(case.atoms), 3))
    for _ in range(WAY):
        step = way[-1].copy()
        step.positions += drift / 2
        way.append(step)
    others = [_reversed(case.atoms), _swollen(case.atoms)]
    first = [subject.evaluate(atoms) for atoms in way]
    for other in others:
        subject.evaluate(other)
    found = [case.limits.compare(first[-1], _fresh(case, way[-1], others), case.atoms)]
    found.append(case.limits.compare(subject.evaluate(way[0]), case.answer, case.atoms))
    return worst(found)


@check("structure left alone", "a structure that was evaluated is as it was before")
def left_alone(case: Case) -> Measured:
    """Positions, cell and order of the atoms, to the last bit."""
    given = bare(case.atoms)
    kept = given.copy()
    case.subject.evaluations += 1
    case.subject.ask(given)
    if len(given) != len(kept) or (given.numbers != kept.numbers).any() or (given.pbc != kept.pbc).any():
        return Measured(float("inf"), 0.0, "Å", "other atoms or axes")
    moved = max(
        float(np.abs(given.positions - kept.positions).max(initial=0.0)),
        float(np.abs(given.cell.array - kept.cell.array).max()),
    )
    return Measured(moved, 0.0, "Å")


@check("batches", "structures evaluated together are as each of them alone")
def batches(case: Case) -> Measured:
    """Structures of several sizes and orders at once."""
    if case.subject.batch is None:
        raise NotApplicable("the model evaluates one structure at a time")
    structures = [case.atoms, _reversed(case.atoms), _swollen(case.atoms), case.atoms]
    if case.atoms.pbc.all() and len(case.atoms) < 100:
        structures.insert(1, case.atoms.repeat((2, 1, 1)))
    case.subject.evaluations += len(structures)
    together = case.subject.batch([bare(atoms) for atoms in structures])
    return worst(
        [
            case.limits.compare(found, case.subject.evaluate(atoms), atoms)
            for found, atoms in zip(together, structures, strict=True)
        ]
    )


@check("restart", "a model that was saved and read again is the same, bit for bit")
def restart(case: Case) -> Measured:
    """Through a model file."""
    potential = case.subject.potential
    if potential is None:
        raise NotApplicable("the model is not one that superion saves")
    if any(any(getattr(term, "tables", ())) for term in potential.terms):
        raise NotApplicable("energies are read from tables, which no file holds")
    if any(hasattr(term, "opened") for term in potential.terms):
        raise NotApplicable("a file does not hold what runs its base")
    exact = potential.with_precision("float64")
    with TemporaryDirectory() as folder:
        file = Path(folder) / "model.safetensors"
        potential.save(file)
        loaded = Potential.load(file)
    case.subject.evaluations += 2
    one, two = (Answer.of(model.evaluate(bare(case.atoms))) for model in (exact, loaded))
    names = ("energy", "energies", "forces", "virial", "charges", "dipole")
    return Measured(max(_difference(getattr(one, n), getattr(two, n)) for n in names), 0.0, "eV, eV/Å or e")


def _fresh(case: Case, atoms: Atoms, others: list[Atoms]) -> Answer:
    """The answer for a structure between structures that are nothing like it."""
    case.subject.evaluate(others[0])
    return case.subject.evaluate(atoms)


def _reversed(atoms: Atoms) -> Atoms:
    """The atoms in reverse order, so that other elements and places have their numbers."""
    return atoms[::-1]


def _swollen(atoms: Atoms) -> Atoms:
    """The structure blown up by a tenth."""
    copy = atoms.copy()
    copy.set_cell(1.1 * atoms.cell.array, scale_atoms=False)
    copy.positions *= 1.1
    return copy


def _difference(one: object, two: object) -> float:
    if one is None or two is None:
        return 0.0 if one is two else float("inf")
    return float(np.abs(np.asarray(one) - np.asarray(two)).max(initial=0.0))
