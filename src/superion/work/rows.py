"""Rows of a status: what the record of a step tells, and steps of a family gathered in one row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby

from superion.work.state import Record

OPEN = ("running", "interrupted", "to do")
"""What has no result, or one that may still change."""


@dataclass(frozen=True, slots=True)
class Row:
    """One step.

    status: done, running, interrupted, failed, waiting or to do. seconds: of the last attempt. fraction: how
    much is done, where that is known. note: the error, if it failed. family: of steps shown together.
    """

    step: str
    status: str
    seconds: float | None
    fraction: float | None
    note: str
    family: str | None = None


def row_of(step: str, record: Record | None, alive: bool, fraction: float | None) -> Row:
    """The row of a step. alive: whether the process that wrote the record is still there."""
    if record is None:
        return Row(step, "to do", None, fraction, "")
    interrupted = record.status == "running" and not alive
    seconds = None if interrupted else elapsed(record)
    name = "interrupted" if interrupted else record.status
    return Row(step, name, seconds, fraction, record.error or "")


def in_doubt(row: Row) -> Row:
    """The row of a step that was done before, if what it depends on is being done, or has to be."""
    return replace(
        row, status="to do", seconds=None, fraction=None, note="done before; kept if it still holds"
    )


def gathered(rows: Sequence[Row]) -> list[Row]:
    """One row for all steps of a family, and one for each of them that went wrong or is being done."""
    shown: list[Row] = []
    for (family, _), group in groupby(rows, key=lambda row: (row.family, row.family or row.step)):
        each = list(group)
        if family is None or len(each) == 1:
            shown += each
            continue
        counts = Counter(row.status for row in each)
        text = each[0].status if len(counts) == 1 else ", ".join(f"{n} {what}" for what, n in counts.items())
        seconds = [row.seconds for row in each if row.seconds is not None]
        total = sum(seconds) if seconds else None
        shown.append(Row(f"{family} ({len(each)})", text, total, counts["done"] / len(each), ""))
        shown += [row for row in each if row.status in ("failed", "interrupted", "running")]
    return shown


def elapsed(record: Record | None) -> float | None:
    """Seconds of the last attempt of a step, or since it was started."""
    if record is None:
        return None
    if record.status == "running" and record.started:
        since = datetime.fromisoformat(record.started)
        return max(0.0, (datetime.now(UTC) - since).total_seconds())
    return record.seconds
