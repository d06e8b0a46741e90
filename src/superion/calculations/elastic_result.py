"""What `superion elastic` finds: elastic constants, moduli of a powder, stability beside lithium."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from superion.calculations.doubt_result import Doubts
from superion.notebook import Table
from superion.results import Count, Finite, Result, ResultFile, Size

Six = Annotated[list[Finite], Field(min_length=6, max_length=6)]
_MODULI = ("bulk", "shear", "young", "bulk_voigt", "bulk_reuss", "shear_voigt", "shear_reuss")


class ElasticConstants(Result):
    """Elastic constants with relaxed ions, or clamped; moduli are those of a powder, where it is stable."""

    tensor_GPa: Annotated[list[Six], Field(min_length=6, max_length=6)] = Field(
        description="xx yy zz yz xz xy, GPa"
    )
    residual_GPa: Size = Field(description="part of a stress that no symmetric tensor explains, GPa")
    stress_GPa: Six = Field(description="without strain, GPa")
    eigenvalues_GPa: Six = Field(description="of the tensor, rising, GPa")
    stable: bool
    operations: Count = Field(description="rotations of the point group, count")
    strains: Count = Field(description="strains that were computed, count")
    curvature: Finite | None = Field(
        None, description="largest part of a stress that is even in the strain, relative, no unit"
    )
    energies_apart: Finite | None = Field(
        None, description="energies less what stresses say, relative, no unit"
    )
    farthest_A: Size | None = Field(None, description="farthest way of an ion under a strain, Å")
    notes: list[str] = Field(default_factory=list)
    bulk_GPa: Finite | None = Field(None, description="bulk modulus, Hill, GPa")
    shear_GPa: Finite | None = Field(None, description="shear modulus, Hill, GPa")
    young_GPa: Finite | None = Field(None, description="Young's modulus, GPa")
    bulk_voigt_GPa: Finite | None = Field(None, description="upper bound, GPa")
    bulk_reuss_GPa: Finite | None = Field(None, description="lower bound, GPa")
    shear_voigt_GPa: Finite | None = Field(None, description="upper bound, GPa")
    shear_reuss_GPa: Finite | None = Field(None, description="lower bound, GPa")
    poisson: Finite | None = Field(None, description="Poisson's ratio, no unit")
    anisotropy: Finite | None = Field(None, description="universal anisotropy, no unit")


class LithiumInterface(Result):
    """Stability of the interface with lithium metal (`analysis.lithium_stability`)."""

    volume_ratio: Size = Field(description="of the ion over the atom of lithium, no unit")
    chi_eV_per_A: Finite = Field(description="stability parameter at k = 0.01/Å, eV/Å")
    error_eV_per_A: Size = Field(description="its error, eV/Å")
    deviatoric_eV_per_A: Finite = Field(description="deviatoric part, eV/Å")
    hydrostatic_eV_per_A: Finite = Field(description="hydrostatic part, eV/Å")
    stable: bool
    anisotropy: Finite = Field(description="universal anisotropy of the crystal, no unit")


class ElasticResult(Doubts, ResultFile):
    """Elastic constants of a crystal; those with relaxed ions are what an experiment finds."""

    writer: ClassVar[str] = "`superion elastic --json`"

    kind: Literal["elastic"] = "elastic"
    volume_A3: Size = Field(description="of the cell, Å³")
    relaxed_cell: bool
    relaxed_ions: ElasticConstants
    clamped_ions: ElasticConstants
    lithium: LithiumInterface | None = None

    @property
    def table(self) -> Table:
        """Moduli of a powder in GPa, with relaxed ions and clamped."""
        parts = (self.relaxed_ions, self.clamped_ions)
        rows = [(name, *(getattr(part, f"{name}_GPa") for part in parts)) for name in _MODULI]
        rows += [(name, *(getattr(part, name) for part in parts)) for name in ("poisson", "anisotropy")]
        return Table("elastic moduli", ("modulus (GPa)", "relaxed ions", "clamped ions"), tuple(rows))
