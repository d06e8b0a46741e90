"""What a recipe is, by which `superion fit --preset NAME` makes a model: its settings, and its fit.

A package of somebody else's adds one by an entry point in the group `superion.recipes` (CONTRIBUTING.md).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ase import Atoms
from pydantic import BaseModel, ConfigDict

from superion.electrostatics.charged_cells import ChargedCells
from superion.errors import InputError
from superion.model import Charges
from superion.recipes.electrostatics import ElectrostaticsSettings
from superion.terms import Term

if TYPE_CHECKING:
    from superion.recipes.on_base import Base

Settings = TypeVar("Settings", bound=BaseModel)
STRICT = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


@dataclass(frozen=True, slots=True)
class Options:
    """What a command says beside the settings of a recipe.

    repulsion: add one below the distances of the data. workers: threads. executor: where parts
    of the data are reduced, as `--executor` has it. device: cpu or cuda. checkpoint: file of a training that
    can be resumed. charged_cells: as `--charged-cells` has it; of gap recipes a part of `electrostatics`.
    whole: the frames out of which those that are fitted were drawn, None for themselves; fixed terms are set
    by them. base: model whose labels are taken off first, and which the terms are added to.
    """

    electrostatics: ElectrostaticsSettings = field(default_factory=ElectrostaticsSettings)
    repulsion: bool = True
    workers: int = 1
    executor: str | None = None
    device: str = "cpu"
    checkpoint: Path | None = None
    charged_cells: str | None = None
    progress: bool = False
    whole: Sequence[Atoms] | None = None
    base: Base | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One kind of model that `superion fit` makes.

    about: one line. settings: the model of its YAML file. fit: labelled frames, settings and options in,
    terms of a potential out. reads: options that it heeds, by their names on the command line. seed: where
    in the settings the seed is. uncertainty: where they say whether deviations are predicted, if they do.
    quality: where they choose defaults by name, if they do.
    potential: whether its energies are those of the labels; otherwise charges and dipoles alone can be
    compared with labels, and no frame needs an energy or forces. completed: the settings with defaults that
    depend on the frames. baseline: how its settings have energies of elements found, as
    `FitSettings.baseline`. force_sigma: the error of force labels (eV/Å) that they have the fit assume.
    long_range: whether its energy holds electrostatics; None if nothing tells.
    charges: of which kind these are, as a verdict has it; None where settings or nothing tell.
    learns_charges: whether its charges are fitted, which then are checked with the data (long_range.py).
    fit_together: fits several jobs to the same frames at less cost than one after the other, of all recipes
    that have this very function; parts: what it needs to know of this one.
    """

    name: str
    about: str
    settings: type[BaseModel]
    fit: Callable[[Sequence[Atoms], Any, Options], list[Term]]
    reads: frozenset[str] = frozenset()
    seed: tuple[str, ...] | None = None
    uncertainty: tuple[str, ...] | None = None
    quality: tuple[str, ...] | None = None
    potential: bool = True
    completed: Callable[[Any, Sequence[Atoms]], BaseModel] = lambda settings, _: settings
    baseline: Callable[[Any], str] = lambda _: "auto"
    force_sigma: Callable[[Any], float] = lambda _: 0.0
    long_range: bool | None = None
    charges: Charges | None = None
    learns_charges: bool = False
    fit_together: Callable[[Sequence[Atoms], Mapping[str, Job]], dict[str, list[Term]]] | None = None
    parts: Any = None

    def seeded(self, settings: BaseModel, seed: int) -> BaseModel:
        """The settings with another seed, if there is one."""
        return settings if self.seed is None else _replaced(settings, self.seed, seed)

    def of_quality(self, given: Mapping[str, Any], quality: str) -> dict[str, Any]:
        """Keys of its settings as a user gives them, with a quality; InputError if it has none."""
        if self.quality is None:
            raise InputError(
                f"the preset {self.name} has no quality to choose.",
                remedy=f"its settings are listed by `superion schema fit --preset {self.name}`.",
            )
        return _with(given, self.quality, quality)

    @property
    def within(self) -> tuple[str, ...]:
        """Where in the settings those of its Gaussian process are, if it has a quality."""
        return (self.quality or ())[:-1]

    def with_local(self, settings: BaseModel, local: BaseModel) -> BaseModel:
        """The settings with others of its Gaussian process."""
        return _replaced(settings, self.within, local) if self.within else local

    def predicts_deviations(self, settings: BaseModel) -> bool:
        """Whether a model that is fitted with these settings predicts its standard deviations."""
        value: Any = settings
        for name in self.uncertainty or ():
            value = getattr(value, name)
        return self.uncertainty is not None and bool(value)

    def resampled(self, settings: BaseModel, seed: int) -> BaseModel:
        """The settings for one of many fits whose spread is wanted: another seed, no deviations."""
        found = self.seeded(settings, seed)
        return found if self.uncertainty is None else _replaced(found, self.uncertainty, False)


