"""Where work is done, in one grammar: `serial`, `processes:4`, `threads:4`, `dask://host:port`.

A number alone means so many processes. Packages of others add a kind by an entry point of the group
`superion.executors`: an `ExecutorKind`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from superion.errors import InputError, suggest
from superion.registry import Registry
from superion.settings_file import read_settings
from superion.work.pools import ONE_THREAD, Outside, Processes, Serial, Threads, Workers


@dataclass(frozen=True, slots=True)
class ExecutorKind:
    """A way to do work. usage: how it is written, such as `processes:N`.

    slots: how many calls are done at once, from what follows the name; ValueError for what means nothing;
    None where only its `open` can tell. open: makes the workers, from the same, from variables of the
    environment that processes get over those of this one, and a file for what they print.
    """

    name: str
    usage: str
    slots: Callable[[str], int | None]
    open: Callable[[str, Mapping[str, str], Path | None], Workers]


EXECUTORS: Registry[ExecutorKind] = Registry("executor", "superion.executors")


class ExecutorSettings(BaseModel):
    """An executor by import path, in a file that the user names: for clusters with a queue."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    factory: str = Field(
        description="module:name of what makes a concurrent.futures.Executor or a Dask cluster, "
        "e.g. dask_jobqueue:SLURMCluster."
    )
    arguments: dict[str, Any] = Field(default_factory=dict, description="Arguments of the factory.")
    slots: int = Field(gt=0, description="Calls done at once; a Dask cluster is scaled to as many jobs.")


def open_executor(
    where: str | int | ExecutorSettings,
    environment: Mapping[str, str] | None = None,
    log: Path | None = None,
) -> Workers:
    """The workers that `where` names; a settings file (.yaml) may name code to run.

    environment: variables that processes get over those of this one; not given, one thread for each process
    unless this one says otherwise. log: file for what processes of this machine print; standard error if not
    given.
    Raises InputError for what is not understood, a package that is missing and a scheduler out of reach.
    """
    if environment is None:
        environment = {name: value for name, value in ONE_THREAD.items() if name not in os.environ}
    if isinstance(where, ExecutorSettings):
        return _made(where, environment)
    if is_settings(where):
        return _made(read_settings(str(where), ExecutorSettings), environment)
    kind, rest = _parsed(where)
    return kind.open(rest, environment, log)


def check_executor(where: str | int) -> str | int:
    """`where`, if it can be understood; InputError, naming all that can be, if not."""
    if not is_settings(where):
        _parsed(where)
    elif not Path(str(where)).is_file():
        raise InputError("there is no such settings file.", file=where, remedy="correct the path.")
    return where


def slots_of(where: str | int) -> int | None:
    """How many calls are done at once; None where that is known only when it is opened."""
    if is_settings(where):
        return read_settings(str(where), ExecutorSettings).slots
    kind, rest = _parsed(where)
    return kind.slots(rest)


def is_settings(where: str | int) -> bool:
    """Whether this is the name of a settings file."""
    return str(where).endswith((".yaml", ".yml"))


def _understood(where: str | int) -> str | int:
    if is_settings(where):
        raise ValueError("a settings file may name code to run, so only a command line may name it")
    try:
        return check_executor(where)
    except InputError as error:
        raise ValueError(str(error)) from error


Where = Annotated[int | str, AfterValidator(_understood)]
"""An executor in a settings file."""


def usage() -> str:
    """All that the grammar knows, for help texts and errors."""
    return ", ".join(kind.usage for kind in EXECUTORS.working().values())


def _parsed(where: str | int) -> tuple[ExecutorKind, str]:
    text = str(where).strip()
    if text.isdecimal():
        text = f"processes:{text}"
    name, colon, rest = text.partition(":")
    problem = f"cannot understand the executor {str(where)!r}."
    if name not in EXECUTORS:
        problem += suggest(name, EXECUTORS)
    else:
        kind = EXECUTORS[name]
        try:
            kind.slots(rest)
            if not (colon and not rest):
                return kind, rest
        except ValueError as error:
            problem += f" {name}: {error}." if str(error) else ""
    raise InputError(problem, remedy=f"write {usage()}, or the name of a settings file (.yaml).")


def _count(rest: str) -> int:
    """The number of workers, one if there is none."""
    if not rest:
        return 1
    if not rest.isdecimal() or int(rest) < 1:
        raise ValueError(f"expected a number of 1 or more, found {rest!r}")
    return int(rest)


def _nothing(rest: str) -> int:
    if rest:
        raise ValueError(f"nothing follows the name, found {rest!r}")
    return 1


def _address(rest: str) -> None:
    host, _, port = rest.removeprefix("//").rpartition(":")
    if not rest.startswith("//") or not (host or port):
        raise ValueError(f"expected dask://HOST:PORT, the address of a Dask scheduler, found {rest!r}")


PATIENCE = 30.0
"""Seconds to wait for a Dask scheduler to answer."""


def _dask(
    address: Any,
    environment: Mapping[str, str],
    slots: int | None = None,
    close: Callable[[], object] = lambda: None,
) -> Workers:
    try:
        from distributed import Client
    except ImportError as error:
        raise InputError(
            f"a Dask cluster needs the package `distributed` ({error}).",
            remedy="pip install 'superion[dask]'.",
        ) from error
    try:
        client = Client(address, timeout=PATIENCE)
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
    count = slots or sum(client.nthreads().values())
    if not count:
        client.close()
        raise InputError(
            f"the Dask scheduler at {address} has no workers.",
            remedy="start some with `dask worker ADDRESS`.",
        )

    def leave() -> None:
        client.close()
        close()

    return Outside(client.get_executor(pure=False), count, environment, leave)


def _made(settings: ExecutorSettings, environment: Mapping[str, str]) -> Workers:
    """The executor that the user's settings file names."""
    module, _, name = settings.factory.partition(":")
    try:
        made = getattr(import_module(module), name)(**settings.arguments)
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise InputError(
            f"the executor {settings.factory} cannot be made ({type(error).__name__}: {error}).",
            remedy="check its path and its arguments, and that its package is installed.",
        ) from error
    if hasattr(made, "scale"):
        made.scale(settings.slots)
        return _dask(made, environment, settings.slots, made.close)
    return Outside(made, settings.slots, environment)


for _kind in (
    ExecutorKind("serial", "serial", _nothing, lambda rest, environment, log: Serial()),
    ExecutorKind(
        "processes",
        "processes:N",
        _count,
        lambda rest, environment, log: Processes(_count(rest), environment, log),
    ),
    ExecutorKind("threads", "threads:N", _count, lambda rest, environment, log: Threads(_count(rest))),
    ExecutorKind(
        "dask", "dask://HOST:PORT", _address, lambda rest, environment, log: _dask(f"tcp:{rest}", environment)
    ),
):
    EXECUTORS.add(_kind)
