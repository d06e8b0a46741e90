"""Elastic moduli of a powder by Voigt, Reuss and Hill."""

from __future__ import annotations

from pathlib import Path

from ase import units
from pydantic import Field

from superion.calculations.doubt import doubts, far
from superion.calculations.elastic import elastic_tensor
from superion.calculations.relaxation import relaxed
from superion.study.properties.base import Measured, Property, Row, read_crystal
from superion.study.properties.settings import OfRelaxedCrystal
from superion.study.resample import Fit

MODULI = {"bulk": "bulk modulus", "shear": "shear modulus", "young": "Young's modulus"}


class ElasticSettings(OfRelaxedCrystal):
    """Bulk, shear and Young's modulus of a powder, ions relaxed in every strained cell."""

    relax: bool = Field(True, description="relax cell and ions first, with each fit")
    strain: float = Field(0.005, gt=0, le=0.1, description="strain of each finite difference")


class Elastic(Property):
    """Moduli of a relaxed crystal; a crystal that is not stable (Born) has none."""

    name = "elastic"
    about = "elastic moduli"
    Settings = ElasticSettings
    apart = True

    def files(self, fit: Fit | None) -> dict[str, Path]:
        """Files that are read."""
        return {"structure": self._structure}

    def check(self) -> None:
        """There is a crystal."""
        read_crystal(self._structure)

    def rows(self) -> list[Row]:
        """All values there are."""
        return [Row(name, "GPa", "positive") for name in MODULI.values()]

    def measure(self, fit: Fit) -> Measured:
        """The values by one fit."""
        chosen, model = self.settings, self.calculator(fit)
        atoms = read_crystal(self._structure)
        if chosen.relax:
            atoms = relaxed(atoms, model, cell=True, fmax=chosen.fmax, steps=chosen.steps)
        found = elastic_tensor(atoms, model, strain=chosen.strain, fmax=chosen.fmax)
        if not found.stable:
            worst = found.eigenvalues[0] / units.GPa
            why = f"the crystal is not stable: the smallest eigenvalue of C is {worst:.3g} GPa"
            return Measured([row.without(why) for row in self.rows()])
        moduli = found.moduli()
        flags = found.notes() + far(
            doubts(model, found.structures[:1]).get("extrapolated"), ["the relaxed crystal"]
        )
        values = []
        for row, key in zip(self.rows(), MODULI, strict=True):
            modulus = getattr(moduli, key)
            values.append(row.of(modulus / units.GPa, found.residual / modulus, flags))
        return Measured(values, ["errors: parts of stresses that no symmetric tensor explains."])

    @property
    def _structure(self) -> Path:
        return Path(self.settings.structure or self.study.settings.structure_file)
