"""What a term of the energy is: one structure in, energy, forces and virial out.

    E_total(structure) = E_local + E_electrostatic + E_repulsive + ...

Everything that contributes energy implements :class:`Term`; a potential is a sum of terms.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, runtime_checkable

import numpy as np
from ase import Atoms

from superion.registry import Registry, UnknownKindError

if TYPE_CHECKING:
    from superion.batch import Batch
    from superion.neighbours import NeighbourList

Array = np.ndarray


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Energy and its derivatives for one structure of N atoms.

    energy: eV. energies: (N,) eV, sums to `energy`. forces: (N, 3) eV/Å.
    virial: (3, 3) eV, minus the derivative of the energy with respect to a symmetric strain;
    the stress of a periodic cell in ASE's sign is `-virial / volume`. Of `energies` and `virial`, models of
    other packages may know nothing: they are then NaN.
    charges: (N,) e, and dipole: (3,) e·Å (sum of charge times position as given, defined in a
    periodic cell only up to multiples of e times a lattice vector), where a term has charges.
    """

    energy: float
    energies: Array
    forces: Array
    virial: Array
    charges: Array | None = None
    dipole: Array | None = None

    @classmethod
    def zero(cls, atoms: int) -> Evaluation:
        """The evaluation of nothing, for `atoms` atoms."""
        return cls(0.0, np.zeros(atoms), np.zeros((atoms, 3)), np.zeros((3, 3)))

    def __add__(self, other: Evaluation) -> Evaluation:
        """Sum of two terms; charges and dipole come from whichever term has them."""
        return replace(
            self,
            energy=self.energy + other.energy,
            energies=self.energies + other.energies,
            forces=self.forces + other.forces,
            virial=self.virial + other.virial,
            charges=_sum(self.charges, other.charges),
            dipole=_sum(self.dipole, other.dipole),
        )


@dataclass(frozen=True, slots=True)
class Sums:
    """What local terms of B structures with N atoms in all add up in.

    energies: (N,) eV. forces: (N, 3) eV/Å. virials: (B, 3, 3) eV.
    """

    energies: Array
    forces: Array
    virials: Array

    @classmethod
    def zero(cls, atoms: int, structures: int) -> Sums:
        """Nothing yet, for `atoms` atoms in so many structures."""
        return cls(np.zeros(atoms), np.zeros((atoms, 3)), np.zeros((structures, 3, 3)))


def _sum(a: Array | None, b: Array | None) -> Array | None:
    if a is None:
        return b
    return a if b is None else a + b


@runtime_checkable
class Term(Protocol):
    """One contribution to the energy.

    `kind` names the term in model files; `settings` (JSON-ready) and `arrays` hold all that
    `restore` needs to rebuild it, bit for bit.

    What else a term can do it says by attributes and methods that it may have or lack; nobody asks for its
    class. charges: its charge model. elements: symbols that it knows. constants(atoms): (N,) eV, energies of
    its atoms when they are alone. electrostatic: true of electrostatics alone; electrostatics(): the
    electrostatic term in one that holds more, or None. with_background(b): with other charged cells;
    correction: true of what is added for charged cells alone. response(): what a field acts on, where that
    is more than charges; feels_field: false where dipoles feel none; latent: whether no label names its
    charges. field_sources(): charges and their
    densities; applied_field: (3,) V/Å. deviation(atoms), and uncertain: whether it has one.
    with_precision(p), tabulated(tolerance). soap: its descriptor of environments. in_lammps: whether LAMMPS
    computes its charges; lammps_modes: what of it the plugin lacks; without_deviation(): what LAMMPS reads.
    fitted: true of what is fitted to labels of energy.
    to(device): the same term computed on a device of PyTorch.
    """

    kind: ClassVar[str]

    def evaluate(self, atoms: Atoms) -> Evaluation:
        """Energy, forces, virial (and charges) of one structure."""
        ...

    def settings(self) -> dict[str, Any]:
        """Everything but arrays, as JSON-ready values."""
        ...

    def arrays(self) -> dict[str, Array]:
        """Named arrays stored beside the settings."""
        ...

    @classmethod
    def restore(cls, settings: dict[str, Any], arrays: dict[str, Array]) -> Self:
        """Rebuild the term from what `settings` and `arrays` returned."""
        ...


def is_term(thing: object) -> bool:
    """Whether a thing has all that a term has."""
    return isinstance(thing, Term)


def is_local(term: object) -> bool:
    """Whether a term is a sum of atomic energies, see `LocalTerm`."""
    return isinstance(term, LocalTerm)


def facts_of(terms: Sequence[Term]) -> list[dict[str, Any]]:
    """What terms are, JSON-ready: kind, settings, and the SHA-256 of each array."""
    return [
        {
            "kind": term.kind,
            "settings": term.settings(),
            "arrays": {
                name: hashlib.sha256(f"{array.dtype}{array.shape}".encode() + array.tobytes()).hexdigest()
                for name, array in sorted(term.arrays().items())
            },
        }
        for term in terms
    ]


@runtime_checkable
class LocalTerm(Term, Protocol):
    """A term that is a sum of atomic energies, each a function of the environment within `cutoff` (Å).

    With `centres` the energy is that of the first `centres` atoms alone; the others are their environment
    and feel forces, but have no energy. Such parts of a structure add up to the whole.
    """

    @property
    def cutoff(self) -> float:
        """How far an atom sees, in Å."""
        ...

    def evaluate(self, atoms: Atoms, centres: int | None = None) -> Evaluation:
        """Energy, forces and virial of the atomic energies of all atoms, or of the first `centres`."""
        ...

    def evaluate_batch(
        self, structures: Sequence[Atoms], lists: Sequence[NeighbourList] | None = None
    ) -> list[Evaluation]:
        """The evaluation of each structure; lists: neighbour lists that remember them, one for each."""
        ...

    def add(self, batch: Batch, sums: Sums) -> None:
        """Add the atomic energies of the centres of `batch`, the forces and the virials."""
        ...


TERMS: Registry[type[Term]] = Registry("term", "superion.terms", UnknownKindError, "upgrade superion.")
"""Terms that model files may hold, by kind; rooms below and other packages add theirs."""
