"""Where parts of a fit are reduced: `threads:4`, `processes:4` or `dask://host:port`."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager

from superion.errors import InputError


@contextmanager
def open_executor(address: str) -> Iterator[tuple[Executor, int]]:
    """The executor that `address` names and the number of its workers, until the block is left.

    Raises InputError for an address that is not understood, a missing extra or a scheduler out of reach.
    """
    kind, _, rest = address.partition(":")
    if kind in ("threads", "processes") and rest.isdecimal() and int(rest) > 0:
        count = int(rest)
        pool: Executor = (
            ThreadPoolExecutor(count)
            if kind == "threads"
            else ProcessPoolExecutor(count, multiprocessing.get_context("spawn"))
        )
        with pool:
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
def _dask(address: str) -> Iterator[tuple[Executor, int]]:
    try:
        from distributed import Client
    except ImportError as error:
        raise InputError(
            "a Dask cluster needs the package `distributed`.", remedy="pip install 'superion[dask]'."
        ) from error
    try:
        client = Client(address, timeout=10)
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
