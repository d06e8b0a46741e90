"""What a model says about its own predictions, as a part of results."""

from __future__ import annotations

from pydantic import Field

from superion.results import Count, Finite, Result


class Doubts(Result):
    """What a model says about its predictions along a series of structures; null if it says nothing."""

    energy_deviations_eV: list[Finite | None] | None = Field(
        None, description="predicted deviation of the total energy of each structure, eV"
    )
    force_deviations_eV_per_A: list[Finite | None] | None = Field(
        None, description="largest predicted deviation of the force on an atom of each, eV/Å"
    )
    extrapolation_grades: list[Finite | None] | None = Field(
        None, description="above 1 the model extrapolates, no unit"
    )
    extrapolated: list[Count] | None = Field(
        None, description="numbers of the structures far from the training data, count from 0"
    )
