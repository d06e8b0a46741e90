"""How far a training is: one row per step, labels spent, and how long it may still take."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from superion.active_learning.config import SETTINGS, STORE, TrainSettings, read_training
from superion.active_learning.explorers import EXPLORERS
from superion.active_learning.frames import load_frames
from superion.active_learning.results import read_training_result
from superion.active_learning.summary import SUMMARY, generations
from superion.active_learning.work import numbers
from superion.errors import InputError
from superion.reference import read_store
from superion.reference.store import NAME as JOURNAL
from superion.structures.duplicates import frame_name
from superion.work.rows import Row, in_doubt, row_of
from superion.work.state import NAME, Record, State


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """State of a training.

    rows: steps begun so far. generation: the one at work. labels: asked for so far. made, failed: of them in
    the label store. rejected: labels that were left out. ended: why it ended, None if it did not.
    seconds_left: what the remaining generations take at the pace of the finished ones, at most; None if
    none is finished.
    """

    rows: list[Row]
    generation: int
    generations: int
    labels: int
    budget: int
    made: int
    failed: int
    rejected: int
    running: bool
    ended: str | None
    seconds_left: float | None


def training_status(folder: str | Path) -> TrainingProgress:
    """Look at a training folder without touching it; InputError if it holds no training."""
    folder = Path(folder)
    if not (folder / NAME).exists() or not (folder / SETTINGS).exists():
        raise InputError(
            "holds no training.",
            file=folder,
            remedy="give the folder that `superion active-learning` wrote to.",
        )
    settings = read_training(folder / SETTINGS)
    state = State.read(folder)
    store = read_store(folder / STORE) if (folder / STORE / JOURNAL).exists() else None
    entries = list(store.entries.values()) if store else []
    made = {entry.frame for entry in entries if entry.status == "done"}
    rows: list[Row] = []
    for name in sorted(state.records, key=lambda name: max(numbers([name]), default=-1)):
        record = state.records[name]
        row = row_of(name, record, state.alive, _fraction(folder, settings, name, record, made))
        doubtful = row.status == "done" and any(earlier.status != "done" for earlier in rows)
        rows.append(in_doubt(row) if doubtful else row)
    current = next((row.step for row in rows if row.status != "done"), None)
    generation = max(numbers(state.records if current is None else [current]), default=0)
    chosen = (path / "selected.extxyz" for path in generations(folder, generation).values())
    labels = sum(len(load_frames(path)) for path in (folder / "first.extxyz", *chosen) if path.exists())
    rejections = [path / "rejected.json" for path in generations(folder, generation).values()]
    rejections.append(folder / "first-rejected.json")
    pace = [
        sum(r.seconds or 0.0 for name, r in state.records.items() if name.startswith(f"{g:03d}/"))
        for g in range(generation)
    ]
    unfinished = any(row.status != "done" for row in rows)
    ended = None
    if not unfinished and (folder / SUMMARY).exists():
        ended = read_training_result(folder / SUMMARY).ended
    left = settings.protocol.generations - generation
    limit = settings.protocol.generations
    seconds = 0.0 if ended else sum(pace) / len(pace) * left if pace else None
    return TrainingProgress(
        rows=rows,
        generation=generation,
        generations=limit,
        labels=labels,
        budget=settings.budget,
        made=sum(entry.status == "done" for entry in entries),
        failed=sum(entry.status == "failed" for entry in entries),
        rejected=sum(len(read_training_result(path)) for path in rejections if path.exists()),
        running=state.alive and ended is None,
        ended=ended,
        seconds_left=seconds,
    )


def _fraction(
    folder: Path, settings: TrainSettings, step: str, record: Record, made: set[str]
) -> float | None:
    """How much of a step is done; None where nothing tells. made: names of frames that have labels."""
    part, _, what = step.partition("/")
    if record.status == "done":
        return 1.0
    if what == "explore":
        explorer = EXPLORERS.find(settings.explore.explorer)
        return explorer.fraction(settings.explore, folder / f"generation-{part}" / "explore")
    wanted = folder / ("first.extxyz" if part == "start" else f"generation-{part}/selected.extxyz")
    if what == "label" and made and wanted.exists():
        names = [frame_name(atoms, k) for k, atoms in enumerate(load_frames(wanted))]
        return sum(name in made for name in names) / max(len(names), 1)
    return None
