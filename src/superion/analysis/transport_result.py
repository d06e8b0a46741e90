"""What is known of the transport of one species: values with intervals, or bounds, and a status."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from superion.analysis.transport_status import Status
from superion.notebook import Table

Interval = tuple[float, float]
_QUANTITIES = (
    ("diffusion", "D", "cm²/s"),
    ("conductivity", "σ, independent ions", "mS/cm"),
    ("collective_conductivity", "σ, collective", "mS/cm"),
    ("haven_ratio", "Haven ratio", ""),
)
_INTERVALS = {"collective_conductivity": "collective", "haven_ratio": "haven"}


@dataclass(frozen=True, slots=True)
class TransportResult:
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

    species: str
    charge: float
    temperature: float
    reference: str
    length: float
    discarded: float
    timestep: float
    frames: int
    ions: int
    volume: float
    status: Status
    reason: str
    notes: tuple[str, ...]
    diffusion: float | None
    diffusion_interval: Interval | None
    diffusion_bound: float | None
    diffusion_tensor: tuple[tuple[float, ...], ...] | None
    conductivity: float | None
    conductivity_interval: Interval | None
    conductivity_bound: float | None
    collective_conductivity: float | None
    collective_interval: Interval | None
    haven_ratio: float | None
    haven_interval: Interval | None
    collective_reason: str | None
    hop_length: float
    hops: float
    independent_hops: float
    slope: float | None
    slope_lags: Interval
    modes: int
    diffusive_from: float | None
    misfit: float
    cage_plateau: float
    cage_relaxation: float | None
    framework: dict[str, float]
    replicas: int
    replica_diffusion: tuple[float, ...]
    msd_lags: tuple[float, ...]
    msd: tuple[float, ...]

    @property
    def table(self) -> Table:
        """Values with 95 % intervals, or bounds."""
        rows = []
        for name, symbol, unit in _QUANTITIES:
            low, high = getattr(self, f"{_INTERVALS.get(name, name)}_interval") or (None, None)
            rows.append((symbol, getattr(self, name), low, high, getattr(self, f"{name}_bound", None), unit))
        caption = f"{self.species} at {self.temperature:g} K: {self.status} ({self.reason})"
        return Table(caption, ("quantity", "value", "low", "high", "bound", "unit"), tuple(rows))

    def to_frame(self) -> Any:
        """The table as a pandas DataFrame."""
        return self.table.to_frame()

    def _repr_html_(self) -> str:
        return self.table._repr_html_()

    def to_dict(self) -> dict[str, Any]:
        """All fields as JSON-ready values, None where there is no value; tuples become lists in JSON."""
        return asdict(self)
