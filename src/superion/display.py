"""How far several runs are: one bar each on a terminal, else a line for each tenth."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

from superion.terminal import PlainConsole


def say(text: str, show: bool = True) -> None:
    """One line on standard error."""
    if show:
        print(text, file=sys.stderr, flush=True)


class Display:
    """Shows fractions done, on standard error."""

    def __init__(self, names: Sequence[str], *, show: bool = True) -> None:
        console = PlainConsole(stderr=True)
        self._show = show
        self._started = time.monotonic()
        self._tenth = dict.fromkeys(names, 0)
        self._bar: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        if show and console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                TaskProgressColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[note]}", markup=False),
                console=console,
            )
            self._tasks = {name: self._bar.add_task(name, total=1.0, note="") for name in names}

    def update(self, name: str, fraction: float) -> None:
        """Show that `fraction` of `name` is done."""
        if self._bar:
            self._bar.update(self._tasks[name], completed=fraction)
        elif int(10 * fraction) > self._tenth[name]:
            self._tenth[name] = int(10 * fraction)
            self._say(f"{name}: {10 * self._tenth[name]} %")

    def end(self, name: str, note: str) -> None:
        """Show how `name` ended."""
        if self._bar:
            self._bar.update(self._tasks[name], note=note)
        else:
            self._say(f"{name}: {note}")

    def _say(self, text: str) -> None:
        say(f"{text}, {time.monotonic() - self._started:.0f} s", self._show)

    def __enter__(self) -> Self:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()
