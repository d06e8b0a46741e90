"""What the files of a study hold, for those who read them (`superion.results.read_result`)."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from superion.analysis.transport_result import TransportResult
from superion.analysis.transport_status import VALUED
from superion.results import Count, Finite, Range, Result, Size, same_length

BySpecies = dict[str, Size | None] | None


class Charges(Result):
    """Charges of one species."""

    __pydantic_extra__: dict[str, Finite | list[Finite] | None]


class Errors(Result):
    """Errors of one potential on one set of frames (`superion.analysis.accuracy.errors`)."""

    frames: Count | None = None
    energy_rmse_per_atom: Size | None = None
    energy_mae_per_atom: Size | None = None
    force_rmse: Size | None = None
    force_mae: Size | None = None
    stress_rmse: Size | None = None
    stress_mae: Size | None = None
    charge_rmse: Size | None = None
    dipole_mae: Size | None = None
    dipole_vector_error: Size | None = None
    force_rmse_by_species: BySpecies = None
    force_mae_by_species: BySpecies = None
    charge_rmse_by_species: BySpecies = None
    charges: dict[str, Any] | None = None


class Splits(Result):
    """Errors of one potential."""

    train: Errors | None = None
    test: Errors | None = None


class Accuracy(Result):
    """`accuracy.json`: errors by potential."""

    __pydantic_extra__: dict[str, Splits]


class Group(Result):
    """Frames counted together."""

    name: str
    frames: Count
    atoms: Annotated[list[Count], Field(min_length=2, max_length=2)]
    species: list[str]
    labels: dict[str, Count]
    energy_per_atom: Range | None = None
    force_max: Size | None = None
    force_rms: Size | None = None
    stress: Range | None = None
    trajectories: dict[str, Count] = Field(default_factory=dict)


class CensusResult(Result):
    """What a census found."""

    groups: list[Group] = Field(default_factory=list)
    total: Group | None = None
    warnings: list[str] = Field(default_factory=list)
    notes: list[str] = Field(default_factory=list)


class Split(Result):
    """Trajectories trained on and tested."""

    train: dict[str, Count] | None = None
    test: dict[str, Count] | None = None


class CensusFile(Result):
    """`census.json`."""

    census: CensusResult | None = None
    split: Split | None = None


class Displacements(Result):
    """Mean squared displacements (Å²) by species, at lags in ps."""

    __pydantic_extra__: dict[str, list[Finite]]

    lag_ps: list[Size]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        same_length(lag_ps=self.lag_ps, **(self.__pydantic_extra__ or {}))
        return self


class Thermo(Result):
    """Temperature and conserved quantity against time."""

    time_ps: list[Finite]
    temperature_K: list[Finite]
    conserved_eV_per_atom: list[Finite]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        same_length(
            time_ps=self.time_ps,
            temperature_K=self.temperature_K,
            conserved_eV_per_atom=self.conserved_eV_per_atom,
        )
        return self


class TransportFile(Result):
    """`transport/<potential>-<temperature>K.json` (`superion.study.transport.analyse`).

    A report names curves that are missing.
    """

    result: TransportResult
    against_length: list[TransportResult] | None = None
    msd: Displacements | None = None
    thermo: Thermo | None = None
    dynamics: dict[str, Any] | None = None

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


class Mismatch(Result):
    """Differences from the curve of the labels."""

    differences_eV: list[Finite]


class CurveFile(Result):
    """`eos/<potential>.json` (`superion.analysis.eos.curve_record`); numbers with standard errors."""

    name: str
    atoms: Annotated[int, Field(ge=1)]
    volumes_A3: Annotated[list[Finite], Field(min_length=1)]
    energies_eV: list[Finite]
    energy_eV: Range
    volume_A3: Range
    modulus_GPa: Range
    derivative: Range
    difference: Mismatch | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        same_length(volumes_A3=self.volumes_A3, energies_eV=self.energies_eV)
        if self.difference is not None:
            same_length(volumes_A3=self.volumes_A3, differences_eV=self.difference.differences_eV)
        return self


class Provenance(Result):
    """`provenance.json` of a study or a training; what is missing is not shown."""

    versions: dict[str, str | None] = Field(default_factory=dict)
    python: str = ""
    platform: str = ""
    processor: str = ""
    cpu_cores: Count = 0
    threads: dict[str, int | str | None] = Field(default_factory=dict)
    command: str = ""
    time: str = ""
    data: dict[str, str | None] = Field(default_factory=dict)
    seeds: dict[str, int | None] = Field(default_factory=dict)
