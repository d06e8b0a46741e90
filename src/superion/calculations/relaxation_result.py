"""What `superion relax` finds: where a structure relaxed, and how far it is from where it was."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from superion.calculations.doubt_result import Doubts
from superion.results import Count, Finite, ResultFile, Size


class RelaxationResult(Doubts, ResultFile):
    """A relaxation; what is said of cells is null for a structure without three lattice vectors."""

    writer: ClassVar[str] = "`superion relax --json`"

    kind: Literal["relaxation"] = "relaxation"
    at_rest: bool
    reason: str
    steps: Count = Field(description="steps of the optimiser, count")
    largest_force_eV_per_A: Size = Field(description="on an atom, or of the cell, eV/Å")
    atoms: Count = Field(description="atoms, count")
    energy_before_eV: Finite = Field(description="energy, or enthalpy under pressure, eV")
    energy_after_eV: Finite = Field(description="the same at the end, eV")
    pressure_GPa: Finite = Field(description="asked for, GPa")
    farthest_A: Size = Field(description="farthest way of an atom beside what the cell did, Å")
    farthest_atom: str
    constraints: list[str]
    stress_GPa: list[Finite] | None = Field(None, description="xx yy zz yz xz xy at the end, GPa")
    volume_before_A3: Size | None = Field(None, description="of the cell, Å³")
    volume_after_A3: Size | None = Field(None, description="of the cell, Å³")
    cell_before: list[Finite] | None = Field(None, description="lengths, Å, and angles, degrees")
    cell_after: list[Finite] | None = Field(None, description="lengths, Å, and angles, degrees")
    space_group_before: str | None = None
    space_group_after: str | None = None
    structure: str | None = None
    output: str | None = None
    cell: str | None = None
    model: dict[str, Any] | None = None
