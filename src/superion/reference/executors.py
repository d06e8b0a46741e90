"""Where labels are made: processes or threads here, a Dask cluster, or the executor of a settings file."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from ase import Atoms
from pydantic import BaseModel, ConfigDict, Field

from superion.errors import InputError
from superion.reference.attempt import Reply, atoms_to_json, label_apart, label_here
from superion.reference.helper import end_idle, kill_running
from superion.reference.labeller import Labeller, SetupError, require
from superion.reference.settings import LabellerSettings, make_labeller


class ExecutorSettings(BaseModel):
    """An executor by import path, in a file that the user names: for clusters with a queue."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    factory: str = Field(
        description="module:name of what makes a concurrent.futures.Executor or a Dask cluster, "
        "e.g. dask_jobqueue:SLURMCluster."
    )
    arguments: dict[str, Any] = Field(default_factory=dict, description="Arguments of the factory.")
    slots: int = Field(gt=0, description="Labels made at once; a Dask cluster is scaled to as many jobs.")


@dataclass(slots=True)
class Workers:
    """An executor and how many labels it makes at once. close: gives back what was taken.

    apart: whether every label has a process of its own, which a time-out can kill. local: whether those
    processes were started by this one.
    """

    executor: Executor
    slots: int
    apart: bool = True
    local: bool = False
    close: Callable[[], object] = field(default=lambda: None)
    _begun: list[Future[Reply]] = field(default_factory=list)

    def submit(
        self, key: str, atoms: Atoms, settings: LabellerSettings, timeout: float | None
    ) -> Future[Reply]:
        """Begin one attempt."""
        if self.apart:
            found = settings.with_path(os.path.abspath)  # an attempt works in a folder of its own
            plain = found.model_dump(mode="json", exclude_unset=True)
            future = self.executor.submit(label_apart, key, atoms_to_json(atoms), plain, timeout)
        else:
            future = self.executor.submit(_label_in_thread, key, atoms, settings)
        self._begun = [*(f for f in self._begun if not f.done()), future]
        return future

    def shut(self) -> None:
        """Stop what is running here and let the executor go."""
        for future in self._begun:
            future.cancel()
        while self.local and not all(future.done() for future in self._begun):
            kill_running()
            time.sleep(0.02)
        if self.local:
            end_idle()
        self.executor.shutdown(wait=False)
        self.close()


def make_workers(text: str, patience: float = 30.0) -> Workers:
    """`processes:N`, `threads:N` or `dask://host:port`; InputError for anything else.

    patience: seconds to wait for a Dask scheduler to answer.
    """
    kind, colon, rest = text.partition(":")
    if kind == "dask" and rest.startswith("//"):
        return _dask(f"tcp://{rest[2:]}", patience=patience)
    if kind in ("processes", "threads") and (not colon or rest.isdecimal()) and rest != "0":
        count = int(rest or 1)
        apart = kind == "processes"
        return Workers(ThreadPoolExecutor(count), count, apart=apart, local=apart)
    raise InputError(
        f"cannot understand the executor {text!r}.",
        remedy="write processes:N, threads:N, dask://host:port, or the name of a settings file (.yaml).",
    )


def factory_workers(settings: ExecutorSettings) -> Workers:
    """The executor that the user's settings file names."""
    module, _, name = settings.factory.partition(":")
    try:
        made = getattr(import_module(module), name)(**settings.arguments)
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise SetupError(
            f"the executor {settings.factory} cannot be made ({type(error).__name__}: {error}).",
            remedy="check its path and its arguments, and that its package is installed.",
        ) from error
    if hasattr(made, "scale"):
        made.scale(settings.slots)
        return _dask(made, settings.slots, made.close)
    return Workers(made, settings.slots)


def _dask(
    address: Any,
    slots: int | None = None,
    close: Callable[[], object] = lambda: None,
    patience: float = 30.0,
) -> Workers:
    distributed = require("distributed", "pip install 'superion[dask]'")
    try:
        client = distributed.Client(address, timeout=patience)
    except ValueError as error:
        raise SetupError(
            f"cannot understand the address of a Dask scheduler, {address} ({error}).",
            remedy="write dask://host:8786; `dask scheduler` prints it.",
        ) from error
    except OSError as error:
        raise SetupError(
            f"no Dask scheduler answers at {address} ({error}).",
            remedy="start one with `dask scheduler`, and workers with `dask worker`.",
        ) from error
    count = slots or sum(client.nthreads().values())
    if not count:
        client.close()
        raise SetupError(f"the Dask scheduler at {address} has no workers.", remedy="start some.")

    def leave() -> None:
        client.close()
        close()

    return Workers(client.get_executor(pure=False), count, close=leave)


_here = threading.local()


def _label_in_thread(key: str, atoms: Atoms, settings: LabellerSettings) -> Reply:
    """Label in this thread, with a labeller of its own that it keeps."""
    made: tuple[LabellerSettings, Labeller] | None = getattr(_here, "made", None)
    if made is None or made[0] != settings:
        made = _here.made = (settings, make_labeller(settings))
    reply = label_here(key, atoms, made[1])
    if reply.labels is None:
        _here.made = None  # what failed may have left it in any state
    return reply
