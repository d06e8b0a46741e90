"""What the result of `superion defect` holds, for those who read it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from superion.results import Count, Finite, Result

Vector = Annotated[list[Finite], Field(min_length=3, max_length=3)]


class FieldPointRow(Result):
    """Formation energy (eV) in a field (V/Å)."""

    field_V_per_A: Finite
    energy_eV: Finite | None
    hopped: bool


class CurveRow(Result):
    """Formation energies along one axis."""

    points: list[FieldPointRow]
    back: list[FieldPointRow] = Field(default_factory=list)


class DefectRow(Result):
    """One defect in one supercell."""

    name: str
    supercell: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=3, max_length=3)]
    atoms: Count
    energy_eV: Finite | None
    flags: list[str]
    dipole_change_eA: Vector | None
    fields: dict[Literal["x", "y", "z"], CurveRow]


class DefectFile(Result):
    """`defects.json`."""

    kind: Literal["defects"]
    defects: list[DefectRow]
