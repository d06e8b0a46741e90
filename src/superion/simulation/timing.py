"""When the frames of a foreign trajectory were, and how hot: what is said is used, nothing is guessed."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from superion.errors import InputError
from superion.structures.formats.stream import Snapshot, Stream

Array = np.ndarray
SAME = 0.01
"""Relative difference of two numbers that say the same."""
EVEN = 1e-3
"""Relative difference of times between frames that are even."""
SINGLE = 5e-7
"""Rounding of times that are written in single precision."""
_BLOCKS, _ERRORS = 10, 4.0


@dataclass(frozen=True, slots=True)
class Given:
    """What the user says: timestep, fs from frame to frame of the file, and temperature, K."""

    timestep: float | None = None
    temperature: float | None = None

    def __post_init__(self) -> None:
        for name in ("timestep", "temperature"):
            value = getattr(self, name)
            if value is not None and not 1e-6 <= value <= 1e9:
                raise InputError(
                    f"--{name} must be a positive number, found {value}.",
                    remedy=f"write {'fs from frame to frame' if name == 'timestep' else 'kelvin'}.",
                )


def check_said(stream: Stream, first: Snapshot, given: Given, needed: Sequence[str]) -> None:
    """InputError that asks for all that is needed and nobody says, before the file is read to its end."""
    missing = []
    if "timestep" in needed and given.timestep is None and stream.timestep is None and first.time is None:
        missing.append(
            (
                f"the time between frames ({stream.untimed})"
                if stream.untimed
                else "the time between frames",
                "--timestep FS (from frame to frame of the file: time step times steps between frames)",
            )
        )
    cold = stream.temperature is None and first.temperature is None
    if "temperature" in needed and given.temperature is None and (cold or stream.ramp):
        why = f"its temperature ({stream.ramp})" if stream.ramp else "its temperature"
        missing.append((why, "--temperature K"))
    if missing:
        raise InputError(
            f"does not say {' nor '.join(what for what, _ in missing)}.",
            file=stream.path,
            remedy=f"say it: {' and '.join(option for _, option in missing)}; in Python timestep=… "
            "and temperature=….",
        )


def frame_times(
    stream: Stream, places: Array, steps: Array | None, times: Array | None, given: Given
) -> tuple[Array, str]:
    """Times (F,) fs of the frames that stand at `places` (F,) in their file, and who says so.

    steps, times: of the file, None if it has none. NaN where nobody says. Raises InputError for frames that
    are not evenly spaced; warns where the file contradicts what is given, which is taken.
    """
    if times is not None and (len(times) < 2 or not np.ptp(times)):
        times = None
    for series, what, unit in ((times, "times", " fs"), (steps, "steps", "")):
        if series is not None:
            _refuse_uneven(stream.path, places, series, what, unit)
            break
    stated = None
    if times is not None:
        stated, where = float(times[-1] - times[0]) / float(places[-1] - places[0]), "`time` of its frames"
    elif stream.timestep is not None:
        stated, where = stream.timestep.value, stream.timestep.where
    if given.timestep is not None:
        if stated is not None and abs(given.timestep - stated) > SAME * stated:
            warnings.warn(
                f"{stream.path}: its frames are {stated:.6g} fs apart by its {where}, but {given.timestep:g} "
                "fs were said (--timestep), and are taken.",
                stacklevel=4,
            )
        return given.timestep * places, "as said"
    if stated is None:
        return np.full(len(places), np.nan), "not known"
    return (times if times is not None else stated * places), where


def _refuse_uneven(path: Path, places: Array, series: Array, what: str, unit: str) -> None:
    if len(series) < 3:
        return
    gaps = np.diff(series) / np.diff(places)
    usual = float(np.median(gaps))
    limit = np.maximum(EVEN * abs(usual), SINGLE * np.abs(series[1:]))
    uneven = np.abs(gaps - usual) > limit
    if usual > 0 and not uneven.any():
        return
    bad = np.flatnonzero(uneven) if usual > 0 else np.arange(len(gaps))
    edges = np.concatenate([[-1], bad, [len(gaps)]])
    longest = int(np.diff(edges).argmax())
    start, stop = int(places[edges[longest] + 1]), int(places[edges[longest + 1]])
    k = int(bad[0])
    remedy = "write frames at a fixed interval."
    if usual > 0 and stop > start:
        remedy = f"take the longest part that is even: --frames {start}:{stop + 1}."
    raise InputError(
        f"its frames are not evenly spaced: {what} go from {series[k]:.10g} to {series[k + 1]:.10g}{unit} "
        f"here, by {usual:.6g}{unit} elsewhere.",
        file=path,
        frame=int(places[k + 1]),
        remedy=remedy,
    )


def temperature_of(stream: Stream, temperatures: Array | None, given: Given) -> tuple[float | None, str]:
    """Temperature (K) to analyse at, None if nobody says, and who says so.

    temperatures: (F,) K of the velocities, None without. Warns where the file contradicts what is given.
    """
    mean = error = None
    if temperatures is not None and not stream.ramp:
        mean = float(temperatures.mean())
        blocks = min(_BLOCKS, len(temperatures))
        parts = [part.mean() for part in np.array_split(temperatures, blocks)]
        error = float(np.std(parts, ddof=1)) / np.sqrt(blocks) if blocks > 1 else mean
    stated, where = None, ""
    if stream.temperature is not None:
        stated, where = stream.temperature.value, stream.temperature.where
    for value, name in ((stated, where), (mean, "velocities")):
        if value is None or given.temperature is None:
            continue
        allowed = max(2 * SAME * value, _ERRORS * error if name == "velocities" and error else 0.0)
        if abs(given.temperature - value) > allowed:
            warnings.warn(
                f"{stream.path}: its temperature is {value:.4g} K by its {name}, but {given.temperature:g} K "
                "were said (--temperature), and are taken.",
                stacklevel=4,
            )
            break
    if given.temperature is not None:
        return given.temperature, "as said"
    if stated is not None and (
        mean is None or abs(mean - stated) <= max(2 * SAME * stated, _ERRORS * (error or 0.0))
    ):
        return stated, where
    return mean, "mean of its velocities" if mean is not None else "not known"
