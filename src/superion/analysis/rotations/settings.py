"""What counts as a turn of an anion, and what as near a hop."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, PositiveFloat, PositiveInt


class RotationSettings(BaseModel):
    """Turns of anions, and how they go with hops."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    species: str = Field("Li", description="element that hops")
    turn: Annotated[float, Field(gt=0, le=120)] = Field(
        45.0, description="degrees from where an anion was, beyond which it has turned; less is libration"
    )
    residence: NonNegativeFloat = Field(0.3, description="ps that it must stay there")
    window: PositiveFloat = Field(1.0, description="ps between a turn and a hop that go together")
    near: PositiveFloat = Field(4.5, description="Å between the centre of an anion and a hop beside it")
    sites: str = Field("density", description="sites of hops: density, voronoi or a structure file")
    discard: NonNegativeFloat = Field(0.0, description="ps left out at the start")
    shuffles: PositiveInt = Field(499, description="shuffled runs against which hops and turns are judged")
    seed: int = Field(0, ge=0, description="of the shuffled times")
