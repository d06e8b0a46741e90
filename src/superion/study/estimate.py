"""What a study asks for, looked at before anything is computed."""

from __future__ import annotations

from math import prod
from pathlib import Path

from superion.errors import InputError, SuperionError
from superion.simulation import MDSettings
from superion.simulation.estimate import check_run
from superion.sizes import check_size
from superion.structures import read_structure
from superion.structures.bare import check_supercell
from superion.study.config import StructureSettings, StudySettings

_STEP = 20_000
"""Bytes that the record of a step takes."""


def study_faults(settings: StudySettings, folder: Path) -> list[str]:
    """Every part of a study that this machine cannot do: fits, supercell, runs."""
    faults = []
    fits = min(settings.fits.count, 10**200) * len(settings.models)
    try:
        check_size(
            f"fits.count: {fits:.4g} fits",
            size=fits * _STEP,
            seconds=fits,  # none takes less than a second
            remedy="set fits.count to some 10.",
        )
    except InputError as error:
        faults.append(str(error))
    if settings.dynamics is None or settings.structure is None:
        return faults
    runs = [settings.dynamics.at(t) for t in settings.temperatures]
    return faults + dynamics_faults(settings.structure, runs, folder)


def dynamics_faults(structure: StructureSettings, runs: list[MDSettings], folder: Path) -> list[str]:
    """What speaks against runs from a structure: its supercell, or one of them."""
    try:
        atoms = len(read_structure(structure.file, "-1"))
    except (SuperionError, OSError):
        return []  # the step that reads it says why
    try:
        check_supercell(atoms, structure.supercell)
        for run in runs:
            check_run(atoms * prod(structure.supercell), run, folder)
    except InputError as error:
        return [str(error)]
    return []
