"""Every command with workers takes every member of the grammar, and gives the same wherever it is done."""

from __future__ import annotations

from pathlib import Path

import pytest
from lennard_jones import call, defect, locality, write_argon

from superion.errors import SimulationError
from superion.files import sha256
from superion.simulation import MDSettings, read_trajectory
from superion.study.dynamics import Job, known_by, run_jobs
from superion.work.executors import open_executor
from superion.work.plan import run_plan
from superion.work.state import State
from superion.work.step import Step, Task

DASK = "dask"
FOUND: dict[str, bytes] = {}
"""The first result of each command."""


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory):
    from distributed import LocalCluster

    folder = tmp_path_factory.mktemp("dask")
    with LocalCluster(
        n_workers=1, threads_per_worker=1, dashboard_address=":0", local_directory=folder
    ) as cluster:
        yield cluster.scheduler_address.replace("tcp:", "dask:")


@pytest.fixture(params=["serial", "1", "threads:2", DASK])
def where(request) -> str:
    return request.getfixturevalue("scheduler") if request.param == DASK else request.param


def same(name: str, content: bytes) -> None:
    assert FOUND.setdefault(name, content) == content


def test_labels(where, tmp_path: Path) -> None:
    write_argon(tmp_path)
    files = tmp_path / "argon.extxyz", "--labeller", tmp_path / "model.yaml", "--store", tmp_path / "store"
    call([str(word) for word in ("label", *files, "--output", tmp_path / "out.extxyz", "--executor", where)])
    same("label", (tmp_path / "out.extxyz").read_bytes())


def test_defects(where, tmp_path: Path) -> None:
    write_argon(tmp_path)
    call(defect(tmp_path, "out", where))
    same("defect", (tmp_path / "out" / "defects.json").read_bytes())
    assert not list((tmp_path / "out").glob(".model-*"))


def test_locality(where, tmp_path: Path) -> None:
    write_argon(tmp_path)
    call(locality(tmp_path, "out", where))
    same("locality", (tmp_path / "out" / "samples.extxyz").read_bytes())


def job(folder: Path, name: str, kelvin: float) -> Job:
    model, structure = folder / "model.yaml", folder / "argon.extxyz"
    settings = MDSettings(temperature=kelvin, timestep=0.1, steps=12, sample_every=4)
    identity = {"model": known_by(model), "structure": sha256(structure)}
    return Job(name, folder / "md" / name, model, structure, (1, 1, 1), settings, identity)


def test_runs_of_studies_and_trainings(where, tmp_path: Path) -> None:
    write_argon(tmp_path)
    jobs = [job(tmp_path, "cold", 10.0)]
    if where == "threads:2":
        jobs.append(job(tmp_path, "wrong", 10.0))
        jobs[1].identity["model"] = "another"
    with open_executor(where) as workers:
        failed = run_jobs(jobs, workers, progress=False)
    assert len(failed) == len(jobs) - 1
    for error in failed:
        assert isinstance(error, SimulationError)
        assert "dynamics of wrong failed" in str(error)
        assert "the model was changed" in str(error)
    same("md", read_trajectory(tmp_path / "md" / "cold").positions.tobytes())


def test_a_plan(where, tmp_path: Path) -> None:
    """Tasks are done once; what one lacks is told, and its dependants wait."""

    def step(name: str, needs: tuple[str, ...] = (), **inputs: Path) -> Step:
        task = Task(sha256, (tmp_path / name,), lambda digest: [tmp_path / name])
        return Step(name, needs, None, lambda: inputs, task=lambda: task)

    (tmp_path / "a").write_text("a")
    plan = [step("a"), step("b"), step("c", ("b",))]
    with open_executor(where) as workers:
        failed = run_plan(plan, State(tmp_path), workers, progress=False)
        assert list(failed) == ["b"]
        assert failed["b"].startswith("FileNotFoundError")
        for name in "bc":
            (tmp_path / name).write_text(name)
        state = State.read(tmp_path)
        assert {name: record.status for name, record in state.records.items()} == {
            "a": "done",
            "b": "failed",
            "c": "waiting",
        }
        assert run_plan(plan, state, workers, progress=False) == {}
    assert {record.status for record in state.records.values()} == {"done"}
