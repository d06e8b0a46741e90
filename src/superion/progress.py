"""A progress bar on everything that takes longer than a second; plain lines where there is no terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from superion.terminal import PlainConsole

T = TypeVar("T")


def track(items: Iterable[T], description: str, total: int, *, show: bool = True) -> Iterator[T]:
    """Yield `items` while showing how far along they are, on standard error."""
    if not show:
        yield from items
        return
    console = PlainConsole(stderr=True)
    if console.is_terminal:
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left", markup=False),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=console) as bar:
            yield from bar.track(items, total=total, description=description)
        return
    started = reported = time.monotonic()
    for done, item in enumerate(items, start=1):
        yield item
        now = time.monotonic()
        if now - reported > 10 or (done == total and now - started > 1):
            reported = now
            left = (now - started) / done * (total - done)
            print(
                f"{description}: {done}/{total}, {now - started:.0f} s, {left:.0f} s left",
                file=sys.stderr,
                flush=True,
            )
