"""What counts as a site, a stay and a hop."""

from __future__ import annotations

from typing import Annotated

from ase.data import atomic_numbers
from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, PositiveFloat, field_validator

from superion.errors import suggest


class HopSettings(BaseModel):
    """Hops of one element."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    species: str = Field("Li", description="element that hops")
    sites: str = Field(
        "density",
        description="where sites are: density, maxima of the mean density of the ions; voronoi, interstitial "
        "sites between the other atoms; or a structure file whose atoms of the element are the sites",
    )
    framework: tuple[str, ...] | None = Field(
        None, description="elements that sites are fixed to; null: all but the one that hops"
    )
    core: Annotated[float, Field(gt=0, le=1)] = Field(
        0.6, description="radius within which an ion is at a site, in halves of the way to the next site"
    )
    largest_core: PositiveFloat = Field(1.2, description="largest such radius in Å")
    residence: NonNegativeFloat = Field(
        0.2, description="ps that an ion must stay at a site; shorter visits are rattling"
    )
    apart: PositiveFloat = Field(1.0, description="Å within which two sites found are one")
    occupied: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.05, description="density of a site at least, in parts of the largest, for sites from the density"
    )
    discard: NonNegativeFloat = Field(0.0, description="ps left out at the start")
    window: PositiveFloat = Field(
        1.0, description="ps between hops that may belong to one string of ions that follow each other"
    )
    alone: PositiveFloat = Field(
        6.0, description="Å within which no other hop begins or ends, for hops that are exported"
    )
    seed: int = Field(0, ge=0, description="of the shuffled times against which strings are judged")

    @field_validator("species", "framework")
    @classmethod
    def _elements(cls, value: str | tuple[str, ...] | None) -> str | tuple[str, ...] | None:
        for symbol in (value,) if isinstance(value, str) else value or ():
            if atomic_numbers.get(symbol, 0) < 1:
                raise ValueError(f"{symbol!r} is no element.{suggest(symbol, atomic_numbers)}")
        return value
