"""Sparse Gaussian processes: the local term alone, or on top of fixed terms."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial

from ase import Atoms
from pydantic import BaseModel, Field

from superion.potentials import FitSettings, estimate_memory, fit
from superion.potentials.executors import open_executor
from superion.study.display import say
from superion.study.electrostatics import ElectrostaticsSettings
from superion.study.presets import fixed_terms
from superion.study.presets.base import STRICT, FitPreset, Options
from superion.study.qeq import QEqSettings
from superion.terms import Term

READS = frozenset({"repulsion", "workers", "executor", "seed"})


def fit_local(
    name: str, fixed: Sequence[Term], frames: Sequence[Atoms], settings: FitSettings, options: Options
) -> list[Term]:
    """The fixed terms and the local term fitted to what they leave."""
    memory = estimate_memory(settings, frames, 1 if options.executor else options.workers)
    say(f"The fit will use up to {memory / 1e9:.1f} GB of memory.", options.progress)
    where = open_executor(options.executor) if options.executor else nullcontext((None, options.workers))
    with where as (pool, count):
        return fit(frames, settings, {name: fixed}, workers=count, executor=pool, progress=options.progress)[
            name
        ]


def _gap(name: str, frames: Sequence[Atoms], settings: FitSettings, options: Options) -> list[Term]:
    fixed = fixed_terms(name, frames, options.electrostatics, repulsion=options.repulsion)
    return fit_local(name, fixed, frames, settings, options)


class QEqGapSettings(BaseModel):
    """Charge equilibration with tabulated parameters, and a local term on top of it."""

    model_config = STRICT

    qeq: QEqSettings = Field(QEqSettings(), description="parameters of the charge equilibration")
    fit: FitSettings = Field(FitSettings(), description="the local term and its fit")


def _qeq_gap(frames: Sequence[Atoms], settings: QEqGapSettings, options: Options) -> list[Term]:
    cells = options.electrostatics.charged_cells
    charges = ElectrostaticsSettings(charges="qeq", qeq=settings.qeq, charged_cells=cells)
    fixed = fixed_terms("es-gap", frames, charges, repulsion=options.repulsion)
    return fit_local("qeq-gap", fixed, frames, settings.fit, options)


LOCAL = (
    FitPreset(
        "gap",
        "local Gaussian process",
        FitSettings,
        partial(_gap, "gap"),
        READS,
        baseline=lambda settings: settings.baseline,
        long_range=False,
    ),
    FitPreset(
        "es-gap",
        "the same on top of electrostatics (--charges)",
        FitSettings,
        partial(_gap, "es-gap"),
        READS | {"charges", "screening", "charged-cells"},
        baseline=lambda settings: settings.baseline,
    ),
    FitPreset(
        "qeq-gap",
        "the same on top of charges equilibrated with tabulated parameters",
        QEqGapSettings,
        _qeq_gap,
        READS | {"charged-cells"},
        ("fit", "seed"),
        baseline=lambda settings: settings.fit.baseline,
    ),
)
