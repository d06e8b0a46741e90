"""What the result of `superion defect` holds, for those who read it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from superion.results import Count, Finite, Result, ResultFile

Vector = Annotated[list[Finite], Field(min_length=3, max_length=3)]


class FieldPointRow(Result):
    """Formation energy (eV) in a field (V/Å)."""

    field_V_per_A: Finite = Field(description="electric field, V/Å")
    energy_eV: Finite | None = Field(description="formation energy, eV")
    hopped: bool


class CurveRow(Result):
    """Formation energies along one axis."""

    points: list[FieldPointRow]
    back: list[FieldPointRow] = Field(default_factory=list)


class DefectRow(Result):
    """One defect in one supercell."""

    name: str
    supercell: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=3, max_length=3)] = Field(
        description="repetitions along the three lattice vectors, no unit"
    )
    atoms: Count = Field(description="atoms of the cell with the defect, count")
    energy_eV: Finite | None = Field(description="formation energy without field, eV")
    flags: list[str]
    dipole_change_eA: Vector | None = Field(description="dipole less that of the crystal, e·Å")
    fields: dict[Literal["x", "y", "z"], CurveRow]


class DefectFile(ResultFile):
    """`defects.json`."""

    kind: Literal["defects"]
    defects: list[DefectRow]
