"""What the result of `superion hops` holds."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from superion.notebook import Table
from superion.results import Count, Finite, Result, ResultFile, Size

Interval = Annotated[list[Finite], Field(min_length=2, max_length=2)]
Place = Annotated[list[Finite], Field(min_length=3, max_length=3)]
Status = Literal["hops", "few hops", "no hops"]


class SiteKind(Result):
    """Sites that are alike."""

    name: str
    sites: Count = Field(description="sites of this kind, count")
    occupation: Size = Field(description="mean number of ions at a site, count")
    empty: Count = Field(description="sites that no ion visited, count")
    free_energy_eV: Finite | None = Field(description="−kT ln(occupation) against the fullest kind, eV")
    residence_ps: Size | None = Field(description="mean stay of an ion, ps; null: no ion left")


class JumpType(Result):
    """Hops from one kind of site to another, over about one distance."""

    origin: str
    target: str
    length_A: Size = Field(description="mean distance of the sites, Å")
    hops: Count = Field(description="hops of all ions, count")
    rate_per_ps: Size | None = Field(description="hops of an ion at such an origin, 1/ps")
    rate_interval_per_ps: Interval | None = Field(description="95 % interval, 1/ps")
    rate_bound_per_ps: Size = Field(description="95 % upper bound, 1/ps")
    effective_barrier_eV: Finite | None = Field(
        None, description="−kT ln(rate over attempt frequency), eV; null without an attempt frequency"
    )
    bottleneck_eV: Finite | None = Field(
        None, description="free energy of the bottleneck against the origin, −kT ln ρ, eV"
    )
    bottleneck_is_bound: bool = False
    profile_A: list[Finite] = Field(default_factory=list, description="place along the hop, Å")
    profile_eV: list[Finite] = Field(default_factory=list, description="free energy there, −kT ln ρ, eV")


class HopsResult(ResultFile):
    """Sites, stays and hops of one element.

    status: hops; few hops, too few for a rate, which is then a bound; no hops, the ions never left their
    sites.
    """

    writer: ClassVar[str] = "`superion hops --json`"

    kind: Literal["hops"] = "hops"
    species: str
    status: Status
    temperature_K: Size = Field(description="of the run, K")
    length_ps: Size = Field(description="of the run, ps")
    timestep_ps: Size = Field(description="between frames, ps")
    frames: Count = Field(description="frames used, count")
    ions: Count = Field(description="mobile ions, count")
    hops: Count = Field(description="hops of all ions, count")
    rate_per_ps: Size | None = Field(description="hops of an ion, 1/ps")
    rate_interval_per_ps: Interval | None = Field(description="95 % interval, 1/ps")
    rate_bound_per_ps: Size = Field(description="95 % upper bound, 1/ps")
    dispersion: Size = Field(description="spread of counts over that of independent hops, no unit")
    jump_diffusion_cm2_per_s: Size | None = Field(description="Σ r²/6t of all hops, cm²/s")
    jump_diffusion_interval_cm2_per_s: Interval | None = Field(description="95 % interval, cm²/s")
    correlation_factor: Finite | None = Field(description="1: hops forget the one before, no unit")
    correlation_interval: Interval | None = Field(description="95 % interval, no unit")
    attempt_frequency_THz: Size | None = Field(description="mean of the spectrum of velocities, THz")
    percolation: Annotated[int, Field(ge=0, le=3)] = Field(
        description="independent directions along which hops lead through the crystal, count"
    )
    outside: Size = Field(description="part of all time that ions are between cores, no unit")
    brief: Count = Field(description="visits shorter than the residence time, not counted as hops, count")
    kinds: list[SiteKind]
    jumps: list[JumpType]
    site_kinds: list[Count] = Field(description="kind of each site, a place in `kinds`, count from 0")
    site_places: list[Place] = Field(description="lattice coordinates of each site, no unit")
    connections: list[list[int]] = Field(
        description="origin, target, cell of the target (3), hops both ways, count"
    )
    strings: dict[str, Count] = Field(description="number of strings by their hops, count")
    followed: Count = Field(
        description="pairs of hops of which one fills the site that the other left, count"
    )
    followed_by_chance: Size = Field(description="the same of shuffled times, count")
    followed_p: Size | None = Field(description="probability of as many by chance, no unit")
    notes: list[str] = Field(default_factory=list)
    settings: dict[str, Any] | None = None

    @property
    def table(self) -> Table:
        """Rates in 1/ps with 95 % intervals, or bounds; a row for each type of hop."""
        rows = []
        for one in self.jumps:
            low, high = one.rate_interval_per_ps or (None, None)
            rows.append(
                (
                    f"{one.origin} → {one.target}", one.length_A, one.hops, one.rate_per_ps, low, high,
                    one.rate_bound_per_ps, one.bottleneck_eV,
                )
            )  # fmt: skip
        head = ("hop", "length (Å)", "hops", "rate (1/ps)", "low", "high", "bound", "bottleneck (eV)")
        return Table(f"{self.species}: {self.status} in {self.length_ps:g} ps", head, tuple(rows))
