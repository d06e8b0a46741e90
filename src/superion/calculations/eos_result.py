"""What `superion eos` finds: curves of energy against volume, and their fits."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from superion.calculations.doubt_result import Doubts
from superion.notebook import Table
from superion.results import REDO, Finite, Range, Result, ResultFile, Size, same_length

Atoms = Annotated[int, Field(ge=1, description="atoms of the cell, count")]
_COLUMNS = ("curve", "ions", "volume (Å³)", "± (Å³)", "modulus (GPa)", "± (GPa)", "dB/dp", "energy (eV)")


class Mismatch(Result):
    """How a curve differs from that of the labels."""

    differences_eV: list[Finite] = Field(description="energies over their minima, less the labels, eV")
    rms_eV: Size | None = Field(None, description="root mean square of them, eV")
    largest_eV: Size | None = Field(None, description="largest of them, eV")
    volume: Finite | None = Field(None, description="relative difference at the minimum, no unit")
    modulus: Finite | None = Field(None, description="relative difference at the minimum, no unit")


class Curve(Doubts):
    """Energy against volume, and the fit; numbers of the fit with their standard errors.

    ions: relaxed, clamped, or as labelled.
    """

    name: str
    volumes_A3: Annotated[list[Finite], Field(min_length=1)] = Field(description="volumes of the cell, Å³")
    energies_eV: list[Finite] = Field(description="energies of the cell, eV")
    energy_eV: Range = Field(description="energy at zero pressure and its standard error, eV")
    volume_A3: Range = Field(description="volume at zero pressure and its standard error, Å³")
    modulus_GPa: Range = Field(description="bulk modulus and its standard error, GPa")
    derivative: Range = Field(description="dB/dp and its standard error, no unit")
    residual_eV: Size | None = Field(None, description="root mean square of what the fit leaves, eV")
    ions: str | None = None
    largest_force_eV_per_A: Size | None = Field(None, description="on an atom of any structure, eV/Å")
    difference: Mismatch | None = None
    notes: list[str] = Field(default_factory=list)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        same_length(volumes_A3=self.volumes_A3, energies_eV=self.energies_eV)
        if self.difference is not None:
            same_length(volumes_A3=self.volumes_A3, differences_eV=self.difference.differences_eV)
        return self


class EosResult(ResultFile):
    """Curves of one crystal, that of the labels first."""

    writer: ClassVar[str] = "`superion eos --json`"

    kind: Literal["eos-result"] = "eos-result"
    atoms: Atoms
    relaxed_ions: bool
    ions: str
    curves: Annotated[list[Curve], Field(min_length=1)]

    @property
    def table(self) -> Table:
        """Volume, modulus and energy at zero pressure, a row for each curve."""
        rows = [
            (c.name, c.ions, *c.volume_A3, *c.modulus_GPa, c.derivative[0], c.energy_eV[0])
            for c in self.curves
        ]
        return Table(f"equation of state, {self.atoms} atoms", _COLUMNS, tuple(rows))


class CurveFile(Curve, ResultFile):
    """`eos/<potential>.json`: a curve of one model, or of the labels."""

    writer: ClassVar[str] = "the step 'eos' of a study"
    remedy: ClassVar[str] = REDO

    kind: Literal["eos"] = "eos"
    atoms: Atoms
