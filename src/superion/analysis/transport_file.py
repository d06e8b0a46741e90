"""What the analysis of one trajectory leaves in a file: the conductivity and the curves behind it."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from superion.analysis.transport_result import TransportResult
from superion.notebook import Table
from superion.results import REDO, Finite, Result, ResultFile, Size, same_length
from superion.simulation.summary import RunSummary


class Displacements(Result):
    """Mean squared displacements (Å²) by species, at lags in ps."""

    __pydantic_extra__: dict[str, list[Finite]]

    lag_ps: list[Size] = Field(description="lags, ps; the curves by element are in Å²")

    @property
    def curves(self) -> dict[str, list[float]]:
        """Å², by element, at the lags."""
        return self.__pydantic_extra__ or {}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        same_length(lag_ps=self.lag_ps, **self.curves)
        return self


class Thermo(Result):
    """Temperature and conserved quantity against time."""

    time_ps: list[Finite] = Field(description="times, ps")
    temperature_K: list[Finite] = Field(description="temperatures, K")
    conserved_eV_per_atom: list[Finite] = Field(description="conserved quantity less its first, eV/atom")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        same_length(
            time_ps=self.time_ps,
            temperature_K=self.temperature_K,
            conserved_eV_per_atom=self.conserved_eV_per_atom,
        )
        return self


class TransportFile(ResultFile):
    """`transport/<potential>-<temperature>K.json` (`superion.analysis.conductivity.analyse`).

    A report names curves that are missing.
    """

    writer: ClassVar[str] = "the step 'transport' of a study"
    remedy: ClassVar[str] = REDO

    kind: Literal["transport"] = "transport"
    result: TransportResult
    against_length: list[TransportResult] | None = None
    msd: Displacements | None = None
    thermo: Thermo | None = None
    dynamics: RunSummary | None = None

    @property
    def table(self) -> Table:
        """The values."""
        return self.result.table
