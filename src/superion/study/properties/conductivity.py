"""Conductivities from the dynamics of a study."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, NonNegativeInt

from superion.analysis.transport_file import TransportFile
from superion.analysis.transport_result import TransportResult
from superion.errors import InputError
from superion.numbers import number
from superion.results import read_result
from superion.study.properties.base import Measured, Property, Row
from superion.study.properties.settings import STRICT
from superion.study.resample import Fit
from superion.verdict.values import Value

NORMAL_95 = 1.959964
"""Half width of a 95 % interval of a normal variable, in standard errors."""


class ConductivitySettings(BaseModel):
    """Conductivities from the dynamics of the study, at every temperature."""

    model_config = STRICT

    fits: NonNegativeInt = Field(
        0, description="of how many resampled fits dynamics is run as well, besides the main ones"
    )


class Conductivity(Property):
    """Nernst–Einstein conductivity at every temperature.

    The standard error of its logarithm is ln(high/low)/3.92 with the limits of its 95 % interval, which
    hold the statistical error of the trajectory alone.
    """

    name = "conductivity"
    about = "conductivities as values of the verdict"
    Settings = ConductivitySettings
    from_dynamics = True

    def fits(self) -> list[Fit]:
        """Those that dynamics is run with."""
        return self.study.moving()

    def identity(self, fit: Fit | None) -> dict[str, Any]:
        """What the values depend on."""
        return {"temperatures": self.study.settings.temperatures}

    def files(self, fit: Fit | None) -> dict[str, Path]:
        """Files that are read."""
        assert fit is not None
        found = {f"{kelvin:g}": self._path(fit, kelvin) for kelvin in self._temperatures}
        return {name: path for name, path in found.items() if path.exists()}

    def check(self) -> None:
        """Dynamics is that of a crystal."""
        if not self.study.periodic:
            raise InputError(
                "conductivity needs dynamics of a crystal that is periodic along three axes.",
                file=None if self.study.settings.structure is None else self.study.settings.structure.file,
                remedy="leave this property out, or start from a crystal.",
            )

    def rows(self) -> list[Row]:
        """All values there are."""
        return [Row(f"conductivity at {kelvin:g} K", "mS/cm", "positive") for kelvin in self._temperatures]

    def measure(self, fit: Fit) -> Measured:
        """The values by one fit."""
        values = []
        for row, kelvin in zip(self.rows(), self._temperatures, strict=True):
            path = self._path(fit, kelvin)
            if path.exists():
                values.append(_value(row, read_result(path, TransportFile, "transport").result))
            else:
                values.append(row.without("its dynamics, or the analysis of it, was not finished"))
        return Measured(values, ["errors: statistics of the trajectories."])

    def _path(self, fit: Fit, kelvin: float) -> Path:
        return self.study.folder / "transport" / f"{fit.name}-{kelvin:g}K.json"

    @property
    def _temperatures(self) -> list[float]:
        return self.study.settings.temperatures


def _value(row: Row, result: TransportResult) -> Value:
    if result.status != "converged" or result.conductivity is None or result.conductivity_interval is None:
        bound = result.conductivity_bound
        known = "" if bound is None else f" (below {number(bound)} mS/cm)"
        return row.without(f"{result.status}{known}: {result.reason.rstrip('.')}")
    low, high = result.conductivity_interval
    spread = (math.log(high) - math.log(low)) / (2 * NORMAL_95) if low > 0 and math.isfinite(high) else None
    if spread is None:
        return row.without(f"its interval, {low:.3g} to {high:.3g} mS/cm, has no finite logarithm")
    return row.of(result.conductivity, spread, result.notes)
