"""How far a training is: one row per step, labels spent, and how long it may still take."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from superion.errors import InputError
from superion.files import read_json
from superion.reference import read_store
from superion.reference.store import NAME as JOURNAL
from superion.study.state import NAME, State
from superion.study.status import Row, row_of
from superion.training.config import SETTINGS, STORE, read_training
from superion.training.frames import load_frames
from superion.training.summary import SUMMARY


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """State of a training.

    rows: steps begun so far. generation: the one at work. labels: asked for so far. made, failed: of them in
    the label store. ended: why it ended, None if it did not.
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
    running: bool
    ended: str | None
    seconds_left: float | None


def training_status(folder: str | Path) -> TrainingProgress:
    """Look at a training folder without touching it; InputError if it holds no training."""
    folder = Path(folder)
    if not (folder / NAME).exists() or not (folder / SETTINGS).exists():
        raise InputError(
            "holds no training.", file=folder, remedy="give the folder that `superion train` wrote to."
        )
    settings = read_training(folder / SETTINGS)
    state = State.read(folder)
    rows = [row_of(name, record, state.alive, None) for name, record in state.records.items()]
    numbers = [int(name[:3]) for name in state.records if name[:3].isdigit()]
    generation = max(numbers, default=0)
    labels = sum(
        len(load_frames(path))
        for path in (folder / "first.extxyz", *folder.glob("generation-*/selected.extxyz"))
        if path.exists()
    )
    pace = [
        sum(r.seconds or 0.0 for name, r in state.records.items() if name.startswith(f"{g:03d}/"))
        for g in range(generation)
    ]
    unfinished = any(row.status != "done" for row in rows)
    ended = None
    if not unfinished and (folder / SUMMARY).exists():
        ended = read_json(folder / SUMMARY)["ended"]
    left = settings.protocol.generations - generation
    limit = settings.protocol.generations
    seconds = 0.0 if ended else sum(pace) / len(pace) * left if pace else None
    store = read_store(folder / STORE) if (folder / STORE / JOURNAL).exists() else None
    found = Counter(entry.status for entry in store.entries.values()) if store else Counter()
    return TrainingProgress(
        rows=rows,
        generation=generation,
        generations=limit,
        labels=labels,
        budget=settings.budget,
        made=found["done"],
        failed=found["failed"],
        running=state.alive and ended is None,
        ended=ended,
        seconds_left=seconds,
    )
