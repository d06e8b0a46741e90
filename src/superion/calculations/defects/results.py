"""What the result of `superion defect` holds."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from superion.notebook import Table
from superion.results import Axis, Count, Finite, Result, ResultFile, Size

Vector = Annotated[list[Finite], Field(min_length=3, max_length=3)]
Counts = Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=3, max_length=3)]
_REPEATED = Field(description="repetitions along the three lattice vectors, no unit")


class FieldPointRow(Result):
    """Formation energy (eV) in a field (V/Å)."""

    field_V_per_A: Finite = Field(description="electric field, V/Å")
    energy_eV: Finite | None = Field(description="formation energy, eV")
    why: str | None = None
    flags: list[str] = Field(default_factory=list)
    dipole_change_eA: Vector | None = Field(None, description="dipole less that of the crystal, e·Å")
    rigid_dipole_eV: Finite | None = Field(None, description="that of the dipole without field, eV")
    relaxation_eV: Finite | None = Field(None, description="what is left of the change, eV")
    hopped: bool


class AttributionRow(Result):
    """What slope and curvature of a branch are made of (`defects.attribution`)."""

    step_V_per_A: Finite | None = Field(None, description="field of the central differences, V/Å")
    slope_eA: Finite | None = Field(None, description="of the energy, e·Å")
    minus_dipole_eA: Finite | None = Field(None, description="slope that the dipole makes, e·Å")
    slope_error_eA: Finite | None = Field(None, description="error of the slope, e·Å")
    curvature_eA2_per_V: Finite | None = Field(None, description="of the energy, e·Å²/V")
    minus_polarizability_eA2_per_V: Finite | None = Field(
        None, description="curvature that the dipole makes, e·Å²/V"
    )
    slopes_agree: bool | None = None
    curvatures_agree: bool | None = None


class CurveRow(Result):
    """Formation energies along one axis."""

    axis: str | None = None
    points: list[FieldPointRow]
    back: list[FieldPointRow] = Field(default_factory=list)
    hysteresis_eV: Finite | None = Field(None, description="largest difference of both ways, eV")
    attribution: AttributionRow | None = None
    why: str | None = None


class RelaxedRow(Result):
    """Where the ions relaxed; sites by their numbers."""

    vacancies: list[Count] = Field(description="sites that are empty, count from 0")
    interstitials: list[Count] = Field(description="atoms between sites, count from 0")
    exchanged: list[Count] = Field(default_factory=list, description="atoms on sites of others, count from 0")
    separation_A: Size | None = Field(None, description="of vacancy and interstitial, Å")
    longest_way_A: Size | None = Field(None, description="of an ion, Å")


class DefectRow(Result):
    """One defect in one supercell."""

    name: str
    kind: str | None = None
    supercell: Counts = _REPEATED
    atoms: Count = Field(description="atoms of the cell with the defect, count")
    vacancy: Count | None = Field(None, description="number of the atom that is missing, count from 0")
    site_A: Vector | None = Field(None, description="place of the interstitial, Å")
    displacement_A: Vector | None = Field(None, description="from vacancy to interstitial, Å")
    separation_A: Size | None = Field(None, description="of vacancy and interstitial, Å")
    equivalent: Count | None = Field(None, description="defects that symmetry makes of it, count")
    energy_eV: Finite | None = Field(description="formation energy without field, eV")
    why: str | None = None
    flags: list[str]
    relaxed: RelaxedRow | None = None
    charge_e: Finite | None = Field(None, description="of the cell, e")
    dipole_change_eA: Vector | None = Field(description="dipole less that of the crystal, e·Å")
    dipole_error_eA: Size | None = Field(None, description="error of the dipole, e·Å")
    extrapolation_grade: Finite | None = Field(None, description="above 1 the model extrapolates, no unit")
    force_deviation_eV_per_A: Size | None = Field(None, description="largest predicted deviation, eV/Å")
    steps: Count | None = Field(None, description="steps of the relaxation, count")
    fields: dict[Axis, CurveRow]


class SeparatedRow(Result):
    """A vacancy and an interstitial far from each other."""

    supercell: Counts = _REPEATED
    vacancy: str
    interstitial: str
    energy_eV: Finite = Field(description="sum of both, eV")
    flags: list[str] = Field(default_factory=list)


class ExtrapolatedRow(Result):
    """An energy extrapolated to a cell without end (`defects.finite_size`)."""

    name: str
    energy_eV: Finite | None = Field(description="without images, eV")
    error_eV: Size | None = Field(description="its error, eV")
    note: str = ""


class LabelRow(Result):
    """A defect energy of labels beside that of the model."""

    name: str
    supercell: Counts = _REPEATED
    label_energy_eV: Finite = Field(description="of the labels, eV")
    energy_eV: Finite | None = Field(description="of the model, eV")
    difference_eV: Finite | None = Field(description="model less labels, eV")


class DefectFile(ResultFile):
    """`defects.json`."""

    writer: ClassVar[str] = "`superion defect`"
    remedy: ClassVar[str] = "delete the file and run `superion defect` again: what is computed is kept."

    kind: Literal["defects"] = "defects"
    species: str | None = None
    formula: str | None = None
    model: str | None = None
    defects: list[DefectRow]
    separated_pairs: list[SeparatedRow] = Field(default_factory=list)
    extrapolated: list[ExtrapolatedRow] = Field(default_factory=list)
    notes: list[str] = Field(default_factory=list)
    settings: dict[str, Any] | None = None
    labels: list[LabelRow] | None = None

    @property
    def table(self) -> Table:
        """Formation energies in eV, a row for each defect and supercell."""
        rows = [
            ("x".join(map(str, one.supercell)), one.atoms, one.name, one.energy_eV, "; ".join(one.flags))
            for one in self.defects
        ]
        head = ("cell", "atoms", "defect", "energy (eV)", "remarks")
        return Table(f"defects of {self.species or 'ions'}", head, tuple(rows))
