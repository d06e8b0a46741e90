"""Molecular dynamics that can be killed and resumed."""

from superion.simulation.electric import ElectricSettings
from superion.simulation.md import run_md
from superion.simulation.opening import open_trajectory
from superion.simulation.settings import MDSettings
from superion.simulation.summary import MDResult, summary_of
from superion.simulation.trajectory import (
    Trajectory,
    read_trajectory,
    to_ase,
    write_extxyz,
    write_frames_of,
)

__all__ = [
    "ElectricSettings",
    "MDResult",
    "MDSettings",
    "Trajectory",
    "open_trajectory",
    "read_trajectory",
    "run_md",
    "summary_of",
    "to_ase",
    "write_extxyz",
    "write_frames_of",
]
