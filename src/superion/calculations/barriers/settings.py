"""How paths between two states are found, and between which states of a crystal."""

from __future__ import annotations

from typing import Annotated, Literal

from ase.data import atomic_numbers
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    field_validator,
)

from superion.calculations.defects.settings import Supercell
from superion.errors import suggest
from superion.potentials.trust import GRADE_LIMIT

Kind = Literal["vacancy", "interstitial", "interstitialcy"]


class PathSettings(BaseModel):
    """A path of lowest energy between two relaxed states."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    images: Annotated[int, Field(ge=3, le=200)] = Field(
        7, description="Structures along a path, both end points among them."
    )
    fmax: PositiveFloat = Field(
        0.05, description="Largest force on an atom of a path that is found, across the path, in eV/Å."
    )
    relaxed: PositiveFloat = Field(0.01, description="Largest force of a relaxed end point, in eV/Å.")
    steps: PositiveInt = Field(500, description="Largest number of steps of one path, and of one relaxation.")
    spring: PositiveFloat = Field(1.0, description="Spring between neighbouring images, in eV/Å².")
    climb: bool = Field(True, description="Let the highest image climb to the saddle point.")
    grade_limit: PositiveFloat = Field(
        GRADE_LIMIT,
        description="Extrapolation grade above which an image is flagged; above 1 a model extrapolates.",
    )
    deviation_limit: Annotated[float, Field(gt=0)] | None = Field(
        None, description="Predicted standard deviation of a force in eV/Å above which an image is flagged."
    )


class BarrierSettings(PathSettings):
    """Hops of one species in a crystal, and how their paths are found."""

    species: str = Field(description="Element that hops.")
    hop: Kind = Field(
        "vacancy",
        description="vacancy: an ion hops into an empty site; interstitial: an added ion hops to the next "
        "interstitial site; interstitialcy: it pushes an ion of a site to the next interstitial site.",
    )
    supercell: Supercell = Field((1, 1, 1), description="Repetitions of the crystal.")
    count: PositiveInt = Field(4, description="Inequivalent hops, shortest first.")
    reach: PositiveFloat = Field(5.0, description="Longest hop in Å.")
    along: tuple[float, float, float] | None = Field(
        None, description="Only hops within 30° of this direction, in multiples of the lattice vectors."
    )
    framework: tuple[str, ...] | None = Field(
        None, description="Elements between which interstitial sites lie; null: the anions."
    )
    clearance: NonNegativeFloat = Field(
        1.6, description="Smallest distance of an interstitial site from any atom in Å."
    )

    @field_validator("species", "framework")
    @classmethod
    def _elements(cls, value: str | tuple[str, ...] | None) -> str | tuple[str, ...] | None:
        for symbol in (value,) if isinstance(value, str) else value or ():
            if atomic_numbers.get(symbol, 0) < 1:
                raise ValueError(f"{symbol!r} is no element.{suggest(symbol, atomic_numbers)}")
        return value

    @field_validator("along")
    @classmethod
    def _direction(cls, value: tuple[float, float, float] | None) -> tuple[float, float, float] | None:
        if value is not None and not any(value):
            raise ValueError("a direction has a length, such as 0,1,0")
        return value

    @property
    def path(self) -> PathSettings:
        """How paths are found alone."""
        return PathSettings(**self.model_dump(include=set(PathSettings.model_fields)))
