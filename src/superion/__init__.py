"""Machine-learned interatomic potentials with long-range electrostatics for solid electrolytes.

>>> import superion
>>> potential = superion.fit("train.extxyz", preset="gap")           # doctest: +SKIP
>>> atoms.calc = superion.Calculator(potential)                      # doctest: +SKIP
>>> superion.transport("run", species="Li")                          # doctest: +SKIP

`dir(superion)` lists what there is; the same stands in the documentation, with an example for each.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from superion.active_learning.opened import open_training
    from superion.analysis.conductivity import transport_of as transport
    from superion.calculations.defects import DefectSettings, run_defects
    from superion.conformance import check
    from superion.potentials import (
        Calculator,
        FitSettings,
        KernelQEqSettings,
        Potential,
        fit_kqeq,
        fit_kqeq_gap,
    )
    from superion.potentials.opening import open_model
    from superion.recipes.fit import fit
    from superion.results import read_result
    from superion.simulation import MDSettings, Trajectory, open_trajectory, run_md
    from superion.structures import read_frames, read_structure
    from superion.study import StudySettings, read_study, run_study
    from superion.study.opened import open_study
    from superion.verdict import study_verdicts

__version__ = version("superion")
__all__ = [
    "Calculator",
    "DefectSettings",
    "FitSettings",
    "KernelQEqSettings",
    "MDSettings",
    "Potential",
    "StudySettings",
    "Trajectory",
    "__version__",
    "check",
    "fit",
    "fit_kqeq",
    "fit_kqeq_gap",
    "open_model",
    "open_study",
    "open_training",
    "open_trajectory",
    "read_frames",
    "read_result",
    "read_structure",
    "read_study",
    "run_defects",
    "run_md",
    "run_study",
    "study_verdicts",
    "transport",
]

_HOMES = {
    "Calculator": "superion.potentials",
    "DefectSettings": "superion.calculations.defects",
    "FitSettings": "superion.potentials",
    "KernelQEqSettings": "superion.potentials",
    "MDSettings": "superion.simulation",
    "Potential": "superion.potentials",
    "StudySettings": "superion.study",
    "Trajectory": "superion.simulation",
    "check": "superion.conformance",
    "fit": "superion.recipes.fit",
    "fit_kqeq": "superion.potentials",
    "fit_kqeq_gap": "superion.potentials",
    "open_model": "superion.potentials.opening",
    "open_study": "superion.study.opened",
    "open_training": "superion.active_learning.opened",
    "open_trajectory": "superion.simulation",
    "read_frames": "superion.structures",
    "read_result": "superion.results",
    "read_structure": "superion.structures",
    "read_study": "superion.study",
    "run_defects": "superion.calculations.defects",
    "run_md": "superion.simulation",
    "run_study": "superion.study",
    "study_verdicts": "superion.verdict",
    "transport": "superion.analysis.conductivity:transport_of",
}
"""Where public names live, `module` or `module:name`."""


def __getattr__(name: str) -> Any:
    """Import public names when first used, so that the command line answers at once."""
    if name not in _HOMES:
        raise AttributeError(f"module 'superion' has no attribute {name!r}")
    module, _, own = _HOMES[name].partition(":")
    return getattr(import_module(module), own or name)


def __dir__() -> list[str]:
    """What there is, also before it is imported."""
    return sorted(__all__)
