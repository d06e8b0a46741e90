"""What a user may choose of a verdict."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from superion.errors import InputError
from superion.verdict.tolerances import TOLERANCES, checked

LEVEL = 0.05
"""The chance of a false "needed" anywhere in a table, and that of a false "not needed"."""


class VerdictSettings(BaseModel):
    """How large a difference matters, and how sure an answer has to be."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    tolerances: dict[str, float] = Field(
        {},
        description="smallest difference that matters, where it is another than "
        + ", ".join(f"{name} {value:g}" for name, value in TOLERANCES.items())
        + ": eV for defects, meV/atom for eos/energy, a factor for conductivity, fractions for the others",
    )
    level: float = Field(
        LEVEL, gt=0, lt=0.5, description='chance of any false "needed", and of any false "not needed"'
    )

    @model_validator(mode="after")
    def _known(self) -> Self:
        try:
            checked(self.tolerances)
        except InputError as error:
            raise ValueError(str(error)) from error
        return self
