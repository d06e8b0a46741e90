"""A whole study of a toy salt: done once, then resumed, changed, damaged and killed in copies."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ase.io import read, write
from toy_salt import CHARGES, write_inputs, write_study

from superion.errors import BusyError, InputError, SuperionError
from superion.files import locked, read_json, sha256
from superion.potentials import Potential
from superion.report.content import read_content
from superion.simulation import read_trajectory
from superion.study import fitting, read_study, run_study, status
from superion.study.dynamics import run_job
from superion.study.opened import open_study
from superion.study.steps import Study
from superion.work.state import State

STEPS = {
    "census",
    "fit",
    "accuracy",
    "dynamics/gap-300K",
    "dynamics/es-gap-300K",
    "transport/gap-300K",
    "transport/es-gap-300K",
    "verdict",
    "report",
}
TOGETHER = {"forces/gap", "forces/es-gap"}
"""Steps that are told of in one line."""


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """Inputs, study.yaml and the folder `out` of a finished study."""
    root = tmp_path_factory.mktemp("salt")
    write_inputs(root)
    run_study(write_study(root), root / "out", progress=False)
    return root


@pytest.fixture
def root(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "copy"))


@pytest.fixture
def again(root: Path, capsys) -> Callable[..., set[str]]:
    """Run the study of `root` with changed settings; the steps that were done, not skipped."""

    def rerun(**changes) -> set[str]:
        run_study(write_study(root, **changes), root / "out")
        said = capsys.readouterr().err
        skipped = set(re.findall(r"^(\S+): done before$", said, re.MULTILINE))
        done = set(re.findall(r"^(\S+): done, .* s$", said, re.MULTILINE))
        assert not skipped & done
        return done

    return rerun


def test_the_folder_holds_what_the_documentation_says(finished: Path) -> None:
    out = finished / "out"
    state = read_json(out / "state.json")
    assert set(state["steps"]) == STEPS | TOGETHER
    for record in state["steps"].values():
        assert record["status"] == "done"
        assert record["error"] is None
        for path, digest in record["outputs"].items():
            assert sha256(out / path) == digest
    census = read_json(out / "census.json")
    assert census["split"] == {"train": {"a": 4, "c": 4, "lone.extxyz": 2}, "test": {"b": 4}}
    assert census["census"]["total"]["frames"] == 14
    accuracy = read_json(out / "accuracy.json")
    for name in ("gap", "es-gap"):
        assert accuracy[name]["train"]["force_rmse"] < 0.1
        assert accuracy[name]["test"]["frames"] == 4
        assert set(accuracy[name]["test"]["force_rmse_by_species"]) == {"Li", "Cl"}
        trajectory = read_trajectory(out / "md" / f"{name}-300K")
        assert len(trajectory) == 121
        transport = read_json(out / "transport" / f"{name}-300K.json")
        assert transport["result"]["species"] == "Li"
        assert transport["result"]["temperature"] == 300
        assert set(transport["msd"]) == {"lag_ps", "Li", "Cl"}
        np.testing.assert_allclose(transport["msd"]["Li"], transport["result"]["msd"], rtol=1e-6, atol=1e-9)
        assert [part["frames"] for part in transport["against_length"]] == [109, 121]
        assert len(transport["thermo"]["time_ps"]) == 121
        assert transport["thermo"]["conserved_eV_per_atom"][0] == 0.0
        assert max(map(abs, transport["thermo"]["conserved_eV_per_atom"])) < 0.01
    provenance = read_json(out / "provenance.json")
    assert provenance["data"]["salt.extxyz"] == sha256(finished / "salt.extxyz")
    assert provenance["seeds"] == {"split": 0, "fit": 0, "fits": 0, "dynamics": 0}
    assert provenance["versions"]["torch"]
    assert Potential.load(finished / "out/models/gap.safetensors").provenance["versions"]["numpy"]
    assert "</html>" in (out / "report.html").read_text()
    found = status(out)
    assert found.next is None
    assert not found.running
    assert found.seconds_left == 0.0
    assert {row.step for row in found.rows} == STEPS | TOGETHER


def test_the_two_potentials_differ_in_the_coulomb_term_alone(finished: Path) -> None:
    models = finished / "out" / "models"
    gap, charged = (Potential.load(models / f"{name}.safetensors") for name in ("gap", "es-gap"))
    assert [term.kind for term in gap.terms] == ["repulsion", "gp"]
    assert [term.kind for term in charged.terms] == ["coulomb", "repulsion", "gp"]
    assert charged.terms[0].settings()["charges"]["values"] == CHARGES
    ours, theirs = gap.terms[-1].arrays(), charged.terms[-1].arrays()
    for name in ours:
        assert np.array_equal(ours[name], theirs[name]) == (name != "weights"), name


def test_parity_files_hold_the_errors_of_accuracy(finished: Path) -> None:
    from safetensors.numpy import load_file

    out = finished / "out"
    arrays = load_file(out / "parity" / "es-gap-test.safetensors")
    assert {k: v.shape for k, v in arrays.items()} == {
        "energy_reference": (4,),
        "energy_predicted": (4,),
        "force_reference": (32, 3),
        "force_predicted": (32, 3),
        "numbers": (32,),
        "stress_reference": (4, 6),
        "stress_predicted": (4, 6),
        "charge_reference": (0,),
        "charge_predicted": (0,),
        "dipole_reference": (0, 3),
        "dipole_predicted": (0, 3),
        "charges": (32,),
        "charge_numbers": (32,),
    }
    assert set(arrays["charges"][arrays["charge_numbers"] == 3]) == {CHARGES["Li"]}
    assert load_file(out / "parity" / "gap-test.safetensors")["charges"].shape == (0,)
    difference = arrays["force_predicted"] - arrays["force_reference"]
    expected = read_json(out / "accuracy.json")["es-gap"]["test"]
    assert np.sqrt(np.mean(difference**2)) == pytest.approx(expected["force_rmse"])
    lithium = difference[arrays["numbers"] == 3]
    assert np.sqrt(np.mean(lithium**2)) == pytest.approx(expected["force_rmse_by_species"]["Li"])


def test_nothing_is_done_twice(again) -> None:
    assert again() == set()
    assert again(parallel=1) == set()


def test_a_study_folder_continues_with_its_own_settings(root: Path, capsys) -> None:
    assert run_study(root / "out") == (root / "out").resolve()
    assert "report: done before" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "redone"),
    [
        (
            {"transport__discard_ps": 0.01},
            {"transport/gap-300K", "transport/es-gap-300K", "verdict", "report"},
        ),
        (
            {"transport__charge": 2.0, "potentials": ["gap"]},
            {"fit", "accuracy", "transport/gap-300K", "report"},
        ),
    ],
)
def test_a_changed_setting_redoes_exactly_what_depends_on_it(again, change: dict, redone: set[str]) -> None:
    assert again(**change) == redone


def test_data_that_change_while_a_step_is_at_work_are_noticed(root: Path, again, monkeypatch) -> None:
    """What was made from the old data is not taken for a result of the new, now or later."""
    fit = fitting.fit_jobs

    def changing(*arguments, **named):
        monkeypatch.setattr(fitting, "fit_jobs", fit)
        made = read(root / "salt.extxyz", ":")
        made[0].info["REF_energy"] += 0.5
        write(root / "salt.extxyz", made, format="extxyz")
        return fit(*arguments, **named)

    monkeypatch.setattr(fitting, "fit_jobs", changing)
    model = root / "out" / "models" / "gap.safetensors"
    with pytest.raises(SuperionError, match=r"fit: a file that it reads was changed while it was at work"):
        run_study(write_study(root, fit__seed=1), root / "out", progress=False)
    old = model.read_bytes()
    assert again(fit__seed=1) >= {"census", "fit", "accuracy", "dynamics/gap-300K"}
    assert model.read_bytes() != old
    assert Potential.load(model).provenance["data"]["salt.extxyz"] == sha256(root / "salt.extxyz")


def test_data_that_changed_since_they_were_read_are_read_again(root: Path) -> None:
    study = Study(read_study(root / "study.yaml"), root / "out", progress=False)
    assert len(study.data.frames) == 14
    assert study.data is study.data
    write(root / "salt.extxyz", read(root / "salt.extxyz", "1:"), format="extxyz")
    assert len(study.data.frames) == 13


def test_a_structure_that_changes_before_its_run_begins_is_named(root: Path) -> None:
    run = root / "out" / "md" / "gap-300K"
    write(root / "start.extxyz", read(root / "salt.extxyz", "0"), format="extxyz")
    with pytest.raises(InputError, match=r"start\.extxyz: the structure was changed while the run waited"):
        run_job(run, progress=False)


def test_a_potential_that_left_the_study_leaves_no_results(root: Path, again) -> None:
    again(potentials=["gap"])
    out = root / "out"
    assert not (out / "transport" / "es-gap-300K.json").exists()
    assert not (out / "models" / "es-gap.safetensors").exists()
    assert not list((out / "parity").glob("es-gap*"))
    assert list(open_study(out).accuracy) == ["gap"]
    assert (out / "md" / "es-gap-300K" / "meta.json").exists()


def test_changed_electrostatics_leaves_the_local_potential_and_its_dynamics_alone(root: Path, again) -> None:
    out = root / "out"
    before = sha256(out / "models" / "gap.safetensors")
    redone = again(electrostatics__screening=3.0)
    assert redone == STEPS - {"census", "dynamics/gap-300K", "transport/gap-300K"}
    assert sha256(out / "models" / "gap.safetensors") == before
    assert len(read_trajectory(out / "md" / "es-gap-300K.old-1")) == 121


def test_more_steps_continue_the_run_and_a_new_temperature_adds_one(root: Path, again) -> None:
    first = root / "out" / "md" / "gap-300K" / "chunk-000000.safetensors"
    before = first.stat().st_mtime_ns
    redone = again(dynamics__steps=280, dynamics__temperatures=[300, 350], potentials=["gap"])
    assert {"dynamics/gap-300K", "dynamics/gap-350K", "transport/gap-350K"} <= redone
    assert first.stat().st_mtime_ns == before
    assert len(read_trajectory(root / "out" / "md" / "gap-300K")) == 141
    assert len(read_trajectory(root / "out" / "md" / "gap-350K")) == 141


@pytest.mark.parametrize(
    ("path", "redone"),
    [
        ("accuracy.json", {"accuracy"}),
        ("parity/gap-test.safetensors", {"accuracy"}),
        ("models/gap.safetensors", {"fit"}),
        ("models/es-gap.safetensors", {"fit"}),
        ("transport/gap-300K.json", {"transport/gap-300K"}),
        ("md/es-gap-300K/chunk-000002.safetensors", {"dynamics/es-gap-300K"}),
        ("md/gap-300K/meta.json", {"dynamics/gap-300K"}),
        ("report.html", {"report"}),
    ],
)
def test_a_damaged_file_is_noticed_and_made_again_as_it_was(
    root: Path, again, path: str, redone: set[str]
) -> None:
    file = root / "out" / path
    before = file.read_bytes()
    damaged = bytearray(before)
    damaged[len(damaged) // 2] ^= 1
    file.write_bytes(damaged)
    assert again() == redone
    if path != "report.html":  # it tells how long the steps took
        assert file.read_bytes() == before


@pytest.mark.parametrize("content", ["", "null", None])
def test_a_damaged_or_lost_job_keeps_the_trajectory(root: Path, again, content: str | None) -> None:
    run = root / "out" / "md" / "gap-300K"
    kept = ("job.json", "meta.json", *(path.name for path in run.glob("chunk-*")))
    before = {name: (run / name).read_bytes() for name in kept}
    if content is None:
        (run / "job.json").unlink()
    else:
        (run / "job.json").write_text(content)
    assert again() == {"dynamics/gap-300K"}
    assert {name: (run / name).read_bytes() for name in kept} == before
    assert not list(run.parent.glob("*.old-*"))


def test_a_lost_file_is_made_again_as_it_was(root: Path, again) -> None:
    file = root / "out" / "models" / "gap.safetensors"
    before = file.read_bytes()
    file.unlink()
    assert again() == {"fit"}
    assert file.read_bytes() == before


def test_a_damaged_state_keeps_the_dynamics(root: Path, again, capsys) -> None:
    out = root / "out"
    chunks = {path: path.stat().st_mtime_ns for path in out.glob("md/*/chunk-*")}
    (out / "state.json").write_text((out / "state.json").read_text()[:100])
    assert again() == STEPS
    assert {path: path.stat().st_mtime_ns for path in out.glob("md/*/chunk-*")} == chunks
    assert (out / "state.json.damaged").exists()


def test_results_that_no_state_knows_of_are_not_shown(root: Path, again) -> None:
    out = root / "out"
    (out / "state.json").unlink()
    (out / ".accuracy.json.1.tmp").write_text("of a killed process")
    again(potentials=["gap"])
    assert not list(out.rglob(".*.tmp"))
    for folder, name in ((out / "transport", "gap-300K.json"), (out / "properties" / "forces", "gap.json")):
        assert {path.name for path in folder.glob("*.json")} == {name}
        assert {path.name for path in folder.iterdir()} == {
            name,
            f"{name}.old-1",
            f"es-{name}.old-1",
        }  # renamed, not lost
    assert read_content(out).potentials == ["gap"]


def test_the_report_shows_the_structure_of_its_own_runs(root: Path, again) -> None:
    again(structure__supercell=[2, 1, 1], dynamics__temperatures=[310], potentials=["gap"])
    assert (root / "out" / "md" / "gap-300K").exists()
    content = read_content(root / "out")
    assert content.crystal is not None
    assert len(content.crystal.numbers) == 16


def test_status_does_not_call_done_what_depends_on_a_step_that_is_not(root: Path) -> None:
    state = State.read(root / "out")
    state.begin("fit", "changed settings")
    found = status(root / "out")
    rows = {row.step: row for row in found.rows}
    assert rows["census"].status == "done"
    assert {rows[name].status for name in STEPS - {"census", "fit"}} == {"to do"}
    assert "if it still holds" in rows["dynamics/gap-300K"].note
    assert (found.next, found.seconds_left) == ("fit", None)
    state.stop("fit", "done", "")
    state.begin("dynamics/gap-300K", "changed settings")
    rows = {row.step: row for row in status(root / "out").rows}
    assert rows["transport/es-gap-300K"].status == "done"
    assert {rows[name].status for name in ("transport/gap-300K", "verdict", "report")} == {"to do"}


def test_a_deleted_state_keeps_the_dynamics(root: Path, again) -> None:
    out = root / "out"
    chunks = {path: path.stat().st_mtime_ns for path in out.glob("md/*/chunk-*")}
    (out / "state.json").unlink()
    assert again() == STEPS
    assert {path: path.stat().st_mtime_ns for path in out.glob("md/*/chunk-*")} == chunks


def test_a_second_process_is_refused(root: Path) -> None:
    with locked(root / "out"), pytest.raises(BusyError, match="another superion process"):
        run_study(root / "study.yaml", root / "out")


def test_a_folder_with_something_else_is_refused(root: Path) -> None:
    with pytest.raises(InputError, match="holds the study 'salt', not 'pepper'"):
        run_study(write_study(root, name="pepper"), root / "out")
    (root / "out" / "study.yaml").write_text("name: [")
    with pytest.raises(
        InputError, match=r"cannot tell which study .*not valid YAML.*Remedy: copy the settings"
    ):
        run_study(root / "study.yaml", root / "out")
    with pytest.raises(InputError, match="not empty and holds no study"):
        run_study(root / "study.yaml", root)
    (root / "other").mkdir()
    own = shutil.copy(root / "study.yaml", root / "other")
    with pytest.raises(InputError, match="not empty and holds no study"):  # it would be overwritten
        run_study(root / "study.yaml", root / "other")
    assert Path(own).read_text() == (root / "study.yaml").read_text()
    with pytest.raises(InputError, match="a file, not a folder"):
        run_study(root / "study.yaml", root / "salt.extxyz")


def test_missing_files_are_named_with_their_key(tmp_path: Path) -> None:
    write_inputs(tmp_path)
    with pytest.raises(InputError, match=r"data\.files: there is no file .*sallt\.extxyz"):
        run_study(write_study(tmp_path, data__files=["sallt.extxyz"]), tmp_path / "out")
    with pytest.raises(InputError, match=r"structure\.file: there is no file"):
        run_study(write_study(tmp_path, structure__file="none.cif"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_charges_that_are_not_neutral_stop_the_study_before_dynamics(tmp_path: Path) -> None:
    write_inputs(tmp_path)
    path = write_study(tmp_path, electrostatics__charges={"Li": 0.7, "Cl": -0.6})
    with pytest.raises(
        InputError, match=r"electrostatics: .*Li=0\.7, Cl=-0\.6 give every .* Cl4Li4 \+0\.4 e"
    ):
        run_study(path, tmp_path / "out", progress=False)
    assert not (tmp_path / "out").exists()


def test_steps_that_need_one_that_failed_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_inputs(tmp_path)
    path = write_study(tmp_path)

    def broken(*_: object, **__: object) -> None:
        raise InputError("the fit is broken.")

    monkeypatch.setattr("superion.study.fitting.fit_jobs", broken)
    with pytest.raises(SuperionError, match=r"1 of the steps failed\. fit: the fit is broken"):
        run_study(path, tmp_path / "out", progress=False)
    found = {row.step: row for row in status(tmp_path / "out").rows}
    assert found["census"].status == "done"
    assert found["fit"].status == "failed"
    assert found["dynamics/gap-300K"].status == "waiting"
    assert "needs fit" in found["dynamics/gap-300K"].note
    assert status(tmp_path / "out").next == "fit"


def test_one_run_that_fails_leaves_the_others_their_work(root: Path) -> None:
    hot = {"dynamics__temperatures": [300, 3000], "dynamics__max_temperature": 3100}
    path = write_study(root, **hot, potentials=["gap"], parallel=2)
    with pytest.raises(SuperionError, match=r"dynamics/gap-3000K: .*above the limit of 3100 K") as caught:
        run_study(path, root / "out", progress=False)
    log = root / "out" / "md" / "gap-3000K" / "log.txt"
    assert str(log.resolve()) in str(caught.value)
    assert "above the limit" in log.read_text()
    found = {row.step: row.status for row in status(root / "out").rows}
    assert found["dynamics/gap-300K"] == found["transport/gap-300K"] == found["report"] == "done"
    assert found["dynamics/gap-3000K"] == "failed"
    assert found["transport/gap-3000K"] == "waiting"


def test_a_killed_study_goes_on_where_it_was(tmp_path: Path, capsys) -> None:
    write_inputs(tmp_path)
    write(tmp_path / "start.extxyz", read(tmp_path / "start.extxyz").repeat((2, 1, 1)), format="extxyz")
    study = write_study(
        tmp_path,
        dynamics__steps=400,
        dynamics__chunk_frames=10,
        potentials=["es-gap"],
        dynamics__equilibrate=0,
        parallel=1,
    )
    command = [sys.executable, "-m", "superion.cli", "run", str(study), "--output", str(tmp_path / "out")]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    run = tmp_path / "out" / "md" / "es-gap-300K"
    deadline = time.monotonic() + 120
    while not (run / "chunk-000001.safetensors").exists():
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    found = {row.step: row.status for row in status(tmp_path / "out").rows}
    assert found["dynamics/es-gap-300K"] == "interrupted"
    written = {path: path.stat().st_mtime_ns for path in sorted(run.glob("chunk-*"))[:2]}
    run_study(study, tmp_path / "out")
    assert "fit: done before" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in written} == written
    assert len(read_trajectory(run)) == 201
    assert status(tmp_path / "out").next is None
    steps = [int(n) for n in re.findall(r"step (\d+) of 400", (run / "log.txt").read_text())]
    assert steps == sorted(steps)
    assert 1 <= len(steps) <= 11


def test_a_run_does_not_outlive_its_study(root: Path) -> None:
    from superion.study.config import read_study
    from superion.study.dynamics import LOG, do_job, prepare
    from superion.study.steps import Study
    from superion.work.process import Process
    from superion.work.worker import Call

    settings = read_study(write_study(root, dynamics__steps=200_000))
    step = next(s for s in Study(settings, root / "out").plan() if s.name == "dynamics/gap-300K")
    assert step.task is not None
    (job,) = step.task().arguments
    prepare(job)
    before = len(list(job.folder.glob("chunk-*")))
    worker = Process(log=job.folder / LOG)
    worker._channel.send(Call(do_job, (job,)))
    deadline = time.monotonic() + 120
    while len(list(job.folder.glob("chunk-*"))) <= before + 1:
        assert worker.alive(), (job.folder / "log.txt").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    worker._channel.close()  # as when this process is killed
    assert worker._process.wait(timeout=10) == -signal.SIGKILL
    with locked(job.folder):
        assert len(read_trajectory(job.folder)) > 121


def test_the_settings_in_the_folder_are_complete(finished: Path) -> None:
    text = (finished / "out" / "study.yaml").read_text()
    assert "thermostat: nose-hoover" in text
    assert "file: ../start.extxyz" in text
    assert json.dumps(str(finished)) not in text
