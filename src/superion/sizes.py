"""What a command would need, looked at before it starts: memory and time against what there is."""

from __future__ import annotations

import os
from pathlib import Path

from superion.errors import InputError

STRUCTURE = 500
"""Bytes for each atom of a structure that is kept in memory, with its text in a file."""
EVALUATED = 10_000
"""Bytes for each atom of a structure that a model evaluates: its neighbours within about 6 Å."""
LONGEST = 365.25 * 86400
"""Seconds; what would take longer is a mistake."""
UNKNOWN = 1e12
"""Bytes that are taken for available where the system does not say."""


def available_memory() -> int | None:
    """Bytes that can still be had, within the limits of a container; None where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    table = {name: int(rest.split()[0]) * 1024 for name, _, rest in (line.partition(":") for line in lines)}
    free = table.get("MemAvailable")
    group = Path("/sys/fs/cgroup")
    if free is not None and os.access(group / "memory.max", os.R_OK):
        limit = (group / "memory.max").read_text().strip()
        if limit.isdecimal():
            free = min(free, int(limit) - int((group / "memory.current").read_text()))
    return free


def check_size(
    what: str, *, atoms: float = 0, each: float = STRUCTURE, size: float = 0, seconds: float = 0, remedy: str
) -> None:
    """InputError if something does not fit into memory or would take more than a year.

    what: subject of the error, as in "a 1000000x1x1 supercell". atoms: held at once, of `each` bytes
    (`STRUCTURE`, `EVALUATED`). size: further bytes. seconds: estimate of the time. Call it before anything
    of this size is made; integers of Python may be of any length.
    """
    atoms, size, seconds = (min(value, 1e300) for value in (atoms, size, seconds))
    needed, free = atoms * each + size, available_memory()
    limit = UNKNOWN if free is None else free
    if needed > limit:
        count = f"has {atoms:.4g} atoms and " if atoms else ""
        raise InputError(
            f"{what} {count}needs about {bytes_text(needed)} of memory; {bytes_text(limit)} are available.",
            remedy=remedy,
        )
    if seconds > LONGEST:
        raise InputError(f"{what} would take about {time_text(seconds)}.", remedy=remedy)


def bytes_text(size: float) -> str:
    """`3.2 GB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"


def time_text(seconds: float) -> str:
    """`12 s`, `3.4 min`, `5 h`, `2 days` or `3e+04 years`."""
    for unit, longest in (("s", 60), ("min", 60), ("h", 24), ("days", 365.25)):
        if seconds < 2 * longest:
            return f"{seconds:.3g} {unit}"
        seconds /= longest
    return f"{seconds:.3g} years"