@dataclass(frozen=True, slots=True)
class Job:
    """One fit: a recipe, its settings, and options."""

    recipe: Recipe
    settings: BaseModel
    options: Options = field(default_factory=Options)


def fit_jobs(frames: Sequence[Atoms], jobs: Mapping[str, Job]) -> dict[str, list[Term]]:
    """The terms of several models fitted to the same frames, those together whose recipes can.

    On top of a base, the terms that correct it come first.
    """
    found: dict[str, list[Term]] = {}
    for base in dict.fromkeys(job.options.base for job in jobs.values()):
        own = {name: job for name, job in jobs.items() if job.options.base is base}
        if base is None:
            found |= _fit_jobs(frames, own)
            continue
        for name, job in own.items():
            if not job.recipe.potential or (base.long_range and job.recipe.long_range):
                raise InputError(
                    f"{name or job.recipe.name}: the base brings charges of its own, and those of the preset "
                    f"{job.recipe.name} would be added to them.",
                    remedy="use the preset gap or 2g on this base, or a base without charges.",
                )
        terms = _fit_jobs(base.residual(frames), own)
        found |= {name: [*terms[name], *base.terms()] for name in own}
    return {name: found[name] for name in jobs}


def _fit_jobs(frames: Sequence[Atoms], jobs: Mapping[str, Job]) -> dict[str, list[Term]]:
    found: dict[str, list[Term]] = {}
    for name, job in jobs.items():
        together = job.recipe.fit_together
        if name in found:
            continue
        if together is None:
            found[name] = job.recipe.fit(frames, job.settings, job.options)
        else:
            found |= together(frames, {n: j for n, j in jobs.items() if j.recipe.fit_together is together})
    return {name: found[name] for name in jobs}


def with_background(settings: Settings, charged_cells: str | None) -> Settings:
    """Settings of a model that follows the total charge, with what `--charged-cells` says.

    InputError for a correction, which is no part of a model that is fitted as a whole.
    """
    if charged_cells is None:
        return settings
    chosen = ChargedCells.parse(charged_cells)
    if chosen.permittivity is not None:
        raise InputError(
            f"--charged-cells {chosen} cannot be part of this fit: its labels are those of periodic cells.",
            remedy="fit with --charged-cells background, and give the correction to the commands that use "
            "the model, such as superion evaluate, md and eos.",
        )
    return settings.model_copy(update={"background": chosen.background})


def _with(given: Mapping[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    name, *rest = path
    return {**given, name: _with(given.get(name) or {}, tuple(rest), value) if rest else value}


def _replaced(settings: BaseModel, path: tuple[str, ...], value: Any) -> BaseModel:
    name, *rest = path
    inner = _replaced(getattr(settings, name), tuple(rest), value) if rest else value
    return settings.model_copy(update={name: inner})
