"""A progress bar on everything that takes longer than a second; plain lines where there is no terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from time import monotonic
from typing import TypeVar

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from superion.terminal import PlainConsole

T = TypeVar("T")

QUIET = 10.0
"""Seconds: nothing is said of work that ends sooner, and lines are no closer to each other."""
SETTLED = 1.0
"""Seconds after the first unit from which a forecast is made."""


class Forecast:
    """Says about how long work will take: after some units, then every ten seconds, on standard error.

    The first unit often takes longer than others, because things are compiled and read in it: it counts as
    long as there are no others, and is spoken of if it takes more than ten seconds.
    what: names the work. bounded: it may end with units left. Time counts from where this is made.
    """

    def __init__(self, what: str, *, bounded: bool = False, show: bool = True) -> None:
        self.what, self.bounded, self.show = what, bounded, show
        self.units = 0
        self._started = self._told = self._first = monotonic()
        self._silent = True

    def step(self, left: int, note: str) -> None:
        """One more unit is done and `left` of them are to do; note: how far that is, in words."""
        self.units += 1
        if not self.show:
            return
        now = monotonic()
        spent = now - self._started
        if self.units == 1:
            self._first, each = now, spent
        else:
            each = (now - self._first) / (self.units - 1)
        rest = each * left
        first = self._silent and now - self._first > SETTLED and spent + rest > QUIET
        last = left == 0 and spent > 1
        if first or last or now - self._told > QUIET:
            self._told, self._silent = now, False
            most = "at most " if self.bounded else ""
            text = f"{self.what}: {note}, {duration(spent)}, {most}about {duration(rest)} left"
            print(text, file=sys.stderr, flush=True)


def duration(seconds: float) -> str:
    """Such as 45 s, 12 min, 3.5 h."""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5970 else f"{seconds / 3600:.1f} h"


def _bar(done: ProgressColumn, console: PlainConsole) -> Progress:
    """A bar with what is done, the time that it took and the time that is left."""
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        done,
        TimeElapsedColumn(),
        TextColumn("left", markup=False),
        TimeRemainingColumn(),
        console=console,
    )


def follow(
    items: Iterable[T], description: str, done: Callable[[], float], *, show: bool = True
) -> Iterator[T]:
    """Yield `items`, of which nobody knows how many there are; done: part of the work, from 0 to 1."""
    if not show:
        yield from items
        return
    console = PlainConsole(stderr=True)
    if console.is_terminal:
        with _bar(TaskProgressColumn(), console) as bar:
            task, seen = bar.add_task(description, total=1.0), monotonic()
            for item in items:
                yield item
                if monotonic() - seen > 0.1:
                    seen = monotonic()
                    bar.update(task, completed=done())
            bar.update(task, completed=1.0)
        return
    started = reported = monotonic()
    for item in items:
        yield item
        now = monotonic()
        if now - reported > QUIET:
            reported, part = now, max(done(), 1e-6)
            left = duration((now - started) / part * (1 - part))
            text = f"{description}: {100 * part:.0f} %, {duration(now - started)}, about {left} left"
            print(text, file=sys.stderr, flush=True)


def track(items: Iterable[T], description: str, total: int, *, show: bool = True) -> Iterator[T]:
    """Yield `items` while showing how far along they are, on standard error."""
    if not show:
        yield from items
        return
    console = PlainConsole(stderr=True)
    if console.is_terminal:
        with _bar(MofNCompleteColumn(), console) as bar:
            yield from bar.track(items, total=total, description=description)
        return
    forecast = Forecast(description)
    for done, item in enumerate(items, start=1):
        yield item
        forecast.step(total - done, f"{done}/{total}")
