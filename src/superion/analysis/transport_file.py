"""What the analysis of one trajectory leaves in a file: the conductivity and the curves behind it."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from superion.analysis.transport_result import TransportResult
from superion.analysis.transport_status import VALUED
from superion.results import Finite, Result, ResultFile, Size, same_length
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

    kind: Literal["transport"] = "transport"
    result: TransportResult
    against_length: list[TransportResult] | None = None
    msd: Displacements | None = None
    thermo: Thermo | None = None
    dynamics: RunSummary | None = None

    def to_frame(self) -> Any:
        """The values as a pandas DataFrame."""
        return self.result.to_frame()

    def _repr_html_(self) -> str:
        return self.result._repr_html_()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _check_values("result", self.result)
        for k, part in enumerate(self.against_length or ()):
            _check_values(f"against_length.{k}", part)
        return self


def _check_values(place: str, found: TransportResult) -> None:
    """There is a value with its interval, or a bound, as the status says; intervals run upwards."""
    for name in ("diffusion", "conductivity"):
        value, interval = getattr(found, name), getattr(found, f"{name}_interval")
        known = found.status in VALUED and value is not None and interval is not None
        if not known and getattr(found, f"{name}_bound") is None:
            raise ValueError(
                f"{place}: status {found.status!r}, but no {name} with an interval and no {name}_bound"
            )
    for name in ("diffusion_interval", "conductivity_interval", "collective_interval", "haven_interval"):
        interval = getattr(found, name)
        if interval is not None and not interval[0] <= interval[1]:
            raise ValueError(f"{place}.{name}: {interval[0]:g} is above {interval[1]:g}")
