"""From trajectory folders of runs in fields to dielectric constants."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from superion.analysis.dielectric import from_displacements, from_fields, from_fluctuations
from superion.errors import InputError
from superion.simulation import ElectricSettings, Trajectory

Array = np.ndarray
Runs = Sequence[tuple[Path, Trajectory]]


def analyse(runs: Runs, *, epsilon_inf: float | None = None, blocks: int = 10) -> dict[str, Any]:
    """Dielectric constants, JSON-ready.

    runs: one entry for each run, from its fluctuations. response: from the mean dipole at different constant
    fields, or from the mean field at different constant displacements, of runs that began from one structure;
    None for a single run. epsilon_inf: electronic part; if not given, that of the settings of each run.
    """
    entries, chosen = [], []
    for folder, trajectory in runs:
        settings = electric_settings(trajectory, folder)
        chosen.append(settings)
        assert trajectory.tracked_dipole is not None
        found = from_fluctuations(
            trajectory.tracked_dipole,
            _volume(trajectory, folder),
            _kelvin(trajectory),
            epsilon_inf=epsilon_inf or settings.epsilon_inf,
            constant_d=settings.at_constant_d.tolist(),
            blocks=blocks,
        )
        entries.append(
            {
                "run": str(folder),
                "epsilon": found.mean,
                "error": found.mean_error,
                "tensor": found.tensor.tolist(),
                "tensor_error": found.error.tolist(),
                "notes": list(found.notes),
            }
        )
    return {"runs": entries, "response": _response(runs, chosen, epsilon_inf, blocks)}


def electric_settings(trajectory: Trajectory, folder: Path) -> ElectricSettings:
    """The electric settings of a run; InputError if it has none."""
    recorded = trajectory.meta["settings"].get("electric")
    if recorded is None or trajectory.tracked_dipole is None:
        raise InputError(
            "the run has no tracked dipole.",
            file=folder,
            remedy="run it with --field 0,0,0 (or another field, or a displacement).",
        )
    return ElectricSettings.model_validate(recorded)


def _response(
    runs: Runs, settings: Sequence[ElectricSettings], epsilon_inf: float | None, blocks: int
) -> dict[str, Any] | None:
    if len(runs) < 2:
        return None
    first, trajectory = runs[0]
    for folder, other in runs[1:]:
        if other.meta["start"] != trajectory.meta["start"]:
            raise InputError(
                f"the run began from another structure than {first}: their dipoles have other origins.",
                file=folder,
                remedy="start all runs from the same structure, or look at one run at a time.",
            )
    kinds = {tuple(one.at_constant_d.tolist()) for one in settings}
    if len(kinds) > 1:
        raise InputError(
            "some runs have a constant displacement where others have a constant field.",
            remedy="compare runs of one kind.",
        )
    if any(next(iter(kinds))):
        vacuum = np.array([[d or 0.0 for d in one.displacement] for one in settings])
        fields = [run.electric_field for _, run in runs if run.electric_field is not None]
        value, error = from_displacements(vacuum, fields, blocks=blocks)
        return {"epsilon": value, "error": error, "constant": "constant displacements"}
    dipoles = [run.tracked_dipole for _, run in runs if run.tracked_dipole is not None]
    value, error = from_fields(
        np.array([one.field for one in settings]),
        dipoles,
        _volume(trajectory, first),
        epsilon_inf=epsilon_inf or 1.0,
        blocks=blocks,
    )
    return {"epsilon": value, "error": error, "constant": "constant fields"}


def _volume(trajectory: Trajectory, folder: Path) -> float:
    volume = abs(float(np.linalg.det(trajectory.cells[0])))
    if volume == 0:
        raise InputError("a dielectric constant needs a cell with a volume.", file=folder)
    return volume


def _kelvin(trajectory: Trajectory) -> float:
    settings = trajectory.meta["settings"]
    return float(trajectory.temperature.mean() if settings["ensemble"] == "nve" else settings["temperature"])
