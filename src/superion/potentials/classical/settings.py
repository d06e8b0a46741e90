"""What a fit of a classical force field is determined by."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat

from superion.potentials.gap.settings import Sigmas


class ClassicalSettings(BaseModel):
    """Everything the fit of a classical force field is determined by, besides the data."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    charges: dict[str, float] = Field(
        {"Li": 1.0, "P": 5.0, "S": -2.0}, description="formal charge of each element, e"
    )
    charge_fit: Literal["scaled", "free", "fixed"] = Field(
        "scaled",
        description="scaled: one factor on the formal charges; free: all charges that leave every "
        "composition of the data neutral; fixed: the formal charges times charge_scale",
    )
    charge_scale: float = Field(0.5, gt=0, le=1.2, description="factor on the formal charges to start from")
    polarizabilities: dict[str, PositiveFloat] = Field(
        {"Li": 0.03, "P": 0.5, "S": 2.5},
        description="polarizability of each element to start from, Å³; others have none; {}: rigid ions",
    )
    thole: float = Field(0.39, gt=0.05, lt=2.0, description="Thole's a to start from, without unit")
    dispersion: Literal["none", "anions", "all"] = Field(
        "anions", description="pairs that attract as −C/r⁶: none, those of two negative elements, or all"
    )
    bonds: tuple[str, ...] = Field(
        (), description="pairs of elements that are bonds, with a Morse energy, as in P-S"
    )
    cutoff: float = Field(8.0, gt=0, description="of the pair energies, Å")
    width: float = Field(2.0, gt=0, description="of the cosine cutoff of the pair energies, Å")
    accuracy: float = Field(
        1e-6, ge=1e-15, le=1e-2, description="of the Ewald sum, relative to a bare pair interaction"
    )
    margin: float = Field(
        0.1,
        gt=0,
        lt=1,
        description="how far from a polarization catastrophe all frames must stay: least eigenvalue of "
        "1 + √α T √α, which is 1 for atoms that do not interact",
    )
    repulsion: bool = Field(
        True,
        description="add a short-range repulsion below the shortest distances of the data (Repulsion.below)",
    )
    sigma: Sigmas = Field(
        Sigmas(energy=0.02, force=0.1, virial=0.3), description="expected errors, the weights of the labels"
    )
    starts: int = Field(3, ge=1, description="searches, the first from the guesses, others from random ones")
    iterations: int = Field(60, ge=1, description="most steps of one search")
    seed: int = Field(0, ge=0, description="seed of the random guesses")
