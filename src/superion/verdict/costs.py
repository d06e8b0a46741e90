"""What the steps of a study cost, as its folder tells."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from superion.errors import SuperionError
from superion.files import read_json
from superion.results import read_result
from superion.verdict.plan import Costs
from superion.verdict.results import CensusFile

_RESAMPLED = re.compile(r"(.*)-resampled-(\d+)$|fit/resampled-(\d+)$")


def read_costs(folder: Path, settings: Mapping[str, Any]) -> Costs:
    """Costs of another resampled pair and of all runs, and how many trajectories there are."""
    seconds = _seconds(folder / "state.json")
    draws: dict[str, float] = {}
    for name, each in seconds.items():
        match = _RESAMPLED.match(name)
        if match is not None and not name.startswith(("dynamics/", "transport/")):
            number = match[2] or match[3]
            draws[number] = draws.get(number, 0.0) + each
    runs = [
        each for name, each in seconds.items() if name.startswith("dynamics/") and "-resampled-" not in name
    ]
    training, test, frames = _trajectories(folder / "census.json")
    return Costs(
        fit=sum(draws.values()) / len(draws) if draws else seconds.get("fit"),
        dynamics=sum(runs) if runs else None,
        nanoseconds=_length(settings.get("dynamics")),
        training=training,
        test=test,
        frames=frames,
    )


def _seconds(path: Path) -> dict[str, float]:
    """Seconds by step; nothing where the state cannot be read, which says so elsewhere."""
    try:
        found = read_json(path) if path.exists() else {}
    except SuperionError:
        return {}
    steps = found.get("steps") if isinstance(found, dict) else None
    each = steps.items() if isinstance(steps, dict) else ()
    return {
        name: float(record["seconds"])
        for name, record in each
        if isinstance(record, dict) and isinstance(record.get("seconds"), int | float)
    }


def _length(dynamics: Any) -> float | None:
    """Ns of one run."""
    if not isinstance(dynamics, Mapping):
        return None
    steps, step = dynamics.get("steps"), dynamics.get("timestep")
    known = isinstance(steps, int | float) and isinstance(step, int | float)
    return float(steps) * float(step) * 1e-6 if known and steps and step else None


def _trajectories(path: Path) -> tuple[int | None, int | None, float | None]:
    """How many trajectories are trained on and tested, and the frames of one on average."""
    found = read_result(path, CensusFile, "census") if path.exists() else None
    if found is None:
        return None, None, None
    drawn = found.resampling.units if found.resampling else []
    training = sum(each.count for each in drawn if each.of == "trajectory")
    training += sum(each.of == "block" for each in drawn)
    split = found.split
    test = len(split.test) if split and split.test else None
    counts = [*(split.train or {}).values(), *(split.test or {}).values()] if split else []
    frames = math.ceil(sum(counts) / len(counts)) if counts else None
    return training or None, test, frames
