"""A training folder in Python: `superion.open_training(folder)`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from superion.active_learning.clean import Rejection
from superion.active_learning.config import SETTINGS, TrainSettings, read_training
from superion.active_learning.frames import load_frames
from superion.active_learning.results import (
    Diffusion,
    ExploredRun,
    Judge,
    Selected,
    Summary,
    judged_table,
    read_training_result,
)
from superion.active_learning.status import TrainingProgress, training_status
from superion.active_learning.summary import SUMMARY, generations
from superion.errors import InputError
from superion.notebook import Table, html_table
from superion.opened_folder import PROVENANCE, OpenedFolder, page
from superion.provenance import Provenance
from superion.results import read_result
from superion.work.rows import Row
from superion.work.state import NAME

if TYPE_CHECKING:
    from ase import Atoms

    from superion.model import Model

REMEDY = "give a folder made by `superion active-learning`."
_OUTCOMES = ("generation", "method", "rank", "frame", "score", "outcome", "why")


def open_training(folder: str | Path) -> OpenedTraining:
    """Open the folder of a training, ended or not, to read it.

    >>> training = superion.open_training("salt")
    >>> training.ended
    'the last generation is done'
    >>> [one.number for one in training.generations]
    [0, 1]
    >>> training.judged[-1].models["gap"].test.force_rmse < 1.0  # eV/Å
    True
    >>> list(training.errors.to_frame().columns[:4])
    ['generation', 'labels', 'model', 'set']
    >>> training.chosen.rows[0][1:3]  # by which method, and in which place
    ('farthest', 1)

    What is not there, or damaged, is named in `missing`, and the rest can be read; nothing is written, and a
    training may be at work. InputError for a folder that holds no training.
    """
    return OpenedTraining(Path(folder))


@dataclass(frozen=True, slots=True)
class Generation:
    """What was done in one generation; None where it has not come to it.

    runs: of the exploration. selected: the frames to be labelled, and by which method. failed: names of
    frames without a label. rejected: frames left out, with reasons.
    """

    number: int
    folder: Path
    runs: list[ExploredRun] | None
    selected: Selected | None
    failed: list[str] | None
    rejected: list[Rejection] | None

    @property
    def added(self) -> int | None:
        """Frames by which the training set has grown."""
        if self.selected is None or self.failed is None or self.rejected is None:
            return None
        return len(self.selected.chosen) - len(self.failed) - len(self.rejected)

    def outcome(self, frame: str) -> tuple[str, str]:
        """What became of a chosen frame, and why."""
        if self.failed is None or frame in self.failed:
            return ("being labelled", "") if self.failed is None else ("no label", "see the label store")
        if self.rejected is None:
            return "labelled", ""
        why = next((one.reason for one in self.rejected if one.frame == frame), None)
        return ("added", "") if why is None else ("left out", why)


class OpenedTraining(OpenedFolder):
    """A training folder; what cannot be read is named in `missing`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "training", (SETTINGS, SUMMARY), REMEDY)

    def _result(self, path: Path) -> Any:
        """A result of a training, None where it is not, or cannot be read."""
        if not path.exists():
            return None
        return self._part(path.relative_to(self.folder).as_posix(), lambda: read_training_result(path), None)

    @cached_property
    def settings(self) -> TrainSettings | None:
        """The settings in training.yaml."""
        return self._part(SETTINGS, lambda: read_training(self.folder / SETTINGS), None)

    @property
    def name(self) -> str:
        """Of the training; that of the folder if the settings cannot be read."""
        return self.settings.name if self.settings else self.folder.resolve().name

    @cached_property
    def provenance(self) -> Provenance | None:
        """Versions and machine of the last call."""
        path = self.folder / PROVENANCE
        if not path.exists():
            return None
        return self._part(PROVENANCE, lambda: read_result(path, Provenance), None)

    @cached_property
    def progress(self) -> TrainingProgress | None:
        """How far it is, labels spent, and how long the rest may take."""
        return self._part(NAME, lambda: training_status(self.folder), None)

    @property
    def steps(self) -> list[Row]:
        """All steps that were begun, with their status."""
        return self.progress.rows if self.progress else []

    @cached_property
    def summary(self) -> Summary | None:
        """`summary.json`: all that was judged."""
        found: Summary | None = self._result(self.folder / SUMMARY)
        return found

    @property
    def ended(self) -> str | None:
        """Why it ended; None if it has not, or is not as it was when it did."""
        if self.progress is not None:
            return self.progress.ended
        return self.summary.ended if self.summary else None

    @property
    def judged(self) -> list[Judge]:
        """Errors and calibration of each model, by generation."""
        return self.summary.generations if self.summary else []

    @property
    def diffusion(self) -> dict[int, Diffusion]:
        """Diffusion coefficients by generation, where they were asked for."""
        return {int(k): found for k, found in self.summary.diffusion.items()} if self.summary else {}

    @property
    def errors(self) -> Table:
        """Errors against the labels, a row for each generation, model and set."""
        return judged_table(self.judged)

    @cached_property
    def generations(self) -> list[Generation]:
        """What was explored, chosen, labelled and left out, by generation."""
        last = self.progress.generation if self.progress else 10**6
        return [
            Generation(
                number,
                path,
                self._result(path / "explored.json"),
                self._result(path / "selected.json"),
                self._result(path / "failed.json"),
                self._result(path / "rejected.json"),
            )
            for number, path in generations(self.folder, last).items()
        ]

    @property
    def chosen(self) -> Table:
        """Every frame that was chosen: by which method, its score, and what became of it and why."""
        rows = [
            (one.number, one.selected.method, rank, frame.frame, frame.score, *one.outcome(frame.frame))
            for one in self.generations
            if one.selected is not None
            for rank, frame in enumerate(one.selected.chosen, start=1)
        ]
        return Table("Chosen frames", _OUTCOMES, tuple(rows))

    def frames(self, generation: int | None = None, name: str = "training") -> list[Atoms]:
        """Frames of a generation; None: of the last one.

        name: "training" (what its models are trained on), "candidates", "selected", "labelled" or "new".
        """
        return load_frames(self._file(generation, f"{name}.extxyz"))

    @property
    def test(self) -> list[Atoms]:
        """The frames that are never trained on."""
        return load_frames(self.folder / "test.extxyz")

    def model(self, name: str, generation: int | None = None) -> Model:
        """Open a model of a generation; None: of the last one that has models."""
        from superion.potentials.opening import open_model

        return open_model(self._file(generation, f"models/{name}.safetensors"))

    def _file(self, generation: int | None, name: str) -> Path:
        """The file of a generation, or the last there is; InputError if there is none."""
        paths = {one.number: one.folder / name for one in self.generations}
        there = {number: path for number, path in paths.items() if path.exists()}
        chosen = max(there, default=0) if generation is None else generation
        if chosen not in there:
            known = ", ".join(map(str, there)) or "none"
            raise InputError(
                f"generation {chosen} has no {name}.",
                file=self.folder,
                remedy=f"generations that have one: {known}.",
            )
        return there[chosen]

    @property
    def missing(self) -> list[str]:
        """Sentences on what is not there, or damaged."""
        for part in ("settings", "provenance", "progress", "summary", "generations"):
            getattr(self, part)
        found = list(self._faults.values())
        undone = (row for row in self.steps if row.status != "done")
        found += [f"step {row.step}: {row.status}{': ' + row.note if row.note else ''}" for row in undone]
        if self.summary is None and SUMMARY not in self._faults:
            found.append(f"{SUMMARY} is missing: no generation has been judged.")
        return list(dict.fromkeys(found))

    def __repr__(self) -> str:
        state = f"ended: {self.ended}" if self.ended else "not ended"
        return f"OpenedTraining({self.name!r}, {len(self.judged)} generations judged, {state}, {self.folder})"

    def _repr_html_(self) -> str:
        rows = [(r.step, r.status, r.seconds, r.note) for r in self.steps]
        parts = [
            f"<p>Ended: {escape(self.ended)}.</p>" if self.ended else "",
            self.errors._repr_html_(),
            self.chosen._repr_html_(),
            html_table("Steps", ("step", "status", "seconds", "note"), rows),
        ]
        return page(self.name, parts, self.missing)
