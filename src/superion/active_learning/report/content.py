"""Reads a training folder into what its report shows; also while the training goes on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from superion.active_learning import opened
from superion.active_learning.clean import Rejection
from superion.active_learning.config import SETTINGS, STORE
from superion.active_learning.results import (
    Diffusion,
    Judge,
    Summary,
    read_training_result,
)
from superion.active_learning.status import TrainingProgress, training_status
from superion.active_learning.summary import SUMMARY, generations
from superion.errors import InputError
from superion.files import read_yaml
from superion.provenance import Provenance
from superion.reference import Entry, read_store
from superion.reference.store import NAME as JOURNAL
from superion.report.content import optional_json, read_provenance, sort_models

FIRST = "before"
"""Where a label belongs that was made before the first generation."""


@dataclass(frozen=True, slots=True)
class Generation(opened.Generation):
    """What was done in one generation, and the time that it took. seconds: of all its steps so far."""

    seconds: float


@dataclass(frozen=True, slots=True)
class TrainingContent:
    """Everything in a training folder that its report shows.

    judged: errors and calibration by generation, as in `judge.json`. diffusion: by generation. entries: of
    the label store by frame; empty if labels come from elsewhere. first_failed, first_rejected: of what was
    labelled before the first fit. damages: lines of the journal that cannot be read.
    """

    folder: Path
    settings: dict[str, Any]
    provenance: Provenance | None
    steps: dict[str, Any]
    progress: TrainingProgress
    judged: list[Judge]
    diffusion: dict[str, Diffusion]
    generations: list[Generation]
    entries: dict[str, Entry]
    labeller: list[dict[str, Any]]
    damages: int
    first_failed: list[str]
    first_rejected: list[Rejection]

    @property
    def potentials(self) -> list[str]:
        """Names of the potentials that were judged, GAP first."""
        return sort_models({name for generation in self.judged for name in generation.models})


def read_training_content(folder: Path) -> TrainingContent:
    """Read a training folder; InputError if it holds none, CorruptFileError naming a damaged file."""
    progress = training_status(folder)
    steps = optional_json(folder / "state.json").get("steps") or {}
    summary: Summary | None = _read(folder / SUMMARY)
    done = {row.step for row in progress.rows if row.status == "done"}
    known = summary.generations if summary else []
    judged = [one for one in known if f"{one.generation:03d}/judge" in done]
    diffusion = summary.diffusion if summary else {}
    if not judged:
        raise InputError(
            "no generation has been judged yet.",
            file=folder,
            remedy="wait for the first; `superion status` tells how far it is.",
        )
    store = read_store(folder / STORE) if (folder / STORE / JOURNAL).exists() else None
    return TrainingContent(
        folder=folder,
        settings=read_yaml(folder / SETTINGS),
        provenance=read_provenance(folder),
        steps=steps,
        progress=progress,
        judged=judged,
        diffusion={k: found for k, found in diffusion.items() if f"{int(k):03d}/diffusion" in done},
        generations=[
            _generation(number, path, steps)
            for number, path in generations(folder, progress.generation).items()
        ],
        entries={entry.frame: entry for entry in store.entries.values()} if store else {},
        labeller=list(store.settings.values()) if store else [],
        damages=len(store.damages) if store else 0,
        first_failed=_read(folder / "first-failed.json") or [],
        first_rejected=_read(folder / "first-rejected.json") or [],
    )


def _generation(number: int, path: Path, steps: dict[str, Any]) -> Generation:
    mine = (record for name, record in steps.items() if name.startswith(f"{number:03d}/"))
    return Generation(
        number,
        path,
        _read(path / "explored.json"),
        _read(path / "selected.json"),
        _read(path / "failed.json"),
        _read(path / "rejected.json"),
        sum(float(record.get("seconds") or 0) for record in mine),
    )


def _read(path: Path) -> Any:
    return read_training_result(path) if path.exists() else None
