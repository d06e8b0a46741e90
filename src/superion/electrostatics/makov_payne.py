"""The correction of Makov and Payne for charged periodic cells, to first order.

A cell with the total charge Q (e) in a uniform background has, besides the energy of the charge alone,

    Q²/ε · E_M,   E_M = −α k/2L < 0

with its images and the background (Makov and Payne, Phys. Rev. B 51, 4014, 1995; Leslie and Gillan, J.
Phys. C 18, 973, 1985). E_M, of a unit point charge in this cell, is summed for the cell as it is, whatever
its shape. The correction takes it out. It is exact to 1/L; what is left falls with the volume. ε is the
dielectric constant of what screens the charge in the model: 1 while ions stay where they are, for fixed
charges polarize no electrons; that of `superion dielectric` where they relax. Electronic screening that
scaled charges stand for is in Q already.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
from ase import Atoms

from superion.electrostatics.charged_cells import NEUTRAL, with_background
from superion.electrostatics.charges import ChargeModel, FixedCharges, restore_charges
from superion.electrostatics.coulomb import CoulombTerm
from superion.electrostatics.densities import Point
from superion.errors import InputError
from superion.terms import Evaluation

Array = np.ndarray


class MakovPayne:
    """Minus the energy of the total charge with its images and the background, a term of a potential.

    Forces come from it only where the total charge depends on where the atoms are. Cells without three
    periodic axes, and neutral ones, have none of it. Per-atom energies: each atom has the same.
    """

    kind: ClassVar[str] = "makov-payne"

    def __init__(self, charges: ChargeModel, permittivity: float) -> None:
        """charges: the charge model; permittivity: the relative one. InputError if it is below 1."""
        if not 1 <= permittivity < np.inf:
            raise InputError(
                f"a dielectric constant is at least 1, found {permittivity!r}.",
                remedy="give 1 for ions that do not move.",
            )
        self.charges, self.permittivity = charges, float(permittivity)
        self._last: tuple[bytes, Evaluation] | None = None

    electrostatic: ClassVar[bool] = True
    correction: ClassVar[bool] = True

    def with_background(self, background: bool | None) -> Self:
        """The same correction, whose charges do something else with charged cells."""
        return type(self)(with_background(self.charges, background), self.permittivity)

    def evaluate(self, atoms: Atoms) -> Evaluation:
        """Energy (eV), forces and virial; no charges, for another term has them."""
        result = Evaluation.zero(len(atoms))
        if not atoms.pbc.all() or len(atoms) == 0:
            return result
        total = float(self.charges.charges(atoms).sum())
        if abs(total) <= NEUTRAL:
            return result
        unit = self._unit(atoms.cell.array)
        factor = -total / self.permittivity
        slope = np.full(len(atoms), 2 * factor * unit.energy)
        flow, strain = self.charges.vjp(atoms, slope)
        energy = factor * total * unit.energy
        return replace(
            result,
            energy=energy,
            energies=np.full(len(atoms), energy / len(atoms)),
            forces=flow,
            virial=factor * total * unit.virial + strain,
        )

    def _unit(self, cell: Array) -> Evaluation:
        """The evaluation of a unit charge in the cell; the last one is remembered."""
        key = np.ascontiguousarray(cell).tobytes()
        if self._last is None or self._last[0] != key:
            self._last = key, unit_charge(cell)
        return self._last[1]

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_last": None}

    def settings(self) -> dict[str, Any]:
        """Everything that `restore` needs, as JSON-ready values."""
        return {"charges": self.charges.settings(), "permittivity": self.permittivity}

    def arrays(self) -> dict[str, Array]:
        """The arrays of the charge model."""
        return self.charges.arrays()

    @classmethod
    def restore(cls, settings: dict[str, Any], arrays: dict[str, Array]) -> Self:
        """Rebuild the term from `settings` and `arrays`."""
        return cls(restore_charges(settings["charges"], arrays), settings["permittivity"])


def unit_charge(cell: Array) -> Evaluation:
    """Energy (eV/e²) and virial of a unit point charge, its periodic images and a neutralising background."""
    lone = Atoms("H", cell=cell, pbc=True)
    return CoulombTerm(FixedCharges({"H": 1.0}), Point(), 1e-10, background=True).evaluate(lone)
