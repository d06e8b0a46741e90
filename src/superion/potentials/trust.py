"""How far a structure lies from what a model was fitted to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms

from superion.model import Model, terms_of
from superion.potentials.many_body.soap import SoapBlock
from superion.potentials.points.maxvol import active_sets, grade

GRADE_LIMIT = 5.0
"""Extrapolation grade above which a number is said to be extrapolated."""
GROWTH = 10.0
"""How many times the smallest deviation of a series another one may be before it is said to extrapolate."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """How sure a model is of one structure; None for what it cannot tell.

    energy: eV, predicted standard deviation of the total energy. force: eV/Å, the largest of the force on an
    atom. grade: extrapolation grade. Deviations of atomic energies are left out: how a total energy is shared
    among the atoms is never known, so that they are large everywhere and hardly grow far from the data.
    """

    energy: float | None
    force: float | None
    grade: float | None


def soap_of(model: Model) -> SoapBlock | None:
    """The descriptor of environments of a model; None without one."""
    blocks = (getattr(term, "soap", None) for term in terms_of(model))
    found: SoapBlock | None = next((block for block in blocks if block is not None), None)
    return found


class Trust:
    """Extrapolation grade and predicted deviations of energy and forces, of a potential that can tell."""

    def __init__(self, potential: Model) -> None:
        self._potential = potential
        self._block = soap_of(potential)
        self._active = {} if self._block is None else active_sets(self._block.points)
        self._variance = "forces_std" in potential.gives

    def __bool__(self) -> bool:
        """Whether the potential can tell anything."""
        return self._variance or self._block is not None

    def __call__(self, atoms: Atoms) -> Doubt:
        """All of it for one structure."""
        energy, force = self._deviations(atoms)
        return Doubt(energy, force, self.grade(atoms))

    def grade(self, atoms: Atoms) -> float | None:
        """Largest extrapolation grade of an environment, against the sparse environments of the model.

        Those are environments of its training set, so that above 1 an environment lies outside of what was
        kept of it. None for a model without SOAP.
        """
        if self._block is None:
            return None
        spectra = self._block.spectra(atoms)
        worst = 0.0
        for z in np.unique(atoms.numbers).tolist():
            rows = spectra[atoms.numbers == z]
            if z in self._block.bases:
                rows = rows @ self._block.bases[z].T
            worst = max(worst, grade({z: self._active[z]}, atoms[atoms.numbers == z], rows))
        return worst

    def deviation(self, atoms: Atoms) -> float | None:
        """Largest predicted standard deviation of the force on an atom in eV/Å; None if there is none."""
        return self._deviations(atoms)[1]

    def _deviations(self, atoms: Atoms) -> tuple[float, float] | tuple[None, None]:
        if not self._variance:
            return None, None
        found = self._potential.deviation(atoms)
        return found.energy, float(np.linalg.norm(found.forces, axis=1).max())
