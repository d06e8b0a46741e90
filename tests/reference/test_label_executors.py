"""Labels from a Dask cluster, from an executor that a file names, and from codes that are tried for real."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from label_cases import argon, faulty, truth

from superion.errors import InputError
from superion.reference import label_frames
from superion.work import executors
from superion.work.executors import ExecutorSettings, open_executor


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Two worker processes on this machine."""
    from distributed import LocalCluster

    here = str(Path(__file__).parent)
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([here, before or ""])
    folder = tmp_path_factory.mktemp("dask")
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", local_directory=folder
    ) as made:
        yield made
    os.environ.pop("PYTHONPATH")
    if before is not None:
        os.environ["PYTHONPATH"] = before


def test_two_dask_workers_share_the_labels_and_survive_a_crash(tmp_path, cluster) -> None:
    settings = faulty("killed", once=tmp_path / "once", beyond=2.9, log=tmp_path / "log", pause=0.5)
    with open_executor(cluster.scheduler_address.replace("tcp:", "dask:")) as workers:
        assert workers.slots == 2
        outcome = label_frames(
            argon(4), settings, tmp_path / "s", workers, retries=1, timeout=300.0, progress=False
        )
    assert (outcome.made, outcome.failures) == (4, {})
    assert outcome.entries[3].attempts == 1
    for atoms, entry in zip(argon(4), outcome.entries, strict=True):
        assert (entry.labels.forces == truth(atoms)[1]).all()
    assert len((tmp_path / "log").read_text().split()) == 5


def test_a_scheduler_that_is_not_there_is_named(monkeypatch) -> None:
    monkeypatch.setattr(executors, "PATIENCE", 1.0)
    with pytest.raises(InputError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        open_executor("dask://127.0.0.1:9")


def test_an_executor_by_import_path(tmp_path) -> None:
    settings = ExecutorSettings(
        factory="concurrent.futures:ThreadPoolExecutor", arguments={"max_workers": 2}, slots=2
    )
    with open_executor(settings) as workers:
        outcome = label_frames(argon(2), faulty(), tmp_path / "s", workers, progress=False)
    assert outcome.made == 2
    with pytest.raises(InputError, match="no_such:Cluster cannot be made"):
        open_executor(ExecutorSettings(factory="no_such:Cluster", slots=1))
