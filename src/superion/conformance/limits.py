"""How far answers may differ that should be equal, and the farthest of several such differences.

One number sets all limits: the accuracy of forces (eV/Å). A force that is wrong by it moves an energy by as
much over an Å, so that it is also the limit (eV) of atomic energies and, for each atom, of the virial; of the
energy of a structure with N atoms it is a tenth for each. Where rounding of the model is coarser, limits are
multiples of what was found of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms, units

from superion.conformance.result import Noise
from superion.conformance.subject import Answer

Array = np.ndarray
SAFE = 20.0
"""Standard deviations of noise that no difference of two answers reaches by chance."""
SHARE = 0.1
"""Å: the accuracy of forces times this is that of energies per atom."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A deviation beside its limit; `why` says of what."""

    number: float
    limit: float
    unit: str
    why: str = ""

    @property
    def ratio(self) -> float:
        """Above one, or not a number, if the deviation is too large."""
        return self.number / self.limit if self.limit else np.inf * self.number if self.number else 0.0

    @property
    def passes(self) -> bool:
        """Whether the deviation keeps to its limit."""
        return bool(self.number <= self.limit)


def worst(found: list[Measured]) -> Measured:
    """The deviation that is farthest beyond its limit, or nearest to it."""
    return max(found, key=lambda one: one.ratio if np.isfinite(one.ratio) else np.inf)


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits for answers of one model.

    accuracy: eV/Å. noise: of the structure with `atoms` atoms in which it was measured.
    """

    accuracy: float
    noise: Noise
    atoms: int

    def energy(self, atoms: int) -> float:
        """eV, of a structure with so many atoms."""
        return max(self.accuracy * SHARE * max(atoms, 1), SAFE * self._grown(self.noise.energy, atoms))

    def each(self) -> float:
        """eV, of an atomic energy."""
        return max(self.accuracy, SAFE * self.noise.energy)

    def force(self) -> float:
        """eV/Å, of a component."""
        return max(self.accuracy, SAFE * self.noise.force)

    def virial(self, atoms: int) -> float:
        """eV, of a component for a structure with so many atoms."""
        return max(self.accuracy * max(atoms, 1), SAFE * self._grown(self.noise.virial or 0.0, atoms))

    def charge(self) -> float:
        """e, of an atom or of the sum of all."""
        return self.accuracy

    def _grown(self, noise: float, atoms: int) -> float:
        return noise * max(atoms / self.atoms, 1.0)

    def compare(self, found: Answer, expected: Answer, atoms: Atoms, *, only: str = "") -> Measured:
        """The worst of what two answers have in common, for structures with the cell and number of `atoms`.

        only: names of quantities, with blanks between; none: all but the dipole.
        """
        wanted = only.split() or ["energy", "energies", "forces", "virial", "charges"]
        n, volume = len(atoms), abs(float(np.linalg.det(atoms.cell.array)))
        scale, unit = (1 / volume / units.GPa, "GPa") if atoms.pbc.all() and volume else (1.0, "eV")
        table = {
            "energy": (1 / n, self.energy(n), "eV/atom", "energy"),
            "energies": (1.0, self.each(), "eV", "atomic energy"),
            "forces": (1.0, self.force(), "eV/Å", "force"),
            "virial": (scale, self.virial(n), unit, "stress" if unit == "GPa" else "virial"),
            "charges": (1.0, self.charge(), "e", "charge"),
            "dipole": (1.0, self.charge() * n, "e·Å", "dipole"),
        }
        measured = []
        for name in wanted:
            one, two = getattr(found, name), getattr(expected, name)
            if one is None or two is None:
                continue
            factor, limit, unit, what = table[name]
            measured.append(Measured(_apart(one, two) * factor, limit * factor, unit, what))
        return worst(measured)


def _apart(one: Array | float, two: Array | float) -> float:
    difference = np.abs(np.asarray(one) - np.asarray(two))
    return float(difference.max(initial=0.0)) if np.isfinite(difference).all() else float("inf")
