"""What a user chooses about a molecular-dynamics run, with units."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from superion.errors import InputError
from superion.simulation.electric import ElectricSettings

Record = Literal["velocities", "stress", "charges", "dipole"]

_USED_BY: dict[str, tuple[str, ...]] = {
    "thermostat": ("nvt",),
    "thermostat_time": ("nose-hoover", "npt"),
    "friction": ("langevin", "nve with equilibrate"),
    "ramp_to": ("nvt", "npt"),
    "barostat": ("npt",),
    "pressure": ("npt",),
    "barostat_time": ("npt",),
}


class MDSettings(BaseModel):
    """Settings of one run; unknown keys and settings without effect are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    ensemble: Literal["nve", "nvt", "npt"] = Field(
        "nvt",
        description="nve: constant energy; nvt: constant volume and temperature; npt: constant pressure "
        "and temperature, with Nosé-Hoover chains.",
    )
    thermostat: Literal["nose-hoover", "langevin"] = Field(
        "nose-hoover", description="Thermostat of the nvt ensemble: Nosé-Hoover chain, or Langevin (BAOAB)."
    )
    barostat: Literal["isotropic", "anisotropic", "flexible"] = Field(
        "isotropic",
        description="What the cell does (npt). isotropic: it keeps its shape; anisotropic: its three edges, "
        "at right angles, change apart; flexible: lengths and angles change.",
    )
    temperature: PositiveFloat = Field(
        description="Temperature in K; for nve that of the equilibration or, without one, of the initial "
        "velocities, half of which go into the potential energy of a crystal at rest."
    )
    ramp_to: PositiveFloat | None = Field(
        None,
        description="Temperature in K at the end of production, which it is changed to in equal steps; "
        "equilibration is at `temperature` (nvt, npt). null: constant.",
    )
    pressure: float = Field(0.0, description="External pressure in GPa (npt).")
    timestep: PositiveFloat = Field(1.0, description="Time step in fs.")
    steps: PositiveInt = Field(description="Production steps; may be raised when a run is resumed.")
    equilibrate: Annotated[int, Field(ge=0)] = Field(
        0,
        description="Steps run before production; for nve at constant temperature, by Langevin dynamics "
        "with `friction`. Their frames are written with negative step numbers and left out when the "
        "trajectory is read.",
    )
    sample_every: PositiveInt = Field(10, description="Steps between written frames.")
    chunk_frames: PositiveInt = Field(
        100, description="Frames per file; a killed run loses at most this many frames and redoes them."
    )
    record: Annotated[tuple[Record, ...], AfterValidator(lambda names: tuple(sorted(set(names))))] = Field(
        (),
        description="Further quantities per frame: velocities (Å/fs), stress (eV/Å³, without the ideal-gas "
        "part), charges (e), dipole (e·Å). All but velocities must come from the calculator.",
    )
    friction: PositiveFloat = Field(
        0.01, description="Friction in 1/fs of Langevin dynamics (nvt) and of the equilibration of nve."
    )
    thermostat_time: PositiveFloat = Field(100.0, description="Time scale of the Nosé-Hoover chain in fs.")
    barostat_time: PositiveFloat = Field(1000.0, description="Time scale of the barostat in fs.")
    electric: ElectricSettings | None = Field(
        None,
        description="Constant electric field or displacement (nve, nvt); the dipole of the structure is "
        "tracked and written with every frame. null: none.",
    )
    seed: Annotated[int, Field(ge=0)] = Field(
        0, description="Seed of the initial velocities and of the Langevin noise."
    )
    keep_velocities: bool = Field(
        False,
        description="Start from the structure's own velocities (their centre-of-mass drift is removed) "
        "instead of Maxwell-Boltzmann velocities.",
    )
    min_distance: PositiveFloat | None = Field(
        0.8, description="The run stops if two atoms come closer than this, in Å; null: no check."
    )
    max_temperature: PositiveFloat | None = Field(
        None, description="The run stops above this temperature, in K; null: 10 × temperature."
    )
    max_deviation: PositiveFloat | None = Field(
        None,
        description="The run stops where the predicted standard deviation of the force on an atom exceeds "
        "this, in eV/Å, looked at every 500 steps; null: it is reported. Needs a model with uncertainties.",
    )

    @property
    def temperature_limit(self) -> float:
        """Temperature (K) above which the run stops."""
        return 10 * self.hottest if self.max_temperature is None else self.max_temperature

    @property
    def hottest(self) -> float:
        """Highest temperature (K) that is asked for."""
        return max(self.temperature, self.ramp_to or 0.0)

    def target(self, step: int) -> float:
        """Temperature (K) of the thermostat at a step."""
        if self.ramp_to is None or step <= 0:
            return self.temperature
        return self.temperature + (self.ramp_to - self.temperature) * min(step / self.steps, 1.0)

    @model_validator(mode="after")
    def _whole_frames(self) -> Self:
        for name in ("steps", "equilibrate"):
            value = getattr(self, name)
            if value % self.sample_every:
                raise ValueError(
                    f"{name} must be a multiple of sample_every, found {value} and {self.sample_every}; "
                    f"try {name}: {-(-value // self.sample_every) * self.sample_every}"
                )
        if self.temperature_limit <= self.hottest:
            raise ValueError(
                f"max_temperature ({self.max_temperature} K) must be above temperature ({self.hottest} K)"
            )
        return self

    @model_validator(mode="after")
    def _field_at_constant_volume(self) -> Self:
        if self.electric is not None and self.ensemble == "npt":
            raise ValueError("electric settings need a constant cell: use nve or nvt, found npt")
        return self

    @model_validator(mode="after")
    def _no_idle_settings(self) -> Self:
        kinds: set[str] = {self.ensemble} | ({self.thermostat} if self.ensemble == "nvt" else set())
        if self.ensemble == "nve" and self.equilibrate:
            kinds.add("nve with equilibrate")
        run = " with ".join(sorted(kinds, reverse=True))
        for name, users in _USED_BY.items():
            idle = getattr(self, name) != type(self).model_fields[name].default and not kinds & set(users)
            if idle:
                raise ValueError(
                    f"{name} = {getattr(self, name)} has no effect here: it belongs to "
                    f"{' and '.join(users)}, the run is {run}; remove it"
                )
        return self


def check_same(recorded: MDSettings, asked: MDSettings, folder: object) -> None:
    """Raise InputError naming every setting in which a resumed run would differ from the recorded one.

    Only `steps` may differ, and in a ramp of temperature not even they: it would have gone another way.
    """
    old, new = recorded.model_dump(), asked.model_dump()
    free = {"steps"} if recorded.ramp_to is None else set()
    changed = [name for name in old if name not in free and old[name] != new[name]]
    if changed:
        raise InputError(
            "cannot resume with other settings: "
            + "; ".join(f"{name} was {old[name]}, now {new[name]}" for name in changed)
            + ".",
            file=folder,
            remedy="use the old settings (only steps may change, and those of a ramp not), or start in "
            "another folder.",
        )
