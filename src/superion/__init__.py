"""Machine-learned interatomic potentials with long-range electrostatics for solid electrolytes."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from superion.potentials import (
        Calculator,
        FitSettings,
        KernelQEqSettings,
        Potential,
        fit_kqeq,
        fit_kqeq_gap,
    )
    from superion.potentials.fit import fit
    from superion.potentials.opening import open_model
    from superion.simulation import Trajectory, open_trajectory
    from superion.structures import read_frames, read_structure

__version__ = version("superion")
__all__ = [
    "Calculator",
    "FitSettings",
    "KernelQEqSettings",
    "Potential",
    "Trajectory",
    "__version__",
    "fit",
    "fit_kqeq",
    "fit_kqeq_gap",
    "open_model",
    "open_trajectory",
    "read_frames",
    "read_structure",
]

_ROOMS = {
    "Calculator": "superion.potentials",
    "FitSettings": "superion.potentials",
    "KernelQEqSettings": "superion.potentials",
    "Potential": "superion.potentials",
    "Trajectory": "superion.simulation",
    "fit": "superion.potentials",
    "fit_kqeq": "superion.potentials",
    "fit_kqeq_gap": "superion.potentials",
    "open_model": "superion.potentials.opening",
    "open_trajectory": "superion.simulation",
    "read_frames": "superion.structures",
    "read_structure": "superion.structures",
}


def __getattr__(name: str) -> Any:
    """Import public names when first used, so that the command line answers at once."""
    if name in _ROOMS:
        return getattr(import_module(_ROOMS[name]), name)
    raise AttributeError(f"module 'superion' has no attribute {name!r}")
