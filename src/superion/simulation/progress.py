"""How far a run is: a bar on a terminal, else one line per tenth."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from types import TracebackType
from typing import Literal, Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from superion.terminal import PlainConsole


class RunProgress:
    """Reports steps, ns per day and the time left on standard error.

    show: True draws a bar if the output is a terminal and prints lines otherwise, "bar" always draws
    it, False is silent. timestep: fs. done, total: steps.
    """

    def __init__(
        self,
        show: bool | Literal["bar"],
        *,
        done: int,
        total: int,
        timestep: float,
        console: PlainConsole | None = None,
    ) -> None:
        self._console = console or PlainConsole(stderr=True)
        self._show, self._done, self._total, self._timestep = show, done, total, timestep
        self._first, self._tenth = done, 10 * done // total
        self._started = time.perf_counter()
        self._bar: Progress | None = None
        if show == "bar" or (show and self._console.is_terminal):
            self._bar = Progress(
                TextColumn("dynamics", markup=False),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[speed]:.3g} ns/day", markup=False),
                TextColumn("{task.fields[now]}", markup=False),
                TimeRemainingColumn(),
                console=self._console,
            )
            self._task = self._bar.add_task("dynamics", total=total, completed=done, speed=0.0, now="")

    @property
    def seconds(self) -> float:
        """Seconds since the start of this run."""
        return time.perf_counter() - self._started

    @property
    def ns_per_day(self) -> float:
        """Simulated ns per day of the steps done since the start."""
        return (self._done - self._first) * self._timestep * 1e-6 / max(self.seconds, 1e-9) * 86400

    def update(self, done: int, now: Callable[[], Mapping[str, float]] = dict) -> None:
        """Tell that `done` steps are done.

        now: temperature (K), pressure (GPa) and volume (Å³), if known; called only where they are shown.
        """
        self._done = done
        if self._bar:
            self._bar.update(self._task, completed=done, speed=self.ns_per_day, now=_text(now()))
        elif self._show and (tenth := 10 * done // self._total) > self._tenth:
            self._tenth = tenth
            left = self.seconds * (self._total - done) / (done - self._first)
            self._console.print(
                f"dynamics {10 * tenth:3d} %  step {done} of {self._total}  {self.ns_per_day:.3g} ns/day  "
                f"{timedelta(seconds=round(left))} left  {_text(now())}".rstrip(),
                highlight=False,
                soft_wrap=True,
            )

    def __enter__(self) -> Self:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()


def _text(now: Mapping[str, float]) -> str:
    units = {"temperature": "K", "pressure": "GPa", "volume": "Å³"}
    shown = {"temperature": ".0f", "pressure": ".3g", "volume": ".5g"}
    return "  ".join(f"{value:{shown[name]}} {units[name]}" for name, value in now.items())
