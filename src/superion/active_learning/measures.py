"""When a run of an exploration has left the data: one registry of measures, each a number of a structure.

A package of somebody else's adds one by an entry point in the group `superion.measures` (CONTRIBUTING.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from ase import Atoms

from superion.active_learning.frames import load_frames
from superion.active_learning.maxvol import ExtrapolationGrade
from superion.active_learning.needs import DEVIATIONS
from superion.active_learning.pool import Pool
from superion.active_learning.variance import disagreement, force_deviation
from superion.model import Model
from superion.potentials.opening import open_model
from superion.registry import Registry


@dataclass(frozen=True)
class Watched:
    """What a measure may look at: the model, what it was trained on, and a committee.

    training, members: files; read when they are asked for.
    """

    model: Model
    training: Path | None = None
    members: Sequence[Path] = ()

    @cached_property
    def known(self) -> list[Atoms]:
        """The frames that the model was trained on."""
        return [] if self.training is None else load_frames(self.training)

    @cached_property
    def committee(self) -> list[Model]:
        """Models like it, fitted to resampled frames."""
        return [open_model(path) for path in self.members]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A number of a structure that grows as it leaves the data.

    about: what messages call it, with its unit. make: the measure of a model, made once in each run. needs:
    what it asks of the model, by the names of `Model.gives`. reads: `training` and `committee` if it looks at
    these.
    """

    name: str
    about: str
    make: Callable[[Watched], Callable[[Atoms], float]]
    needs: frozenset[str] = frozenset()
    reads: frozenset[str] = frozenset()


def _grade(watched: Watched) -> Callable[[Atoms], float]:
    return ExtrapolationGrade(Pool(watched.known, watched.known, [watched.model]))


MEASURES: Registry[Measure] = Registry("measure", "superion.measures")
for _measure in (
    Measure(
        name="deviation",
        about="deviation",
        make=lambda watched: partial(force_deviation, watched.model),
        needs=DEVIATIONS,
    ),
    Measure(
        name="extrapolation",
        about="extrapolation",
        make=_grade,
        reads=frozenset({"training"}),
    ),
    Measure(
        name="committee",
        about="disagreement of the committee",
        make=lambda watched: partial(disagreement, watched.committee),
        reads=frozenset({"committee"}),
    ),
):
    MEASURES.add(_measure)
