"""From trajectories and transport results to what an Arrhenius line needs, every fault named at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from math import gcd
from pathlib import Path
from typing import Any

import numpy as np
from ase.data import chemical_symbols

from superion.analysis.conductivity import conductivity
from superion.analysis.pace import IMPOSSIBLE
from superion.analysis.transport_file import TransportFile
from superion.analysis.transport_result import TransportResult
from superion.analysis.transport_settings import TransportSettings
from superion.errors import InputError, SuperionError
from superion.results import read_result
from superion.simulation import Trajectory
from superion.simulation.chunks import META, read_meta

SAME = 0.05
"""Relative difference of a temperature that is said and one that the run had."""
Open = Callable[[Path, float | None], Trajectory]
"""From a path and a temperature (K), if one was said, to the trajectory."""


def read_runs(
    paths: Sequence[Path], kelvins: Sequence[float], opened: Open, settings: TransportSettings
) -> tuple[list[TransportResult], list[str], list[str], str]:
    """Results of all runs, their names, notes, and the composition ("" where no trajectory tells it).

    paths: folders of runs, files of other programs, results (.json). kelvins: one for each, or none. A run
    that is too short is left out, with a note. Raises one InputError for all that is wrong before anything is
    analysed: files that are missing, temperatures that disagree, other compositions or charges of the cell.
    """
    _before(paths, kelvins)
    results, names, notes, faults = [], [], [], []
    composed: dict[str, str] = {}
    charged: dict[str, Any] = {}
    steps: dict[float, str] = {}
    for k, path in enumerate(paths):
        said = kelvins[k] if kelvins else None
        if path.suffix == ".json":
            found = _result(path)
            if said is not None and abs(said - found.temperature) > SAME * said:
                faults.append(f"{path} is at {found.temperature:.4g} K, not {said:g} K")
            results.append(found)
            names.append(str(path))
            continue
        run = opened(path, None if (path / META).exists() else said)
        composed[str(path)] = composition(run)
        charged[str(path)] = run.meta.get("stated", {}).get("charge", 0) or 0
        if step := run.meta.get("settings", {}).get("timestep"):
            steps.setdefault(float(step), str(path))
        kelvin = run.kelvin
        measured = None if run.temperature is None else float(np.mean(run.temperature))
        for other, what in ((said, "said to be"), (measured, "in its frames")):
            if other is not None and abs(other - kelvin) > SAME * kelvin:
                faults.append(f"{path} is at {kelvin:.4g} K, {what} {other:.4g} K")
        try:
            found = conductivity(run, settings)
        except SuperionError as error:
            notes.append(f"{path}: left out: {error.problem.rstrip('.')}.")
            continue
        faults += [f"{path}: {note}" for note in found.notes if note.startswith(IMPOSSIBLE)]
        results.append(found)
        names.append(str(path))
    for what, each in (("composition", composed), ("charge of the cell", charged)):
        if len({str(value) for value in each.values()}) > 1:
            faults.append(f"the {what} differs: " + ", ".join(f"{value} in {p}" for p, value in each.items()))
    if faults:
        raise InputError(
            "; ".join(faults) + ".",
            remedy="give runs of one crystal; say of files of other programs the temperature of "
            "each, in the order of "
            "the runs (--temperatures 600,800), and the time between frames (--timestep).",
        )
    if len(steps) > 1:
        notes.append(
            "time steps of the dynamics differ: " + ", ".join(f"{step:g} fs in "
                                                              f"{path}" for step, path in steps.items())
            + "; a step that is too long heats the fast atoms of the hot runs first."
        )  # fmt: skip
    if not results:
        raise InputError(
            f"no run could be analysed: {' '.join(notes)}", remedy="run longer, or write frames more often."
        )
    return results, names, notes, next(iter(composed.values()), "")


def _before(paths: Sequence[Path], kelvins: Sequence[float]) -> None:
    """InputError for what is wrong before a trajectory is read."""
    faults = [f"{path} does not exist" for path in paths if not path.exists()]
    if kelvins and len(kelvins) != len(paths):
        faults.append(f"{len(kelvins)} temperatures for {len(paths)} runs")
    faults += [f"a temperature of {kelvin:g} K" for kelvin in kelvins if not 0 < kelvin < np.inf]
    recorded = [
        read_meta(path)["settings"].get("temperature") if (path / META).exists() else None for path in paths
    ]
    for path, found, said in zip(paths, recorded, kelvins, strict=False):
        if found is not None and abs(found - said) > SAME * said:
            faults.append(f"{path} is at {found:g} K, not {said:g} K")
    known = list(kelvins) or recorded
    if known and None not in known and len(set(known)) == 1:
        faults.append(f"all runs are at {known[0]:g} K, and one temperature has no slope")
    if faults:
        raise InputError(
            "; ".join(faults) + ".",
            remedy="name runs that exist, at two or more temperatures; --temperatures gives one "
            "temperature in K for each run, "
            "in their order.",
        )


def _result(path: Path) -> TransportResult:
    found = read_result(path)
    if isinstance(found, TransportFile):
        return found.result
    if not isinstance(found, TransportResult):
        raise InputError(
            f"holds a result of the kind {found.kind!r}, not of transport.",
            file=path,
            remedy="give what `superion transport --json` writes, or a file of transport/ in a study.",
        )
    return found


def composition(run: Trajectory) -> str:
    """Reduced formula, elements in alphabetical order, such as Li7P3S11."""
    return composition_of(run.numbers)


def composition_of(atomic: np.ndarray) -> str:
    """The same of atomic numbers (N,)."""
    numbers, counts = np.unique(atomic, return_counts=True)
    whole = dict(sorted((chemical_symbols[z], int(n)) for z, n in zip(numbers, counts, strict=True)))
    factor = reduce(gcd, whole.values())
    return "".join(f"{symbol}{n // factor if n != factor else ''}" for symbol, n in whole.items())
