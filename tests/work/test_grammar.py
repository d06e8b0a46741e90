"""One grammar says where work is done, and packages can add to it."""

from __future__ import annotations

import os
from importlib.metadata import EntryPoint

import pytest
from pydantic import BaseModel, ValidationError

from superion import registry
from superion.errors import InputError
from superion.settings_file import read_yaml
from superion.work.executors import (
    EXECUTORS,
    ExecutorKind,
    Where,
    check_executor,
    open_executor,
    slots_of,
)
from superion.work.pools import Processes, Serial, Threads


@pytest.mark.parametrize(
    ("text", "kind", "slots"),
    [
        ("serial", Serial, 1),
        ("processes:3", Processes, 3),
        ("processes", Processes, 1),
        ("2", Processes, 2),
        (2, Processes, 2),
        ("threads:2", Threads, 2),
    ],
)
def test_what_can_be_written(text, kind, slots) -> None:
    assert check_executor(text) == text
    assert slots_of(text) == slots
    with open_executor(text) as workers:
        assert (type(workers), workers.slots) == (kind, slots)
        assert workers.submit(divmod, 7, 2).result() == (3, 1)


@pytest.mark.parametrize(
    "text",
    ["threads:", "threads:0", "dask:", "dask://", "dask:9", "processes:two", "serial:2", "0", 0, -1, ""],
)
def test_what_means_nothing_is_refused_with_all_that_does(text) -> None:
    remedy = r"cannot understand the executor .* write serial, processes:N, threads:N, dask://HOST:PORT"
    with pytest.raises(InputError, match=remedy):
        open_executor(text)


def test_a_name_that_is_almost_right() -> None:
    with pytest.raises(InputError, match=r"'procesess:2'\. Did you mean 'processes'\?"):
        check_executor("procesess:2")


def test_settings_take_the_grammar_but_no_file_that_could_name_code() -> None:
    class Settings(BaseModel):
        parallel: Where | None = None

    assert Settings(parallel=4).parallel == 4
    assert Settings(parallel="dask://host:8786").parallel == "dask://host:8786"
    for text in ("cluster", "slurm.yaml"):
        with pytest.raises(ValidationError, match=r"cannot understand|may name code"):
            Settings(parallel=text)


def test_a_package_brings_another_executor(monkeypatch) -> None:
    theirs = ExecutorKind("theirs", "theirs:QUEUE", lambda rest: 1, lambda rest, environment, log: Serial())
    monkeypatch.setattr(EntryPoint, "load", lambda self: theirs)
    point = EntryPoint("theirs", "their.package:kind", "superion.executors")
    monkeypatch.setattr(registry, "entry_points", lambda group: [point] if group == point.group else [])
    try:
        with open_executor("theirs:long") as workers:
            assert workers.submit(abs, -1).result() == 1
        with pytest.raises(InputError, match="theirs:QUEUE"):
            check_executor("nobody's")
    finally:
        EXECUTORS._known.pop("theirs", None)


def test_errors_come_back_with_all_that_they_say(tmp_path) -> None:
    with open_executor("processes:1") as workers:
        with pytest.raises(InputError, match=r"none\.yaml: cannot be read") as caught:
            workers.submit(read_yaml, tmp_path / "none.yaml").result()
        assert (caught.value.file, caught.value.remedy) == (tmp_path / "none.yaml", "check the path.")
        pid = workers.submit(os.getpid).result()
        assert workers.submit(os.getpid).result() == pid
