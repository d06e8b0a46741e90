"""The static dielectric constant of a relaxed crystal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ase import Atoms
from pydantic import Field, PositiveFloat

from superion.analysis.dielectric import lattice_dielectric
from superion.calculations.doubt import doubts, far
from superion.calculations.relaxation import relaxed
from superion.electrostatics.polarization import born_charges, permittivity_of, sum_rule_notes
from superion.study.properties.base import Measured, Property, Row, read_crystal
from superion.study.properties.settings import OfRelaxedCrystal
from superion.study.resample import Fit

Array = np.ndarray
ROW = Row("static dielectric constant", "", "positive")
UNEVEN = 0.05
"""Part of the largest second derivative by which two that should be equal may differ."""
NO_CHARGES = "a local potential has no charges for a field to act on"


class DielectricSettings(OfRelaxedCrystal):
    """Static dielectric constant of the lattice: what relaxed ions add when a small field moves them."""

    relax_cell: bool = Field(False, description="relax the cell too, with each fit")
    displacement: float = Field(0.01, gt=0, le=0.1, description="of each finite difference of forces, in Å")
    epsilon_inf: PositiveFloat = Field(
        1.0, description="electronic part, without unit; that of polarizable atoms if it is not given"
    )


class DielectricConstant(Property):
    """A third of the trace of the tensor, from force constants and Born charges (Gonze, Lee, 1997)."""

    name = "dielectric"
    about = "static dielectric constant"
    Settings = DielectricSettings
    apart = True

    def files(self, fit: Fit | None) -> dict[str, Path]:
        """Files that are read."""
        return {"structure": self._structure}

    def check(self) -> None:
        """There is a crystal."""
        read_crystal(self._structure)

    def rows(self) -> list[Row]:
        """All values there are."""
        return [ROW]

    def measure(self, fit: Fit) -> Measured:
        """The values by one fit."""
        chosen, model = self.settings, self.calculator(fit)
        charges = self.study.open(fit).response
        if charges is None:
            return Measured([ROW.without(NO_CHARGES)])
        atoms = read_crystal(self._structure)
        rest = relaxed(atoms, model, cell=chosen.relax_cell, fmax=chosen.fmax, steps=chosen.steps)
        inner = chosen.epsilon_inf
        own = None if "epsilon_inf" in chosen.model_fields_set else permittivity_of(charges, rest)
        if own is not None:
            inner = float(np.trace(own)) / 3
        matrix = hessian(rest, chosen.displacement)
        uneven = float(np.abs(matrix - matrix.T).max() / np.abs(matrix).max())
        flags = far(doubts(model, [rest]).get("extrapolated"), ["the relaxed crystal"])
        if uneven > UNEVEN:
            flags.append(f"second derivatives of the energy are not symmetric by {100 * uneven:.2g} %.")
        born = born_charges(rest, charges)
        flags += sum_rule_notes(float(np.abs(born.violation).max()))
        tensor = lattice_dielectric(
            matrix,
            born.values,
            rest.get_volume(),
            epsilon_inf=inner,
        )
        return Measured([ROW.of(float(np.trace(tensor)) / 3, None, flags)])

    @property
    def _structure(self) -> Path:
        return Path(self.settings.structure or self.study.settings.structure_file)


def hessian(atoms: Atoms, displacement: float) -> Array:
    """Second derivatives (3N, 3N) of the energy in eV/Å², from central differences of forces."""
    moved, model = atoms.copy(), atoms.calc
    moved.calc = model
    rows = []
    for k in range(len(atoms)):
        for axis in range(3):
            forces = []
            for sign in (1, -1):
                moved.positions[k, axis] = atoms.positions[k, axis] + sign * displacement
                forces.append(moved.get_forces(apply_constraint=False))
            moved.positions[k, axis] = atoms.positions[k, axis]
            rows.append((forces[1] - forces[0]).ravel() / (2 * displacement))
    return np.array(rows)
