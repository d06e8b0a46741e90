"""What defects are made, how they are relaxed, and in which fields."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from ase.data import atomic_numbers
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    field_validator,
    model_validator,
)

from superion.errors import suggest
from superion.potentials.trust import GRADE_LIMIT

Kind = Literal["frenkel", "vacancy", "interstitial"]
Axis = Literal["x", "y", "z"]
Supercell = tuple[PositiveInt, PositiveInt, PositiveInt]
STRONGEST = 5.0
"""V/Å; a field beyond this is taken for a mistake of units."""


class DefectSettings(BaseModel):
    """Defects of one species in one or several supercells, relaxed without and in a field."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    species: str = Field(description="Element that leaves its place, is missing, or sits between.")
    kinds: tuple[Kind, ...] = Field(
        ("frenkel",),
        description="frenkel: vacancy and interstitial; vacancy, interstitial: either alone, the cell then "
        "has the charge that is left.",
    )
    supercells: tuple[Supercell, ...] = Field(
        ((1, 1, 1),), description="Repetitions of the crystal; of several the energies are extrapolated."
    )
    count: PositiveInt = Field(4, description="Defects of each kind, those of smallest separation first.")
    separation: PositiveFloat = Field(
        3.0, description="Smallest distance of vacancy and interstitial in Å; close pairs recombine."
    )
    framework: tuple[str, ...] | None = Field(
        None, description="Elements between which interstitial sites lie; null: the anions."
    )
    clearance: PositiveFloat = Field(
        1.6, description="Smallest distance of an interstitial site from any atom in Å."
    )
    fmax: PositiveFloat = Field(0.01, description="Largest force of a relaxed structure, in eV/Å.")
    steps: PositiveInt = Field(500, description="Largest number of steps of one relaxation.")
    fields: tuple[float, ...] = Field((), description="Electric fields in V/Å; zero is always among them.")
    axes: tuple[Axis, ...] = Field(("x", "y", "z"), description="Cartesian axes along which they point.")
    back: bool = Field(False, description="Follow each branch back to zero again, to see hysteresis.")
    charge_scale: PositiveFloat = Field(
        1.0, description="Factor from the charges of the model to those that a field acts on."
    )
    field_charges: dict[str, float] | None = Field(
        None, description="Charges in e by element that a field acts on; null: those of the model."
    )
    grade_limit: PositiveFloat = Field(
        GRADE_LIMIT,
        description="Extrapolation grade above which a result is flagged; above 1 a model extrapolates.",
    )
    deviation_limit: Annotated[float, Field(gt=0)] | None = Field(
        None, description="Predicted standard deviation of a force in eV/Å above which a result is flagged."
    )
    overlap: NonNegativeFloat = Field(
        8.0, description="Distance of a defect and its images in Å below which a cell is called small."
    )

    @field_validator("species", "framework")
    @classmethod
    def _elements(cls, value: str | tuple[str, ...] | None) -> str | tuple[str, ...] | None:
        for symbol in (value,) if isinstance(value, str) else value or ():
            if atomic_numbers.get(symbol, 0) < 1:
                raise ValueError(f"{symbol!r} is no element.{suggest(symbol, atomic_numbers)}")
        return value

    @field_validator("kinds", "supercells", "axes")
    @classmethod
    def _distinct(cls, value: tuple[object, ...]) -> tuple[object, ...]:
        if not value or len(set(value)) < len(value):
            raise ValueError("expected one or several different values")
        return value

    @model_validator(mode="after")
    def _sensible_fields(self) -> Self:
        wrong = [value for value in self.fields if abs(value) > STRONGEST]
        if wrong:
            raise ValueError(f"a field of {wrong[0]} V/Å is beyond {STRONGEST} V/Å; fields are in V/Å")
        if self.fields and "frenkel" not in self.kinds:
            raise ValueError(
                "a vacancy or an interstitial alone is charged and has no minimum in a field; add --kind "
                "frenkel (kinds), or leave out --fields"
            )
        return self

    @property
    def branches(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Fields above and below zero, each from zero outward."""
        values = {round(value, 12) for value in self.fields} - {0.0}
        up = tuple(sorted(value for value in values if value > 0))
        return up, tuple(sorted((value for value in values if value < 0), reverse=True))
