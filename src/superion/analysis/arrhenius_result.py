"""What runs at several temperatures say together: an activation energy, a prefactor, values elsewhere."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from superion.notebook import Table
from superion.results import Result, ResultFile

Interval = tuple[float, float]
ArrheniusStatus = Literal["line", "change of slope", "lower bound only", "not known"]


class Point(Result):
    """One run, in the units of the line: D in cm²/s, or σT in S K/cm."""

    model_config = ConfigDict(frozen=True)

    run: str
    temperature: float = Field(description="K")
    status: str
    value: float | None = Field(None, description="of D, cm²/s; of σT, S K/cm")
    interval: Interval | None = Field(None, description="95 % interval, cm²/s or S K/cm")
    bound: float | None = Field(None, description="95 % upper bound, cm²/s or S K/cm")
    used: bool
    reason: str


class Branch(Result):
    """A range of temperatures with one slope."""

    model_config = ConfigDict(frozen=True)

    temperatures: Interval = Field(description="coldest and hottest run, K")
    activation_energy: float = Field(description="median of the posterior, eV")
    activation_interval: Interval = Field(description="95 % interval, eV")


class Extrapolated(Result):
    """A value at a temperature without a run. value: null where no line goes there."""

    model_config = ConfigDict(frozen=True)

    temperature: float = Field(description="K")
    value: float | None = Field(description="D, cm²/s; or σ, mS/cm")
    interval: Interval | None = Field(description="95 % interval if the slope stays, cm²/s or mS/cm")
    spans: float = Field(description="distance from the runs in 1/T over the range of the runs, no unit")
    beyond: bool = Field(description="whether it is farther than the runs carry")


class Measured(Result):
    """A measurement of another hand."""

    model_config = ConfigDict(frozen=True)

    name: str
    temperature: float = Field(description="K")
    conductivity: float = Field(description="mS/cm")
    source: str


class ArrheniusResult(ResultFile):
    """ln y = ln A − Ea/kT, with 95 % intervals of the posterior; y is D, or σT.

    status is what to go by: "line": one slope. "change of slope": there are two `branches`, or a bound lies
    below the line; activation_energy is None. "lower bound only": values at one temperature, bounds at colder
    ones: `activation_bound`. "not known". `reason` says why. activation_error: standard deviation of the
    posterior. misfit_p: how often chance alone puts values as far from one line; None for fewer than three
    temperatures. widened: factor by which errors were made larger, as the runs scatter more than they say.
    reach: K, the coldest temperature at which a curvature that the runs cannot exclude changes the value by
    less than a factor of ten. measured: experiments on the same composition.
    """

    model_config = ConfigDict(frozen=True)
    writer: ClassVar[str] = "`superion arrhenius --json`"

    kind: Literal["arrhenius"] = "arrhenius"
    species: str
    quantity: str
    status: ArrheniusStatus
    reason: str
    notes: tuple[str, ...]
    activation_energy: float | None = Field(None, description="median of the posterior, eV")
    activation_interval: Interval | None = Field(None, description="95 % interval, eV")
    activation_error: float | None = Field(None, description="standard deviation, eV")
    activation_bound: float | None = Field(None, description="95 % lower bound, eV")
    prefactor: float | None = Field(None, description="of D, cm²/s; of σT, S K/cm")
    prefactor_interval: Interval | None = Field(None, description="95 % interval, cm²/s or S K/cm")
    branches: tuple[Branch, ...] = ()
    misfit_p: float | None = Field(None, description="probability, no unit")
    widened: float = Field(1.0, description="factor of errors, no unit")
    reach: float | None = Field(None, description="down to which the runs carry, K")
    extrapolated: tuple[Extrapolated, ...] = ()
    points: tuple[Point, ...] = ()
    measured: tuple[Measured, ...] = ()
    composition: str = ""
    band: dict[str, tuple[float, ...]] = Field(
        default_factory=dict, description="temperature in K; low, value, high in cm²/s or S K/cm"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.status == "line") != (self.activation_energy is not None):
            raise ValueError(f"status {self.status!r} and an activation energy of {self.activation_energy}")
        return self

    @property
    def table(self) -> Table:
        """Activation energies, the prefactor and values at other temperatures."""
        rows: list[tuple[Any, ...]] = []
        unit = "cm²/s" if self.quantity == "diffusion" else "S K/cm"
        if self.activation_interval is not None and self.prefactor_interval is not None:
            rows.append(("activation energy", self.activation_energy, *self.activation_interval, "eV"))
            rows.append(("prefactor", self.prefactor, *self.prefactor_interval, unit))
        for one in self.branches:
            low, high = one.temperatures
            name = f"activation energy, {low:g} to {high:g} K"
            rows.append((name, one.activation_energy, *one.activation_interval, "eV"))
        if self.activation_bound is not None:
            rows.append(("activation energy above", self.activation_bound, None, None, "eV"))
        shown = "cm²/s" if self.quantity == "diffusion" else "mS/cm"
        for other in self.extrapolated:
            ends = other.interval or (None, None)
            rows.append((f"at {other.temperature:g} K", other.value, *ends, shown))
        caption = f"{self.species}, {self.quantity}: {self.status} ({self.reason})"
        return Table(caption, ("quantity", "value", "low", "high", "unit"), tuple(rows))
