"""Many pieces of work, a few of them at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import TypeVar

P = TypeVar("P")
R = TypeVar("R")

POLL = 0.1
"""Seconds between two looks at what is running."""


def each_done(
    waiting: deque[P],
    slots: int,
    begin: Callable[[P], Future[R]],
    look: Callable[[], None] | None = None,
) -> Iterator[tuple[P, Future[R]]]:
    """Begin all pieces, at most `slots` at once, and yield each with its outcome when it is done.

    Whoever receives a piece may append it, or others, to `waiting`. look: called now and then.
    """
    running: dict[Future[R], P] = {}
    while waiting or running:
        while waiting and len(running) < slots:
            piece = waiting.popleft()
            running[begin(piece)] = piece
        done = wait(running, None if look is None else POLL, FIRST_COMPLETED).done
        if look is not None:
            look()
        for future in done:
            yield running.pop(future), future
