"""Melt and quench: one resumable run after the other, each at a lower temperature."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from ase import Atoms
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from superion.errors import InputError
from superion.files import locked, write_json
from superion.results import read_result
from superion.simulation.estimate import check_run
from superion.simulation.md import run_md
from superion.simulation.settings import MDSettings
from superion.simulation.trajectory import read_trajectory, to_ase
from superion.sizes import check_size

SCHEDULE = "schedule.json"


class QuenchSettings(BaseModel):
    """A melt, a ramp in steps of constant temperature, and an equilibration; all at constant volume."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    melt_temperature: PositiveFloat = Field(1200.0, description="Temperature of the melt in K.")
    melt_time: PositiveFloat = Field(20.0, description="Time in the melt in ps.")
    final_temperature: PositiveFloat = Field(300.0, description="Temperature of the glass in K.")
    rate: PositiveFloat = Field(10.0, description="Cooling rate in K/ps.")
    hold_time: NonNegativeFloat = Field(10.0, description="Time at the final temperature in ps.")
    temperature_step: PositiveFloat = Field(50.0, description="Largest step of the ramp in K.")
    timestep: PositiveFloat = Field(1.0, description="Time step in fs.")
    sample_every: PositiveInt = Field(
        10, description="Steps between written frames; every part of the schedule is a multiple of it."
    )
    thermostat: Literal["nose-hoover", "langevin"] = Field("langevin", description="Thermostat, as in MD.")
    min_distance: PositiveFloat | None = Field(
        0.8, description="The run stops if two atoms come closer than this, in Å; null: no check."
    )
    seed: Annotated[int, Field(ge=0)] = Field(0, description="Seed of velocities and noise.")

    @model_validator(mode="after")
    def _cools(self) -> Self:
        if self.final_temperature >= self.melt_temperature:
            raise ValueError(
                f"final_temperature ({self.final_temperature} K) must be below melt_temperature "
                f"({self.melt_temperature} K)"
            )
        return self


@dataclass(frozen=True, slots=True)
class Part:
    """One run of a schedule: the name of its folder, and its settings."""

    name: str
    settings: MDSettings


def schedule(settings: QuenchSettings) -> list[Part]:
    """The runs of a melt and quench, in order.

    The ramp is a staircase around the straight line: each step lies at the temperature half-way between its
    ends. Times are rounded to whole frames, at least one.
    """
    s = settings
    fall = s.melt_temperature - s.final_temperature
    steps = ceil(fall / s.temperature_step - 1e-9)
    width = fall / steps
    parts = [("melt", s.melt_temperature, s.melt_time)]
    parts += [("ramp", s.melt_temperature - (k + 0.5) * width, width / s.rate) for k in range(steps)]
    if s.hold_time:
        parts.append(("hold", s.final_temperature, s.hold_time))
    frame = s.timestep * s.sample_every * 1e-3  # ps
    return [
        Part(
            f"{k:03d}-{name}-{temperature:.0f}K",
            MDSettings(
                temperature=temperature,
                thermostat=s.thermostat,
                timestep=s.timestep,
                steps=max(round(time / frame), 1) * s.sample_every,
                sample_every=s.sample_every,
                record=("velocities",),
                min_distance=s.min_distance,
                seed=s.seed + k,
                keep_velocities=k > 0,
            ),
        )
        for k, (name, temperature, time) in enumerate(parts)
    ]


def _check_size(settings: QuenchSettings, atoms: int, folder: Path) -> None:
    """InputError for a schedule that takes more than a year, or more room than there is."""
    s = settings
    fall = s.melt_temperature - s.final_temperature
    frame = s.timestep * s.sample_every * 1e-3
    steps = (s.melt_time + fall / s.rate + s.hold_time) / frame * s.sample_every
    pieces = fall / s.temperature_step
    check_size(
        f"a ramp in {pieces:.3g} steps",
        size=pieces * 1000,
        seconds=pieces,
        remedy="make larger steps (temperature_step, --temperature-step).",
    )
    whole = max(int(min(steps, 1e200)) // s.sample_every, 1) * s.sample_every
    check_run(
        atoms, MDSettings(temperature=s.melt_temperature, steps=whole, sample_every=s.sample_every), folder
    )


def melt_quench(
    atoms: Atoms,
    calculator: object,
    settings: QuenchSettings,
    folder: str | Path,
    *,
    resume: bool = False,
    progress: bool | Literal["bar"] = True,
    provenance: dict[str, Any] | None = None,
    warned: Callable[[str], None] | None = None,
) -> Atoms:
    """Melt and quench a structure with any ASE calculator; the last frame, with velocities.

    Each part is a run of `run_md` in a folder of its own below `folder`. resume: go on where a killed call
    stopped; parts that are done are not repeated, and the result is that of an unbroken one. warned: called
    with doubts about a part. Raises what `run_md` raises, InputError if `folder` holds another schedule.
    """
    folder = Path(folder)
    _check_size(settings, len(atoms), folder)
    file = folder / SCHEDULE
    asked = settings.model_dump(mode="json")
    if file.exists():
        remedy = "use another folder, or delete the file: the run continues from all parts that are there."
        recorded = read_result(file, dict[str, Any], remedy=remedy, writer="`superion quench`")
        changed = [name for name in asked if recorded.get(name) != asked[name]]
        if changed or not resume:
            raise InputError(
                f"holds a quench with other settings ({', '.join(changed)})."
                if changed
                else "holds a quench.",
                file=folder,
                remedy="resume it with its own settings (--resume, in Python resume=True), or use another "
                "folder.",
            )
    with locked(folder) as place:
        write_json(file, asked)
        for part in schedule(settings):
            place.check()
            run = folder / part.name
            done = run_md(
                atoms, calculator, part.settings, run, resume=resume, progress=progress, provenance=provenance
            )
            if warned is not None:
                for warning in done.warnings:
                    warned(f"{part.name}: {warning}")
            atoms = to_ase(read_trajectory(run), last=True)[-1]
    return atoms
