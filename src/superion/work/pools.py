"""Those who work: this process, threads, processes, or the executor of another package."""

from __future__ import annotations

import ctypes
import os
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

from superion.machine import THREADS
from superion.work.process import Kept, call_apart

GRACE = 5.0
"""Seconds that calls have to save what they hold, when what they are for is stopped."""
ONE_THREAD = dict.fromkeys(THREADS, "1")


class Workers(Executor):
    """An executor with a number of slots.

    `submit` is that of any executor. `begin` is for long calls: where `apart` is true each is done in a
    process that can be killed. slots: calls done at once.
    """

    slots = 1
    apart = False

    def begin(
        self,
        function: Callable[..., Any],
        *arguments: Any,
        timeout: float | None = None,
        scratch: bool = False,
        name: str = "",
        log: Path | None = None,
    ) -> Future[Any]:
        """Begin a call; what the options mean for a process of its own, `Kept.call` says."""
        return self.submit(function, *arguments)

    def stop(self, grace: float = 0.0) -> None:
        """Stop what is running, after `grace` seconds to save what it has, and let the workers go."""

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """As `stop`."""
        self.stop()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop(0.0 if error is None else GRACE)


class Serial(Workers):
    """Here and at once, one call after the other."""

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """Do a call; what is no error, as Ctrl-C, is raised here."""
        future: Future[Any] = Future()
        try:
            future.set_result(function(*arguments, **named))
        except Exception as error:
            future.set_exception(error)
        return future


class Threads(Workers):
    """Threads of this process."""

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self._pool = ThreadPoolExecutor(slots)
        self._lock = threading.Lock()
        self._busy: set[int] = set()
        self._stopped = False

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """Begin a call."""
        return self._pool.submit(self._do, function, arguments, named)

    def stop(self, grace: float = 0.0) -> None:
        """Calls at work meet KeyboardInterrupt; one that is in compiled code goes on until it returns."""
        with self._lock:
            self._stopped = True
            for number in self._busy:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(number), ctypes.py_object(KeyboardInterrupt)
                )
        self._pool.shutdown(wait=False, cancel_futures=True)
        until = time.monotonic() + grace
        while self._busy and time.monotonic() < until:
            time.sleep(0.02)

    def _do(self, function: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        me = threading.get_ident()
        with self._lock:
            if self._stopped:
                raise CancelledError
            self._busy.add(me)
        try:
            return function(*arguments, **named)
        finally:
            with self._lock:
                self._busy.discard(me)


class Processes(Workers):
    """Processes that end with this one, however it ends; one call at a time each."""

    apart = True

    def __init__(
        self, slots: int, environment: Mapping[str, str] = ONE_THREAD, log: Path | None = None
    ) -> None:
        """environment: added to that of this process. log: what they print; standard error if not given."""
        self.slots = slots
        self._kept = Kept({**os.environ, **environment}, log)
        self._pool = ThreadPoolExecutor(slots)

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """Begin a call."""
        return self._pool.submit(
            self._kept.call, partial(function, **named) if named else function, arguments
        )

    def begin(self, function: Callable[..., Any], *arguments: Any, **options: Any) -> Future[Any]:
        """Begin a call; options: of `Kept.call`."""
        return self._pool.submit(self._kept.call, function, arguments, **options)

    def stop(self, grace: float = 0.0) -> None:
        """End them."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._kept.stop(grace)
        self._pool.shutdown()


class Outside(Workers):
    """The executor of another package, whose workers may be on other machines; they see the same files."""

    apart = True

    def __init__(
        self,
        executor: Executor,
        slots: int,
        environment: Mapping[str, str] = ONE_THREAD,
        close: Callable[[], object] = lambda: None,
    ) -> None:
        """environment: added to that of the workers. close: gives back what was taken."""
        self.slots, self._environment = slots, dict(environment)
        self._executor, self._close = executor, close
        self._begun: list[Future[Any]] = []

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """Begin a call."""
        return self._known(self._executor.submit(function, *arguments, **named))

    def begin(self, function: Callable[..., Any], *arguments: Any, **options: Any) -> Future[Any]:
        """Begin a call in a process that its worker starts; options: of `Kept.call`."""
        return self._known(self._executor.submit(call_apart, function, arguments, self._environment, options))

    def stop(self, grace: float = 0.0) -> None:
        """Take back what has not begun; what has begun ends by itself."""
        for future in self._begun:
            future.cancel()
        self._executor.shutdown(wait=False)
        self._close()

    def _known(self, future: Future[Any]) -> Future[Any]:
        self._begun = [*(one for one in self._begun if not one.done()), future]
        return future
