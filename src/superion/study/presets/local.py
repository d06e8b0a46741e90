"""Sparse Gaussian processes: the local term alone, or on top of fixed terms."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial

from ase import Atoms

from superion.potentials import FitSettings, estimate_memory, fit
from superion.potentials.executors import open_executor
from superion.study.display import say
from superion.study.presets import fixed_terms
from superion.study.presets.base import FitPreset, Options
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


LOCAL = (
    FitPreset("gap", "local Gaussian process", FitSettings, partial(_gap, "gap"), READS),
    FitPreset(
        "es-gap",
        "the same on top of electrostatics (--charges)",
        FitSettings,
        partial(_gap, "es-gap"),
        READS | {"charges", "screening"},
    ),
)
