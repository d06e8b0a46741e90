"""How far a study is: one row per step, what is next, and how long it may still take."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from rich.table import Table

from superion.errors import InputError
from superion.study.config import SETTINGS, read_study
from superion.study.dynamics import done_fraction
from superion.study.properties.registry import all_properties
from superion.study.steps import Study
from superion.work.rows import OPEN, Row, elapsed, gathered, in_doubt, row_of
from superion.work.state import NAME, State

AFTER_ALL = frozenset({"verdict", "report"})
"""Steps that read whatever those before them have written, as properties from dynamics do."""


@dataclass(frozen=True, slots=True)
class Progress:
    """State of a study. seconds_left: estimate for the dynamics that is left, None if nothing tells."""

    rows: list[Row]
    next: str | None
    running: bool
    seconds_left: float | None

    def table(self) -> Table:
        """For the terminal: steps of a family in one row, and further ones for those that went wrong."""
        table = Table("step", "status", "done", "seconds", "note")
        for row in gathered(self.rows):
            table.add_row(
                row.step,
                row.status,
                "" if row.fraction is None else f"{100 * row.fraction:.0f} %",
                "" if row.seconds is None else f"{row.seconds:.1f}",
                row.note,
            )
        return table


def status(folder: str | Path) -> Progress:
    """Look at a study folder without touching it; InputError if it holds no study."""
    folder = Path(folder)
    if not (folder / NAME).exists() or not (folder / SETTINGS).exists():
        raise InputError(
            "holds no study, training or label store.",
            file=folder,
            remedy="give the folder that `superion run`, `superion active-learning` or `superion label` "
            "wrote to.",
        )
    study = Study(read_study(folder / SETTINGS), folder, progress=False)
    state = State.read(folder)
    rows, left, rates = [], [], []
    open_: set[str] = set()
    last = AFTER_ALL | {kind.name for kind in all_properties() if kind.from_dynamics}
    for step in study.plan():
        record = state.records.get(step.name)
        fraction = None
        if step.work is None:
            name = step.name.partition("/")[2]
            kelvin = next(t for run, _, t in study.runs if run == name)
            assert study.settings.dynamics is not None
            settings = study.settings.dynamics.at(kelvin)
            fraction = done_fraction(folder / "md" / name, settings)
            if record is not None and record.status == "done":
                fraction = 1.0
            elif fraction < 1:
                left.append(1 - fraction)
            seconds = elapsed(record)
            advance = fraction - record.fraction if record else 0.0
            if seconds and advance > 0.01:
                rates.append(seconds / advance)
        row = replace(row_of(step.name, record, state.alive, fraction), family=step.family)
        needs = open_ if (step.family or step.name) in last else open_ & set(step.needs)
        if row.status == "done" and needs:
            row = in_doubt(row)
        elif row.status == "done" and step.work is not None and (changed := state.changed(step.name)):
            row = replace(row, status="to do", note=f"{changed[0]} is not as the step wrote it")
        if row.status in OPEN:
            open_.add(row.step)
        rows.append(row)
    pending = next((row.step for row in rows if row.status != "done"), None)
    seconds_left = None
    if not left:
        seconds_left = None if any(name.startswith("dynamics/") for name in open_) else 0.0
    elif rates:
        seconds_left = max(max(left), sum(left) / study.settings.processes) * sum(rates) / len(rates)
    return Progress(rows, pending, state.alive and pending is not None, seconds_left)
