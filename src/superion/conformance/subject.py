"""What is judged: any model that answers for a structure, and what else it can do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

import numpy as np
from ase import Atoms
from ase.calculators.calculator import PropertyNotImplementedError

from superion.errors import InputError
from superion.model import model_of, named, terms_of
from superion.potentials import Potential
from superion.structures.bare import bare
from superion.terms import Evaluation, is_term

Array = np.ndarray
TURNED = "turned"
"""Method of a term that has a direction in space of its own, such as a field: the same term in a frame of
reference that was turned."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model says of a structure of N atoms; None: it does not say.

    energy: eV. forces: (N, 3) eV/Å. energies: (N,) eV. virial: (3, 3) eV, minus the derivative of the energy
    by a symmetric strain. charges: (N,) e. dipole: (3,) e·Å. virials: (N, 6) eV in Voigt order, of the atoms.
    """

    energy: float
    forces: Array
    energies: Array | None = None
    virial: Array | None = None
    charges: Array | None = None
    dipole: Array | None = None
    virials: Array | None = None

    @classmethod
    def of(cls, found: Evaluation) -> Self:
        """An evaluation as an answer; atomic energies and virials that are all NaN are not known."""
        energies = None if np.isnan(found.energies).all() and len(found.energies) else found.energies
        virial = None if np.isnan(found.virial).all() else found.virial
        return cls(found.energy, found.forces, energies, virial, found.charges, found.dipole)


class Engine(Protocol):
    """Whatever evaluates structures, one or several at once."""

    def evaluate_batch(self, structures: Sequence[Atoms]) -> list[Evaluation]:
        """The evaluation of each structure."""
        ...


@dataclass(slots=True)
class Subject:
    """A model under test; `evaluate` counts its evaluations.

    ask: the answer for one structure. batch: for several at once, if the model can. potential: the sum of
    terms behind it, if there is one, and remake: what evaluates another potential in the same way. cutoff: Å
    within which the energy of an atom is decided, if that is known and all there is.
    """

    name: str
    ask: Callable[[Atoms], Answer]
    batch: Callable[[Sequence[Atoms]], list[Answer]] | None = None
    potential: Potential | None = None
    remake: Callable[[Potential], Any] | None = None
    cutoff: float | None = None
    evaluations: int = 0

    def evaluate(self, atoms: Atoms) -> Answer:
        """Ask the model for a structure, which it sees without labels."""
        self.evaluations += 1
        return self.ask(bare(atoms))

    def remade(self, potential: Potential) -> Subject:
        """Another potential, evaluated in the way of this one."""
        assert self.remake is not None
        return subject_of(self.remake(potential))

    @property
    def directed(self) -> bool:
        """Whether the model has a direction in space of its own, such as a field."""
        return self.potential is not None and any(hasattr(t, TURNED) for t in self.potential.terms)

    def turned(self, rotation: Array) -> Subject:
        """The same model in a frame of reference in which vectors v are `v @ rotation`."""
        if not self.directed:
            return self
        assert self.potential is not None
        terms = [getattr(t, TURNED)(rotation) if hasattr(t, TURNED) else t for t in self.potential.terms]
        return self.remade(Potential(terms))


def subject_of(model: Any) -> Subject:
    """A model, a term, an evaluator of potentials or any ASE calculator as what is judged.

    Raises InputError for anything else.
    """
    if isinstance(model, Subject):
        return replace(model, evaluations=0)
    if hasattr(model, "get_property"):
        return _of_calculator(model)
    if is_term(model):
        return subject_of(Potential([model]))
    if not hasattr(model, "evaluate_batch"):
        raise InputError(
            f"{type(model).__name__} is no model that can be checked.",
            remedy="give a potential, a term, a model file or an ASE calculator.",
        )
    if terms_of(model):
        return _of_engine(model, model, lambda potential: potential)
    if hasattr(model, "calculator"):
        return _of_calculator(model.calculator())
    remake = None
    if hasattr(model, "device"):
        remake = lambda potential: type(model)(potential, model.device)  # noqa: E731
    return _of_engine(model, getattr(model, "potential", None), remake)


def _of_engine(engine: Engine, potential: Any, remake: Callable[[Potential], Any] | None) -> Subject:
    return Subject(
        type(engine).__name__,
        lambda atoms: Answer.of(engine.evaluate_batch([atoms])[0]),
        lambda structures: [Answer.of(found) for found in engine.evaluate_batch(structures)],
        potential,
        remake,
        _cutoff(potential),
    )


def _of_calculator(calculator: Any) -> Subject:
    """An ASE calculator; of ours also what is behind it."""
    declared = set(calculator.implemented_properties)
    found = Subject(named(calculator), lambda atoms: _asked(atoms, calculator, declared))
    potential: Any = model_of(calculator)
    if potential is None or not terms_of(potential):
        return found
    engine = calculator.evaluator
    return replace(
        found,
        batch=lambda structures: [Answer.of(one) for one in engine.evaluate_batch(structures)],
        potential=potential,
        remake=calculator.with_potential,
        cutoff=_cutoff(potential),
    )


def _cutoff(potential: Potential | None) -> float | None:
    """The reach of a potential that is a sum of local terms."""
    if potential is None or any(not hasattr(term, "cutoff") for term in potential.terms):
        return None
    return potential.reach


def _asked(atoms: Atoms, calculator: Any, declared: set[str]) -> Answer:
    """Every property that an ASE calculator has for a structure."""

    def value(name: str) -> Any:
        if name not in declared:
            return None
        kept = getattr(calculator, "results", {})
        if name in kept:  # of this very structure, because forces were asked for first
            return kept[name]
        try:
            return calculator.get_property(name, atoms)
        except (PropertyNotImplementedError, NotImplementedError):
            return None

    forces = np.array(calculator.get_property("forces", atoms))
    energy = value("free_energy")  # of which forces are the derivatives
    if energy is None:
        energy = calculator.get_property("energy", atoms)
    volume = abs(float(np.linalg.det(atoms.cell.array)))
    stress = value("stress") if volume > 0 and atoms.pbc.any() else None
    stresses = value("stresses") if stress is not None else None
    return Answer(
        float(energy),
        forces,
        _copied(value("energies")),
        None if stress is None else -volume * _matrix(np.asarray(stress)),
        _copied(value("charges")),
        _copied(value("dipole")),
        None if stresses is None else -volume * np.asarray(stresses),
    )


def _copied(value: Any) -> Array | None:
    return None if value is None else np.array(value, dtype=np.float64)


def _matrix(voigt: Array) -> Array:
    if voigt.shape == (3, 3):
        return voigt
    xx, yy, zz, yz, xz, xy = voigt
    return np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
