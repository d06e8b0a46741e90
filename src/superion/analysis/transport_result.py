"""What is known of the transport of one species: values with intervals, or bounds, and a status."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from superion.analysis.transport_status import VALUED, Status
from superion.notebook import Table
from superion.results import Count, ResultFile

Interval = tuple[float, float]
_QUANTITIES = (
    ("diffusion", "D", "cm²/s"),
    ("conductivity", "σ, independent ions", "mS/cm"),
    ("collective_conductivity", "σ, collective", "mS/cm"),
    ("haven_ratio", "Haven ratio", ""),
)
_INTERVALS = {"collective_conductivity": "collective", "haven_ratio": "haven"}


class TransportResult(ResultFile):
    """Transport of one species, with 95 % intervals.

    status is what to go by; `reason` says why it is that, `notes` say what else a reader must know:

    - "converged": values with intervals.
    - "upper bound only": the ions did not move enough, or not far enough to tell a walk from a cage.
    - "not diffusive": they moved much, but in cages; or the two halves of the run contradict each other.
    - "melt": values as for "converged", but other species diffuse, too: `framework` names them.

    In the second and third every value and interval is None, and `diffusion_bound` and
    `conductivity_bound` hold 95 % upper bounds.

    species, charge (formal, e), temperature (K). length, discarded, timestep: ps. frames, ions: counts.
    volume: Å³, mean. diffusion*: cm²/s; the tensor is 3 x 3, a value without interval. conductivity*:
    mS/cm, Nernst-Einstein (independent ions). collective_conductivity*: mS/cm, Einstein-Helfand (with
    the correlation of the ions), of ions seen from the framework whatever `reference` is; haven_ratio*
    is Nernst-Einstein over collective; both None with `collective_reason`. hops: effective hops of all
    ions, MSD(length) N / hop_length² (Å); independent_hops: less what ions did together. slope: log-log
    slope of the mean squared displacement over the lags `slope_lags` (ps), 1 in the diffusive regime.
    modes: how many slow modes were used. diffusive_from: ps, motion slower than this is diffusive; None where
    none is. misfit: deviance by which cages fit the spectrum better than a line (see `diffusion`).
    cage_plateau: Å², of the mean squared displacement within cages, vibrations included. cage_relaxation: ps,
    None where no cage is seen. framework: cm²/s, by symbol, of other species that diffuse. replicas: how
    many independent runs; ions counts those of one. replica_diffusion: cm²/s, best estimates of each run
    alone.
    msd_lags (ps), msd (Å²): a curve to draw, up to half the length.
    """

    model_config = ConfigDict(frozen=True)
    writer: ClassVar[str] = "`superion transport --json`"

    kind: Literal["transport-result"] = "transport-result"
    species: str
    charge: float = Field(description="formal charge of an ion, e")
    temperature: float = Field(description="at which the numbers hold, K")
    reference: str
    length: float = Field(description="of the run, ps")
    discarded: float = Field(description="left out at the start, ps")
    timestep: float = Field(description="between frames, ps")
    frames: Count = Field(description="frames used, count")
    ions: Count = Field(description="mobile ions, count")
    volume: float = Field(description="mean, Å³")
    status: Status
    reason: str
    notes: tuple[str, ...]
    diffusion: float | None = Field(description="diffusion coefficient, cm²/s")
    diffusion_interval: Interval | None = Field(description="95 % interval, cm²/s")
    diffusion_bound: float | None = Field(description="95 % upper bound, cm²/s")
    diffusion_tensor: tuple[tuple[float, ...], ...] | None = Field(description="Cartesian, cm²/s")
    conductivity: float | None = Field(description="of independent ions, mS/cm")
    conductivity_interval: Interval | None = Field(description="95 % interval, mS/cm")
    conductivity_bound: float | None = Field(description="95 % upper bound, mS/cm")
    collective_conductivity: float | None = Field(description="with correlation, mS/cm")
    collective_interval: Interval | None = Field(description="95 % interval, mS/cm")
    haven_ratio: float | None = Field(description="independent over collective, no unit")
    haven_interval: Interval | None = Field(description="95 % interval, no unit")
    collective_reason: str | None
    hop_length: float = Field(description="distance of neighbouring sites, Å")
    hops: float = Field(description="effective hops of all ions, count")
    independent_hops: float = Field(description="less what ions did together, count")
    slope: float | None = Field(description="log-log slope of the displacement, no unit")
    slope_lags: Interval = Field(description="lags of the slope, ps")
    modes: Count = Field(description="slow modes used, count")
    diffusive_from: float | None = Field(description="slower motion is diffusive, ps")
    misfit: float = Field(description="deviance of cages from a line, no unit")
    cage_plateau: float = Field(description="squared displacement within cages, Å²")
    cage_relaxation: float | None = Field(description="relaxation within cages, ps")
    framework: dict[str, float] = Field(description="diffusion of other species, cm²/s")
    replicas: Count = Field(description="independent runs, count")
    replica_diffusion: tuple[float, ...] = Field(description="of each run alone, cm²/s")
    msd_lags: tuple[float, ...] = Field(description="lags of the curve, ps")
    msd: tuple[float, ...] = Field(description="mean squared displacement, Å²")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        """There is a value with its interval, or a bound, as the status says; intervals run upwards."""
        for name in ("diffusion", "conductivity"):
            known = getattr(self, name) is not None and getattr(self, f"{name}_interval") is not None
            if not (self.status in VALUED and known) and getattr(self, f"{name}_bound") is None:
                raise ValueError(
                    f"status {self.status!r}, but no {name} with an interval and no {name}_bound"
                )
        for name in ("diffusion_interval", "conductivity_interval", "collective_interval", "haven_interval"):
            interval = getattr(self, name)
            if interval is not None and not interval[0] <= interval[1]:
                raise ValueError(f"{name}: {interval[0]:g} is above {interval[1]:g}")
        return self

    @property
    def table(self) -> Table:
        """Values with 95 % intervals, or bounds."""
        rows = []
        for name, symbol, unit in _QUANTITIES:
            low, high = getattr(self, f"{_INTERVALS.get(name, name)}_interval") or (None, None)
            rows.append((symbol, getattr(self, name), low, high, getattr(self, f"{name}_bound", None), unit))
        caption = f"{self.species} at {self.temperature:g} K: {self.status} ({self.reason})"
        return Table(caption, ("quantity", "value", "low", "high", "bound", "unit"), tuple(rows))
