"""What a preset of `superion fit` is: a name, its settings, and how it makes the terms of a potential."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from ase import Atoms
from pydantic import BaseModel, ConfigDict

from superion.electrostatics.charged_cells import ChargedCells
from superion.errors import InputError
from superion.study.electrostatics import ElectrostaticsSettings
from superion.terms import Term

Settings = TypeVar("Settings", bound=BaseModel)
STRICT = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


@dataclass(frozen=True, slots=True)
class Options:
    """What a command says beside the settings of a preset.

    repulsion: add a short-range wall below the distances of the data. workers: threads. executor: where parts
    of the data are reduced, as `--executor` has it. device: cpu or cuda. checkpoint: file of a training that
    can be resumed. charged_cells: as `--charged-cells` has it; of gap presets a part of `electrostatics`.
    """

    electrostatics: ElectrostaticsSettings = field(default_factory=ElectrostaticsSettings)
    repulsion: bool = True
    workers: int = 1
    executor: str | None = None
    device: str = "cpu"
    checkpoint: Path | None = None
    charged_cells: str | None = None
    progress: bool = False


@dataclass(frozen=True, slots=True)
class FitPreset:
    """One kind of model that `superion fit` makes.

    about: one line. settings: the model of its YAML file. build: labelled frames, settings and options in,
    terms of a potential out. reads: options that it heeds, by their names on the command line. seed: where
    in the settings the seed is. potential: whether its energies are those of the labels; otherwise charges
    and dipoles alone can be compared with labels, and no frame needs an energy or forces. completed: the
    settings with defaults that depend on the frames. baseline: how its settings have energies of elements
    found, as `FitSettings.baseline`. long_range: whether its
    energy holds electrostatics.
    """

    name: str
    about: str
    settings: type[BaseModel]
    build: Callable[[Sequence[Atoms], Any, Options], list[Term]]
    reads: frozenset[str]
    seed: tuple[str, ...] = ("seed",)
    potential: bool = True
    completed: Callable[[Any, Sequence[Atoms]], BaseModel] = lambda settings, _: settings
    baseline: Callable[[Any], str] = lambda _: "auto"
    long_range: bool = True

    def seeded(self, settings: BaseModel, seed: int) -> BaseModel:
        """The settings with another seed."""
        return _replaced(settings, self.seed, seed)


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


def _replaced(settings: BaseModel, path: tuple[str, ...], value: Any) -> BaseModel:
    name, *rest = path
    inner = _replaced(getattr(settings, name), tuple(rest), value) if rest else value
    return settings.model_copy(update={name: inner})
