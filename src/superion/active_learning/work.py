"""The folder of a training: steps that are done once, and the randomness of each."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from ase import Atoms

from superion.work.state import State
from superion.work.step import Step, attempt

if TYPE_CHECKING:
    from superion.active_learning.config import TrainSettings

Labelling = Callable[[Sequence[Atoms]], list[Atoms | None]]
"""Labels structures, in order; None for one that could not be labelled. Asked twice, it answers the same."""


@dataclass
class Work:
    """A training folder, its settings, and the source of its labels (`labeller`: JSON-ready, what it is).

    All that a step makes lies in files, and all that it needs it reads from files, so that a training that
    was killed goes on with exactly what it would have had. names: of the steps asked for so far.
    """

    settings: TrainSettings
    folder: Path
    state: State
    label: Labelling
    labeller: Any = None
    progress: bool = True
    names: set[str] = field(default_factory=set)

    def path(self, generation: int, name: str) -> Path:
        """A file of a generation, in a folder that exists."""
        path = self.folder / f"generation-{generation:03d}" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def rng(self, generation: int, step: str) -> np.random.Generator:
        """The generator of a step: the same whenever the step is done."""
        return np.random.default_rng([self.settings.seed, generation, zlib.crc32(step.encode())])

    def once(
        self, name: str, settings: Any, reads: Sequence[Path], work: Callable[[], Sequence[Path]]
    ) -> bool:
        """Do a step unless its result still holds: same settings, same files read, files written intact.

        settings: JSON-ready. work: makes its files and returns their paths. True if it was done now.
        """
        self.names.add(name)
        files = {f"{k} {path.name}": path for k, path in enumerate(reads)}
        return attempt(Step(name, (), settings, lambda: files, work, keeps=True), self.state, self.progress)


def numbers(steps: Iterable[str]) -> list[int]:
    """The generations that steps belong to; those before the first generation belong to none."""
    return [int(name[:3]) for name in steps if name[:3].isdigit()]
