"""Whether the mean temperature of a run is what was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from superion.simulation.settings import MDSettings

Array = np.ndarray
Status = Literal["as asked", "off", "not judged"]
"""Of the mean temperature: within its error of what was asked for, not, or nothing was asked for."""

_BLOCKS = 10
_FEWEST = 20
"""Fewer frames are not averaged over: the spread of one of them is the error."""
_ERRORS = 4.0
_HARMLESS = 0.02
"""Part of a temperature that time steps of usual length take from it or add to it."""


@dataclass(frozen=True, slots=True)
class Temperature:
    """Mean temperature of a run and whether it is what was asked for.

    mean, std: K, over the frames; error: standard error of the mean, from blocks. target: K asked for (the
    mean of a ramp), None if nothing was. allowed: K by which the mean may be off, which is 4 standard errors
    and at least 2 %; at constant energy, in f degrees of freedom, at least 2 T/√f, twice the temperature
    that the fluctuation of the energy of a harmonic crystal amounts to.
    """

    mean: Annotated[float, Field(description="mean, K")]
    std: Annotated[float, Field(description="standard deviation over the frames, K")]
    error: Annotated[float, Field(description="standard error of the mean, K")]
    target: Annotated[float | None, Field(description="asked for, K")]
    allowed: Annotated[float, Field(description="by which the mean may be off, K")]
    status: Status


def judge_temperature(temperature: Array, steps: Array, settings: MDSettings, degrees: int) -> Temperature:
    """Compare temperatures (F,) K of production frames at `steps` (F,) with what was asked for."""
    target = (
        np.full(len(steps), settings.temperature)
        if settings.ramp_to is None
        else np.array([settings.target(int(step)) for step in steps])
    )
    off = temperature - target
    blocks = min(_BLOCKS, len(off) // 5)
    if len(off) >= _FEWEST:
        means = [part.mean() for part in np.array_split(off, blocks)]
        error = float(np.std(means, ddof=1)) / np.sqrt(blocks)
    else:
        error = float(off.std())
    wanted = float(target.mean())
    allowed = max(_ERRORS * error, _HARMLESS * wanted)
    if settings.ensemble == "nve":
        allowed = max(allowed, 2 * wanted / np.sqrt(degrees))
    given = settings.ensemble == "nve" and settings.keep_velocities and not settings.equilibrate
    if given or len(off) < 3:
        status: Status = "not judged"
    else:
        enough = len(off) >= _FEWEST
        status = "off" if abs(off.mean()) > allowed else "as asked" if enough else "not judged"
    return Temperature(
        mean=float(temperature.mean()),
        std=float(temperature.std()),
        error=float(error),
        target=None if given else wanted,
        allowed=float(allowed),
        status=status,
    )


def too_far(found: Temperature, settings: MDSettings) -> str:
    """The warning on a mean temperature that is not what was asked for, with its remedy."""
    said = (
        f"the mean temperature is {found.mean:.0f} ± {found.error:.0f} K where {found.target:.0f} K were "
        "asked for"
    )
    if settings.ensemble == "nve" and not settings.equilibrate:
        return (
            f"{said}: without equilibration, kinetic energy of the start becomes potential energy. "
            "Remedy: equilibrate (--equilibrate 2000), or use the ensemble nvt"
        )
    if found.mean > (found.target or 0.0):
        return (
            f"{said}: the start was strained, the time step is too long, or the model falls into a hole. "
            "Remedy: relax the start, equilibrate longer (--equilibrate, in YAML equilibrate), and look at "
            "the last frames"
        )
    return f"{said}. Remedy: equilibrate longer (--equilibrate, in YAML equilibrate), or run longer"
