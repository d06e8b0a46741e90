"""Whether a time between frames and a temperature can both be true of the paths.

Whatever forces act, the mean squared displacement of one time step is at most that of free flight,

    ⟨|r(t + Δt) − r(t)|²⟩ ≤ 3 k_B T Δt² / m,

because the autocorrelation of the velocity is never above its value at zero. Where displacements of two steps
in a row are nearly the same, atoms do fly freely between frames, and both sides must agree.
"""

from __future__ import annotations

import numpy as np
from ase import units

from superion.errors import InputError

Array = np.ndarray
IMPOSSIBLE = "NOT POSSIBLE"
"""How what is said of it begins."""
SAMPLES = 400
"""Pairs of steps that are looked at, evenly along the run."""
FASTER = 1.25
"""Kinetic energy of displacements, over that of the temperature, above which they contradict each other."""
SLOWER = 0.5
"""The same of free flight, below which they do."""
STRAIGHT = 0.9
"""Correlation of two steps in a row from which on atoms fly freely."""


def pace(positions: Array, masses: Array, timestep: float, kelvin: float) -> list[str]:
    """What contradicts a time between frames (fs) and a temperature (K), in words; empty if nothing does.

    positions: (F, N, 3) Å, unwrapped. masses: (N,) amu. Motion of the centre of mass is left out. Fewer than
    three frames or two atoms say nothing.
    """
    if timestep <= 0 or kelvin <= 0:
        raise InputError(f"timestep and temperature must be positive, found {timestep} fs and {kelvin} K.")
    if len(positions) < 3 or positions.shape[1] < 2:
        return []
    starts = np.unique(np.linspace(0, len(positions) - 3, SAMPLES).astype(int))
    weights = masses / masses.sum()
    energy = product = 0.0
    moving = np.zeros(len(masses), dtype=bool)
    for k in starts:
        first, second = np.diff(positions[k : k + 3], axis=0)
        moving |= first.any(axis=1)
        first, second = (step - weights @ step for step in (first, second))
        energy += float(masses @ (first**2).sum(axis=1))
        product += float(masses @ (first * second).sum(axis=1))
    if not energy:
        return []
    free = 3 * max(int(moving.sum()), 2) - 3
    found = energy / len(starts) / (free * units.kB * (timestep * units.fs) ** 2)
    straight = product / energy > STRAIGHT
    least = timestep * np.sqrt(found / kelvin)
    advice = (
        "--timestep is the time from frame to frame of the file: the time step of the dynamics times the "
        "steps between frames (VASP: POTIM times NBLOCK)."
    )
    if found > FASTER * kelvin:
        return [
            f"{IMPOSSIBLE}: between two frames atoms go farther than they can fly in {timestep:g} fs at "
            f"{kelvin:g} K. Frames are {'' if straight else 'at least '}{least:.2g} fs apart at this "
            f"temperature, or it is higher. {advice}"
        ]
    if straight and found < SLOWER * kelvin:
        return [
            f"{IMPOSSIBLE}: atoms fly freely from frame to frame, with the speed of {found:.2g} K if frames "
            f"are {timestep:g} fs apart, not of {kelvin:g} K. Frames are about {least:.2g} fs apart at this "
            f"temperature. {advice}"
        ]
    return []
