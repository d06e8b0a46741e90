"""Who looks for new structures: one registry of explorers, each with settings of its own.

A package of somebody else's adds one by an entry point in the group `superion.explorers` (CONTRIBUTING.md).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from superion.errors import InputError
from superion.model import Model
from superion.potentials.opening import open_model
from superion.registry import Registry
from superion.settings_file import validate
from superion.structures.bare import bare

DYNAMICS = "dynamics"
"""The explorer where none is named."""


class Exploring(BaseModel):
    """What all explorers are told; each adds keys of its own."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    explorer: str = Field(
        DYNAMICS, description="dynamics, or what an installed package brings (CONTRIBUTING.md)"
    )
    model: str | None = Field(
        None,
        description="the model that moves the atoms, one of models; null: protocol.model. Another one, such "
        "as {open: sevennet}, is a teacher that explores while the others are trained",
    )
    starts: list[str] = Field(
        [], description="files with structures to start from; none: the training set as it grows"
    )
    walkers: PositiveInt = Field(4, description="structures drawn from them in each generation")


@dataclass(frozen=True, slots=True)
class Explored:
    """What an exploration found.

    candidates: structures, in their order. runs: JSON-ready, one per run: name, temperature (K) if it has
    one, frames, snapshots, and why it ended early (`stopped`), or null; of runs with frames mean_temperature
    (K) and warnings.
    """

    candidates: list[Atoms]
    runs: list[dict[str, Any]]


@dataclass(frozen=True)
class Exploration:
    """What an explorer works with.

    starts: structures without labels. model: file or name of the model that moves the atoms; judge: file of
    the one that is trained, None for the same. settings: those of the explorer. folder: its own; what it
    keeps there is there when it is asked again after a kill. name: with which names of trajectories begin.
    rng: the same when it is asked again. training, committee: files of the training set, and of models
    fitted to resampled frames if a measure asks for them. parallel: where runs
    are done (`open_executor`).
    """

    starts: Sequence[Atoms]
    model: Path | str
    settings: Any
    folder: Path
    name: str
    rng: np.random.Generator
    judge: Path | None = None
    training: Path | None = None
    committee: Sequence[Path] = ()
    parallel: str | int = "serial"
    progress: bool = True

    def open(self) -> Model:
        """The model that moves the atoms."""
        return open_model(self.model)


@dataclass(frozen=True, slots=True, kw_only=True)
class Explorer:
    """A way to find structures that may be worth a label.

    settings: the model of its keys in YAML, an `Exploring`. explore: does it. check: raises, before anything
    is done, what would fail later, of settings and the training folder. fraction: how much of an exploration
    in a folder is done, 0 to 1, or None.
    """

    name: str
    settings: type[Exploring]
    explore: Callable[[Exploration], Explored]
    check: Callable[[Any, Path], None] = lambda settings, folder: None
    fraction: Callable[[Any, Path], float | None] = lambda settings, folder: None


EXPLORERS: Registry[Explorer] = Registry("explorer", "superion.explorers")


def explore(exploration: Exploration) -> Explored:
    """What the explorer of the settings finds: without labels, every candidate with a name of its own.

    InputError if two candidates have one name.
    """
    explorer = EXPLORERS.find(exploration.settings.explorer)
    found = explorer.explore(exploration)
    if explorer.name != DYNAMICS:
        found = Explored([_named(a, k, exploration) for k, a in enumerate(found.candidates)], found.runs)
    names = [atoms.info["frame_id"] for atoms in found.candidates]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(
            f"the explorer {explorer.name} of {EXPLORERS.source(explorer.name)} gives several structures the "
            f"frame_id {twice[0]}.",
            remedy="let it give each its own, or none.",
        )
    return found


def _named(atoms: Atoms, index: int, exploration: Exploration) -> Atoms:
    """A candidate without labels, in its cell; of a trajectory of its own unless it names one."""
    copy = bare(atoms, constraints=True)
    copy.wrap()
    trajectory = atoms.info.get("trajectory") or f"{exploration.name}-{index:04d}"
    copy.info |= {
        "config_type": str(atoms.info.get("config_type", "explored")),
        "trajectory": str(trajectory),
        "frame_id": str(atoms.info.get("frame_id") or f"{exploration.name}-{index:04d}"),
    }
    return copy


class ReadExplorer:
    """Reads the settings of the explorer that they name."""

    @staticmethod
    def model() -> type[Exploring]:
        """What it reads where no explorer is named."""
        return EXPLORERS[DYNAMICS].settings

    def __call__(self, given: Any) -> Exploring:
        """Settings of an explorer; ValueError for what is wrong."""
        if isinstance(given, Exploring):
            return given
        name = given.get("explorer", DYNAMICS) if isinstance(given, Mapping) else DYNAMICS
        if name == DYNAMICS:
            return self.model().model_validate(given)
        try:
            return validate(given, EXPLORERS.find(str(name)).settings)
        except InputError as error:
            raise ValueError(error.problem.removesuffix(".")) from error
