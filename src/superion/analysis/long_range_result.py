"""What a check of fitted charges found."""

from __future__ import annotations

from pydantic import Field

from superion.results import Finite, Result, Size


class LongRange(Result):
    """The check of a fitted model with charges; remarks: what speaks against it, with remedies."""

    left_out: str | None = Field(None, description="trajectories, distances or blocks; null: too few frames")
    local: list[Size | None] | None = Field(
        None, description="left-out errors of a linear model without charges: eV of a structure, eV/Å"
    )
    charged: list[Size | None] | None = Field(
        None, description="the same with charges, eV of a structure, eV/Å"
    )
    loss_ratio: Size | None = Field(
        None, description="squared left-out errors with charges over without, no unit"
    )
    apart: list[Finite] | None = Field(
        None, description="eV, change of the energy of two parts drawn apart, and that of their charges"
    )
    flow: Size | None = Field(None, description="e that flows between the parts while they are drawn apart")
    charge_rms: Size | None = Field(None, description="root mean square of the charges, e")
    remarks: list[str] = Field(default_factory=list)
