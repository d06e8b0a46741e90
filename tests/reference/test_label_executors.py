"""Labels from a Dask cluster, from an executor that a file names, and from codes that are tried for real."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from label_cases import argon, faulty, truth

from superion.reference import (
    ExecutorSettings,
    SetupError,
    factory_workers,
    label_frames,
    make_workers,
)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Two worker processes on this machine."""
    from distributed import LocalCluster

    here = str(Path(__file__).parent)
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([here, before or ""])
    folder = tmp_path_factory.mktemp("dask")
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, local_directory=folder
    ) as made:
        yield made
    os.environ.pop("PYTHONPATH")
    if before is not None:
        os.environ["PYTHONPATH"] = before


def test_two_dask_workers_share_the_labels_and_survive_a_crash(tmp_path, cluster) -> None:
    workers = make_workers(cluster.scheduler_address.replace("tcp:", "dask:"))
    assert workers.slots == 2
    settings = faulty("killed", once=tmp_path / "once", beyond=2.9, log=tmp_path / "log", pause=0.5)
    try:
        outcome = label_frames(
            argon(4), settings, tmp_path / "s", workers, retries=1, timeout=300.0, progress=False
        )
    finally:
        workers.shut()
    assert (outcome.made, outcome.failures) == (4, {})
    assert outcome.entries[3].attempts == 1
    for atoms, entry in zip(argon(4), outcome.entries, strict=True):
        assert (entry.labels.forces == truth(atoms)[1]).all()
    assert len((tmp_path / "log").read_text().split()) == 5


def test_a_scheduler_that_is_not_there_is_named() -> None:
    with pytest.raises(SetupError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        make_workers("dask://127.0.0.1:9", patience=1.0)


def test_an_executor_by_import_path(tmp_path) -> None:
    settings = ExecutorSettings(
        factory="concurrent.futures:ThreadPoolExecutor", arguments={"max_workers": 2}, slots=2
    )
    workers = factory_workers(settings)
    try:
        outcome = label_frames(argon(2), faulty(), tmp_path / "s", workers, progress=False)
    finally:
        workers.shut()
    assert outcome.made == 2
    with pytest.raises(SetupError, match="no_such:Cluster cannot be made"):
        factory_workers(ExecutorSettings(factory="no_such:Cluster", slots=1))
