"""Interrupts between any two lines of chosen modules, as Ctrl-C or SIGTERM bring them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from types import ModuleType

import numpy as np


class Interrupter:
    """Raises KeyboardInterrupt before the line of this number that is run in the watched modules."""

    def __init__(self, *watched: ModuleType) -> None:
        self._files = {module.__file__ for module in watched}
        self._at = self._count = 0

    def lines(self, work: Callable[[], object]) -> int:
        """How many lines a piece of work runs; nothing interrupts it."""
        return self.stop(work, 0)

    def stop(self, work: Callable[[], object], at: int) -> int:
        """Work until a line; how many were run."""
        self._at, self._count, before = at, 0, sys.gettrace()
        sys.settrace(self._trace)
        try:
            work()
        finally:
            sys.settrace(before)
        return self._count

    def _trace(self, frame, event, argument):
        if frame.f_code.co_filename not in self._files:
            return None
        if event == "line":
            self._count += 1
            if self._count == self._at:
                raise KeyboardInterrupt
        return self._trace


def some(lines: int, count: int) -> Iterable[int]:
    """A few of so many lines, drawn at random, but always the same."""
    return np.sort(np.random.default_rng(0).choice(np.arange(1, lines), count, replace=False)).tolist()
