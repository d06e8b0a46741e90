"""Sparse Gaussian processes: the local term alone, or on top of fixed terms."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from ase import Atoms
from pydantic import BaseModel, Field

from superion.display import say
from superion.electrostatics.tabulated_equilibration import QEqSettings
from superion.model import Charges
from superion.potentials import FitSettings, estimate_memory, fit
from superion.potentials.repulsion import Repulsion
from superion.recipes.base import STRICT, Job, Options, Recipe
from superion.recipes.electrostatics import ElectrostaticsSettings, electrostatic_terms
from superion.terms import Term
from superion.work.executors import open_executor

READS = frozenset({"repulsion", "workers", "executor", "seed"})


@dataclass(frozen=True, slots=True)
class Parts:
    """What a recipe stands on: terms that are subtracted from the labels, and the fit of what they leave.

    fixed: of frames, settings and options. local: the part of the settings that the local fit has.
    """

    fixed: Callable[[Sequence[Atoms], Any, Options], Sequence[Term]]
    local: Callable[[Any], FitSettings]


def fit_together(frames: Sequence[Atoms], jobs: Mapping[str, Job]) -> dict[str, list[Term]]:
    """Local terms on top of different fixed ones, from one design matrix where their settings are alike."""
    groups: dict[Any, dict[str, Job]] = {}
    for name, job in jobs.items():
        key = job.recipe.parts.local(job.settings), job.options.executor, job.options.workers
        groups.setdefault((key[0].model_dump_json(), *key[1:]), {})[name] = job
    found: dict[str, list[Term]] = {}
    for group in groups.values():
        first = next(iter(group.values()))
        fixed = {
            name: job.recipe.parts.fixed(job.options.whole or frames, job.settings, job.options)
            for name, job in group.items()
        }
        found |= fit_local(fixed, frames, first.recipe.parts.local(first.settings), first.options)
    return found


def fit_local(
    fixed: Mapping[str, Sequence[Term]], frames: Sequence[Atoms], settings: FitSettings, options: Options
) -> dict[str, list[Term]]:
    """Fixed terms by name, and the local terms fitted to what they leave."""
    memory = estimate_memory(settings, frames, 1 if options.executor else options.workers, len(fixed))
    say(f"The fit will use up to {memory / 1e9:.1f} GB of memory.", options.progress)
    with open_executor(options.executor) if options.executor else nullcontext() as pool:
        count = options.workers if pool is None else pool.slots
        return fit(frames, settings, fixed, workers=count, executor=pool, progress=options.progress)


def gap_recipe(
    name: str,
    about: str,
    settings: type[BaseModel] = FitSettings,
    *,
    fixed: Callable[[Sequence[Atoms], Any, Options], Sequence[Term]],
    local: Callable[[Any], FitSettings] = lambda settings: settings,
    within: str | None = None,
    reads: frozenset[str] = READS,
    long_range: bool | None = True,
    charges: Charges | None = None,
) -> Recipe:
    """A recipe of fixed terms, and of a sparse Gaussian process fitted to what they leave.

    fixed: terms, of labelled frames, settings and options. local: the part of the settings that is the fit;
    within: its key, if it is not all of them.
    """
    inside = () if within is None else (within,)
    parts = Parts(fixed, local)

    def fit_alone(frames: Sequence[Atoms], settings: BaseModel, options: Options) -> list[Term]:
        return fit_together(frames, {name: Job(recipe, settings, options)})[name]

    recipe = Recipe(
        name=name,
        about=about,
        settings=settings,
        fit=fit_alone,
        reads=reads,
        seed=(*inside, "seed"),
        uncertainty=(*inside, "uncertainty"),
        quality=(*inside, "quality"),
        baseline=lambda settings: local(settings).baseline,
        force_sigma=lambda settings: local(settings).sigma.force,
        long_range=long_range,
        charges=charges,
        fit_together=fit_together,
        parts=parts,
    )
    return recipe


def _wall(frames: Sequence[Atoms], options: Options) -> list[Term]:
    """Short-range repulsion below the shortest distances in the frames, if it is wanted."""
    return [Repulsion.below(frames)] if options.repulsion else []


def _nothing(frames: Sequence[Atoms], settings: FitSettings, options: Options) -> list[Term]:
    return _wall(frames, options)


def _charges(frames: Sequence[Atoms], settings: FitSettings, options: Options) -> list[Term]:
    return [*electrostatic_terms(options.electrostatics, frames), *_wall(frames, options)]


class QEqGapSettings(BaseModel):
    """Charge equilibration with tabulated parameters, and a local term on top of it."""

    model_config = STRICT

    qeq: QEqSettings = Field(QEqSettings(), description="parameters of the charge equilibration")
    fit: FitSettings = Field(FitSettings(), description="the local term and its fit")


def _equilibrated(frames: Sequence[Atoms], settings: QEqGapSettings, options: Options) -> list[Term]:
    cells = options.charged_cells or options.electrostatics.charged_cells
    charges = ElectrostaticsSettings(charges="qeq", qeq=settings.qeq, charged_cells=cells)
    return [*electrostatic_terms(charges, frames), *_wall(frames, options)]


LOCAL = (
    gap_recipe("gap", "local Gaussian process", fixed=_nothing, long_range=False),
    gap_recipe(
        "es-gap",
        "the same on top of electrostatics (--charges)",
        fixed=_charges,
        reads=READS | {"charges", "screening", "charged-cells"},
    ),
    gap_recipe(
        "qeq-gap",
        "the same on top of charges equilibrated with tabulated parameters",
        QEqGapSettings,
        fixed=_equilibrated,
        local=lambda settings: settings.fit,
        within="fit",
        reads=READS | {"charged-cells"},
        charges="equilibrated",
    ),
)
