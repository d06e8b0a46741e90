"""Where parts of a fit are reduced: `threads:4`, `processes:4` or `dask://host:port`."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any

from superion.errors import InputError, SuperionError

SAFE = "PYTHONSAFEPATH"


@contextmanager
def open_executor(address: str) -> Iterator[tuple[Executor, int]]:
    """The executor that `address` names and the number of its workers, until the block is left.

    Raises InputError for an address that is not understood, a missing extra or a scheduler out of reach.
    """
    kind, _, rest = address.partition(":")
    if kind in ("threads", "processes") and rest.isdecimal() and int(rest) > 0:
        count = int(rest)
        with ThreadPoolExecutor(count) if kind == "threads" else process_pool(count) as pool:
            yield pool, count
    elif kind == "dask" and rest.startswith("//") and len(rest) > 2:
        with _dask(f"tcp:{rest}") as both:
            yield both
    else:
        raise InputError(
            f"cannot understand the executor {address!r}.",
            remedy="write threads:4, processes:4 or dask://host:8786 (the address of a Dask scheduler).",
        )


@contextmanager
def process_pool(
    count: int, set_up: Callable[..., None] | None = None, arguments: tuple[Any, ...] = ()
) -> Iterator[ProcessPoolExecutor]:
    """`count` processes that end with this one, however it ends; each calls `set_up(*arguments)` first.

    Raises SuperionError if one of them is killed.
    """
    context = multiprocessing.get_context("spawn")
    with _safe_path(), ProcessPoolExecutor(count, context, _begin, (set_up, arguments)) as pool:
        try:
            yield pool
        except BrokenProcessPool as error:
            raise SuperionError(
                f"one of {count} processes was killed from outside, as when memory runs out.",
                remedy="run the same command again, with fewer processes if memory is short.",
            ) from error


@contextmanager
def _safe_path() -> Iterator[None]:
    """Let Python processes that start look for modules where this one does, not in the working folder."""
    before = os.environ.get(SAFE)
    os.environ[SAFE] = "1"
    try:
        yield
    finally:
        os.environ.pop(SAFE)
        if before is not None:
            os.environ[SAFE] = before


def _begin(set_up: Callable[..., None] | None, arguments: tuple[Any, ...]) -> None:
    """Begin a process of a pool."""
    os.environ.pop(SAFE, None)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if set_up is not None:
        set_up(*arguments)


def _end_with_parent() -> None:
    """End this process as soon as the one that started it is gone: the pool itself would wait for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


@contextmanager
def _dask(address: str) -> Iterator[tuple[Executor, int]]:
    try:
        from distributed import Client
    except ImportError as error:
        raise InputError(
            "a Dask cluster needs the package `distributed`.", remedy="pip install 'superion[dask]'."
        ) from error
    try:
        client = Client(address, timeout=10)
    except ValueError as error:
        raise InputError(
            f"cannot understand the address of a Dask scheduler, {address} ({error}).",
            remedy="write dask://host:8786; `dask scheduler` prints it.",
        ) from error
    except OSError as error:
        raise InputError(
            f"no Dask scheduler answers at {address} ({error}).",
            remedy="start one with `dask scheduler` and workers with `dask worker ADDRESS`.",
        ) from error
    with client:
        count = sum(client.nthreads().values())
        if count == 0:
            raise InputError(
                f"the Dask scheduler at {address} has no workers.",
                remedy="start some with `dask worker ADDRESS`.",
            )
        yield client.get_executor(), count
