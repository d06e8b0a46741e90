"""`superion fit --tune`: settings of a Gaussian process chosen by left-out trajectories of its frames.

A short ladder, climbed one kind of change after the other: further steps in a direction are tried while the
error falls. What was tried is kept in a file after every step, from which an interrupted search goes on. The
first fit with all frames comes after the choice; no test set has a part in it.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from ase import Atoms
from pydantic import BaseModel, Field

from superion.analysis.accuracy import errors
from superion.display import say
from superion.errors import InputError
from superion.notebook import Table
from superion.potentials import FitSettings
from superion.recipes.base import Job
from superion.recipes.left_out import LeftOut, left_out, predicted
from superion.results import Count, Result, ResultFile, Size, read_result, write_result
from superion.settings_file import validate
from superion.structures.duplicates import structure_hash
from superion.structures.split import trajectory_of
from superion.work.fingerprint import fingerprint

FOLDS = 3
"""Parts of the training frames that are left out in turn."""
GAIN = 0.005
"""By what fraction the error must fall for a change to be kept: finer models cost more."""


class Choice(Result):
    """A rung of the ladder: what is changed in the settings as they are given; 1 changes nothing."""

    quality: str = Field(description="defaults by name, no unit")
    sigma: Size = Field(1.0, description="factor on all sigmas, no unit")
    points: Size = Field(1.0, description="factor on sparse points per species, no unit")
    width: Size = Field(1.0, description="factor on the Gaussians of SOAP, no unit")
    reach: Size = Field(1.0, description="factor on the cutoffs of SOAP, no unit")


class Tried(Choice):
    """A rung, and errors of frames that were left out."""

    force_rmse: Size = Field(description="forces, eV/Å")
    energy_rmse_per_atom: Size | None = Field(description="energies, eV per atom")
    stress_rmse: Size | None = Field(description="stresses, eV/Å³")
    seconds: Size = Field(description="time of its fits, s")


class FitTuning(ResultFile):
    """What `superion fit --tune` tried and chose."""

    kind: Literal["fit-tuning"] = "fit-tuning"
    made_from: str = Field(description="SHA-256 of all that errors depend on")
    left_out: list[Count] = Field(description="frames left out in each fold, count")
    whole: bool = Field(description="whether whole trajectories were left out")
    complete: bool = Field(False, description="whether time sufficed for the whole ladder")
    chosen: Tried | None = Field(None, description="the rung chosen")
    tried: list[Tried] = Field([], description="all rungs, in their order")

    @property
    def table(self) -> Table:
        """All that was tried; factors on sigmas, sparse points, Gaussians and cutoffs."""
        names = ("quality", "sigma", "points", "width", "reach")
        head = (*names, "eV/Å", "meV/atom", "s", "chosen")
        rows = []
        for one in self.tried:
            energy = None if one.energy_rmse_per_atom is None else 1e3 * one.energy_rmse_per_atom
            factors = (one.quality, one.sigma, one.points, one.width, one.reach)
            rows.append((*factors, one.force_rmse, energy, one.seconds, one == self.chosen))
        return Table("tried", head, tuple(rows))


LADDER: tuple[tuple[str, tuple[tuple[Any, ...], ...]], ...] = (
    ("quality", (("learned", "fine"), ("fine",))),
    ("sigma", ((0.5, 0.25), (2.0, 4.0))),
    ("points", ((2.0, 4.0),)),
    ("width", ((0.85, 0.7), (1.2,))),
    ("reach", ((1.2,), (0.85,))),
)
"""Kinds of changes in their order, and of each the directions in which further steps are tried."""


SLOWER = {"fast": 1.0, "learned": 2.0, "fine": 4.0}
"""Times of fits of each quality, roughly."""


def costlier(change: str, value: Any, best: Choice) -> float:
    """By how much a fit takes longer after a change of the best, roughly."""
    if change == "quality":
        return SLOWER[value] / SLOWER[best.quality]
    return float(value) ** 2 if change == "points" else 1.0


@dataclass(frozen=True, slots=True)
class Tuner:
    """A search for the settings of one job.

    given: keys of the settings, as the user has them. limit: s, after which no candidate is begun; the one
    that the settings are is always tried. path: where what was tried is kept.
    """

    job: Job
    given: Mapping[str, Any]
    frames: Sequence[Atoms]
    limit: float
    path: Path | None = None
    progress: bool = False

    def run(self) -> tuple[BaseModel, FitTuning]:
        """The settings chosen, and all that was tried."""
        if self.job.recipe.quality is None:
            raise InputError(
                f"--tune has no effect on the preset {self.job.recipe.name}: it chooses settings of Gaussian "
                "processes.",
                remedy="leave it out, or use --preset gap or es-gap.",
            )
        folds = left_out(self.frames, FOLDS, "add training frames, or leave --tune out.")
        state = self._begun(folds)
        best = self._try(Choice(quality=self._local(self.job.settings).quality), state, folds)
        state.complete = True
        for change, directions in LADDER:
            for direction in directions:
                before = best
                for value in direction:
                    step = best.model_copy(update={change: value})
                    choice = Choice.model_validate({key: getattr(step, key) for key in Choice.model_fields})
                    if not self._differs(choice, best):
                        break
                    known = self._known(choice, state)
                    expected = best.seconds * costlier(change, value, best)
                    if known is None and self._spent(state) + expected > self.limit:
                        state.complete = False
                        break
                    found = known or self._try(choice, state, folds)
                    if found.force_rmse > (1 - GAIN) * best.force_rmse:
                        break
                    best = found
                if best is not before:
                    break
        state.chosen = best
        self._keep(state)
        return self.settings(best), state

    def settings(self, choice: Choice) -> BaseModel:
        """The settings of the job with a choice."""
        recipe = self.job.recipe
        made = validate(recipe.of_quality(self.given, choice.quality), recipe.settings)
        local = self._local(made)
        soaps = [
            soap.model_copy(
                update={
                    "sparse_points": round(soap.sparse_points * choice.points),
                    "atom_sigma": soap.atom_sigma * choice.width,
                    "cutoff": soap.cutoff * choice.reach,
                    "cutoff_width": soap.cutoff_width * choice.reach,
                }
            )
            for soap in local.soaps
        ]
        sigma = {name: value * choice.sigma for name, value in local.sigma.model_dump().items()}
        update: dict[str, Any] = {"sigma": local.sigma.model_copy(update=sigma)}
        if local.soap is not None:
            update["soap"] = soaps.pop(0)
        update["more_soap"] = tuple(soaps)
        changed = recipe.with_local(made, local.model_copy(update=update))
        return validate(changed.model_dump(), recipe.settings)

    def _local(self, settings: Any) -> FitSettings:
        for name in self.job.recipe.within:
            settings = getattr(settings, name)
        found: FitSettings = settings
        return found

    def _differs(self, choice: Choice, best: Choice) -> bool:
        """Whether a choice is another model than the best, and one that can be fitted."""
        try:
            return self.settings(choice) != self.settings(best)
        except InputError:  # such as a joint fit of fine quality, or a cutoff that is too long
            return False

    def _begun(self, folds: LeftOut) -> FitTuning:
        """The search as it was interrupted, or a new one."""
        identity = fingerprint(
            {
                "preset": self.job.recipe.name,
                "given": self.job.settings.model_dump(mode="json"),
                "frames": _digest(self.frames),
                "electrostatics": self.job.options.electrostatics.identity(),
                "repulsion": self.job.options.repulsion,
                "charged_cells": self.job.options.charged_cells,
            }
        )
        names = [sorted({trajectory_of(self.frames[k]) for k in out}) for out in folds.folds]
        if not folds.whole:
            say(
                "warning: no trajectory has another one of its kind beside it: blocks of it are left out, "
                "which the others resemble more than anything new; errors are too small.",
                self.progress,
            )
        else:
            say(f"left out in turn: {'; '.join(', '.join(each) for each in names)}", self.progress)
        if self.path is not None and self.path.exists():
            found: FitTuning = read_result(self.path, FitTuning, remedy="delete the file, and tune anew.")
            if found.made_from == identity:
                say(f"{self.path}: {len(found.tried)} settings were tried before", self.progress)
                return found
            say(f"{self.path} is of other data or settings, and is written anew", self.progress)
        sizes = [len(out) for out in folds.folds]
        return FitTuning(made_from=identity, left_out=sizes, whole=folds.whole, tried=[])

    def _known(self, choice: Choice, state: FitTuning) -> Tried | None:
        wanted = choice.model_dump()
        return next((one for one in state.tried if wanted.items() <= one.model_dump().items()), None)

    def _spent(self, state: FitTuning) -> float:
        return sum(one.seconds for one in state.tried)

    def _try(self, choice: Choice, state: FitTuning, folds: LeftOut) -> Tried:
        if (known := self._known(choice, state)) is not None:
            return known
        started = time.monotonic()
        settings: Any = self.job.recipe.resampled(self.settings(choice), self._local(self.job.settings).seed)
        job = replace(self.job, settings=settings, options=replace(self.job.options, progress=False))
        found = errors(*predicted(job, self.frames, folds.folds))
        one = Tried(
            **choice.model_dump(),
            force_rmse=found["force_rmse"],
            energy_rmse_per_atom=found["energy_rmse_per_atom"],
            stress_rmse=found["stress_rmse"],
            seconds=round(time.monotonic() - started, 2),
        )
        state.tried.append(one)
        self._keep(state)
        changes = {k: v for k, v in choice.model_dump().items() if v != 1.0}
        said = ", ".join(f"{k} {v}" if k == "quality" else f"{k} × {v:g}" for k, v in changes.items())
        say(f"{said}: {one.force_rmse:.4f} eV/Å on frames left out, {one.seconds:.0f} s", self.progress)
        return one

    def _keep(self, state: FitTuning) -> None:
        if self.path is not None:
            write_result(self.path, state)


def _digest(frames: Sequence[Atoms]) -> str:
    """SHA-256 of structures, their trajectories and labels, in order."""
    found = hashlib.sha256()
    for atoms in frames:
        known = f"{structure_hash(atoms)} {trajectory_of(atoms)} {sorted(atoms.info.items(), key=str)}"
        found.update(known.encode())
        for name in sorted(atoms.arrays):
            found.update(name.encode() + atoms.arrays[name].tobytes())
    return found.hexdigest()
