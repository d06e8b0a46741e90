"""What a run will need at least: refused before it begins if the machine cannot give it."""

from __future__ import annotations

import shutil
from pathlib import Path

from superion.errors import InputError
from superion.simulation.settings import MDSettings
from superion.sizes import bytes_text, check_size

FASTEST = 1e-6
"""Seconds for one atom and step that no model undercuts; fitted ones take 20 to 1000 times as long."""
_SERIES = 150
"""Bytes that a frame leaves in memory: its number, temperature, cell."""
_MANY = 10**200
"""Integers of settings may be of any length; those of floating point may not."""
_NUMBERS = {"velocities": 3, "charges": 1}
"""Numbers for each atom of a frame, beside the 3 of its position."""


def check_run(atoms: int, settings: MDSettings, folder: Path) -> None:
    """InputError if a run takes more than a year, or more memory or room on the disk than there is.

    The estimates are lower bounds: `FASTEST`, and frames of nothing but what is recorded.
    """
    steps = min(settings.steps + settings.equilibrate, _MANY)
    frames = steps // settings.sample_every + 1
    what = f"a run of {steps:.4g} steps of {atoms} atoms"
    check_size(
        what,
        size=frames * _SERIES,
        seconds=steps * atoms * FASTEST,
        remedy="ask for fewer steps: a nanosecond is 1e6 of 1 fs.",
    )
    each = atoms * (3 + sum(_NUMBERS.get(name, 0) for name in settings.record)) * 8
    place = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    free = shutil.disk_usage(place).free
    if frames * each > free:
        raise InputError(
            f"{what} writes about {bytes_text(frames * each)}; {bytes_text(free)} are free on the disk.",
            file=folder,
            remedy="write frames less often (sample_every, --sample-every), or run in another folder.",
        )
