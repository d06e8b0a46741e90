"""How conductivities follow from trajectories, as settings have it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat


class TransportSettings(BaseModel):
    """How conductivities follow from trajectories."""

    model_config = ConfigDict(extra="forbid")

    species: str = Field("Li", description="mobile element")
    charge: float | None = Field(
        None, description="formal charge of the mobile ion in e; null: its usual oxidation state"
    )
    discard_ps: float = Field(0.0, ge=0, description="production time left out as equilibration, in ps")
    hop_length: PositiveFloat = Field(3.0, description="distance of neighbouring sites of the ion in Å")
    diffusive_from_ps: PositiveFloat | None = Field(
        None, description="only motion slower than this is used, in ps; null: what is found"
    )
    reference: Literal["system", "framework", "none"] = Field(
        "system",
        description="what stands still: the centre of mass of the system, of all other species, or none",
    )
