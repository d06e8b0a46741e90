"""A training left alone for a week: looked at, run twice at once, on a full disk, damaged, badly set up."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from toy_training import products, truth, write_training
from typer.testing import CliRunner

from superion.active_learning.config import read_training
from superion.active_learning.frames import load_frames
from superion.active_learning.protocols import PROTOCOLS
from superion.active_learning.run import run_training
from superion.active_learning.status import training_status
from superion.cli.app import app
from superion.errors import BusyError, StorageError, SuperionError
from superion.files import locked, read_json, write_json
from superion.reference import read_store
from superion.work.executors import ExecutorSettings

SHORT = {"protocol__generations": 1, "explore__walkers": 1, "models": ["es-gap"]}


def command(*words: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result.output


def go(source: Path, folder: Path, **changes) -> Path:
    return run_training(source, folder, **{"progress": False, "figure": False, **changes})


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """Inputs and the folder `out` of a training of one generation, its labels from a store."""
    root = tmp_path_factory.mktemp("hazards")
    go(write_training(root, **SHORT), root / "out")
    return root


@pytest.fixture
def root(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "copy"))


def test_status_of_a_training_at_work(tmp_path):
    """Asked for from within the labelling; the lock of the folder is held."""
    shown = []

    def looked_at(frames):
        shown.append(command("status", tmp_path / "out"))
        assert "another superion process" in command("train", tmp_path / "out", code=2)
        return truth(frames)

    go(write_training(tmp_path, **SHORT), tmp_path / "out", label=looked_at)
    (working,) = shown
    rows = {parts[0]: parts[1] for line in working.splitlines() if len(parts := line.split("│")[1:-1]) == 5}
    assert {name.strip(): status.strip() for name, status in rows.items()} == {
        "start/ask": "done",
        "start/label": "done",
        "start/data": "done",
        "000/fit": "done",
        "000/explore": "done",
        "000/select": "done",
        "000/label": "running",
    }
    assert "labels: 3 of 50 asked for" in working
    assert "working in generation 0" in working
    assert "ended: the last generation is done" in command("status", tmp_path / "out")


def test_status_counts_the_labels_of_the_store(finished):
    assert "labels: 3 of 50 asked for; in the store 3, failed 0" in command("status", finished / "out")


def test_status_tells_how_much_of_a_long_step_is_done(root):
    """One of three labels is in the store; of one run of two, eleven frames of eleven are written."""
    out = root / "out"
    state = read_json(out / "state.json")
    for step in ("000/label", "000/explore"):
        state["steps"][step]["status"] = "running"
    write_json(out / "state.json", state)
    journal = out / "labels/journal.jsonl"
    done = [line for line in journal.read_bytes().splitlines(keepends=True) if b'"done"' in line]
    journal.write_bytes(done[0])
    shutil.rmtree(out / "generation-000/explore/00-600K")
    found = {row.step: row.fraction for row in training_status(out).rows}
    assert found["000/label"] == pytest.approx(1 / 3)
    assert found["000/explore"] == pytest.approx(1 / 2, abs=0.01)
    assert found["000/fit"] == 1.0
    (out / "generation-000/explore/00-600K").mkdir()
    write_json(out / "generation-000/explore/00-600K/stopped.json", {"reason": "too hot"})
    assert {row.step: row.fraction for row in training_status(out).rows}["000/explore"] == 1.0
    assert "33 %" in command("status", out)


def test_status_from_another_machine_believes_that_the_process_lives(root):
    path = root / "out" / "state.json"
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    state = read_json(path)
    assert (state["pid"], state["host"]) == (None, None)
    state["steps"]["001/judge"]["status"] = "running"
    for host, status in (("node17", "running"), (None, "interrupted"), (os.uname().nodename, "interrupted")):
        write_json(path, state | {"pid": child.pid, "host": host})
        assert training_status(root / "out").rows[-1].status == status


def test_a_disk_that_is_full_when_a_label_is_written_down(finished, tmp_path, monkeypatch):
    source = write_training(tmp_path, **SHORT)
    write, left = os.write, [6]

    def full(handle: int, raw: bytes) -> int:
        left[0] -= len(raw) > 500
        if left[0] < 5:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(handle, raw)

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(StorageError, match=r"journal\.jsonl.*No space left on device.*Remedy"):
        go(source, tmp_path / "out")
    monkeypatch.undo()
    row = training_status(tmp_path / "out").rows[-1]
    assert (row.step, row.status) == ("000/label", "failed")
    assert "No space left on device" in row.note
    made = [entry for entry in read_store(tmp_path / "out/labels").entries.values() if entry.status == "done"]
    assert len(made) == 1
    go(source, tmp_path / "out")
    assert products(tmp_path / "out") == products(finished / "out")


def test_a_full_disk_names_the_file(tmp_path, monkeypatch):
    source = write_training(tmp_path, **SHORT)

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    shown = command("train", source, "--output", tmp_path / "out", code=2).replace("\n", "")
    assert "out/training.yaml: No space left on device" in shown
    assert not list((tmp_path / "out").glob(".*.tmp"))


def test_a_read_only_folder_is_named(root, monkeypatch):
    def refuse(folder):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(folder / ".lock"))

    monkeypatch.setattr("superion.active_learning.run.locked", refuse)
    shown = command("train", root / "out", code=2).replace("\n", "")
    assert ".lock: Read-only file system" in shown
    assert "ended: the last generation is done" in command("status", root / "out")


def test_a_label_store_that_another_process_uses_is_named(tmp_path):
    def beside_another(work) -> str:
        with locked(work.folder / "labels"):
            return PROTOCOLS["generations"](work)

    source = write_training(tmp_path, **SHORT)
    with pytest.raises(BusyError, match="labels: another superion process"):
        go(source, tmp_path / "out", protocol=beside_another)
    go(source, tmp_path / "out")
    assert training_status(tmp_path / "out").ended


def test_a_damaged_line_of_the_journal_is_named_and_its_label_made_again(root, capfd):
    whole = products(root / "out")
    journal = root / "out/labels/journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    (number, *_) = [k for k, line in enumerate(lines) if b'"done"' in line]
    lines[number] = lines[number].replace(b'"energy": -', b'"energy": -1')
    journal.write_bytes(b"".join(lines))
    (root / "out/generation-000/labelled.extxyz").unlink()
    go(root / "training.yaml", root / "out", progress=True)
    said = " ".join(capfd.readouterr().err.split())
    assert f"line {number + 1}: ValueError: the checksum does not match; set aside" in said
    assert products(root / "out") == whole
    assert [entry.status for entry in read_store(root / "out/labels").entries.values()] == ["done"] * 3
    assert len(list((root / "out/labels/quarantine").iterdir())) == 1


def test_looking_at_a_training_imports_nothing_that_its_settings_name(root, monkeypatch):
    (root / "evil.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(str(root))
    path = root / "out" / "training.yaml"
    settings = yaml.safe_load(path.read_text())
    settings["labels"] |= {
        "labeller": {"labeller": {"ase": "evil:Calculator"}},
        "executor": {"factory": "evil:Cluster", "slots": 1},
    }
    path.write_text(yaml.safe_dump(settings))
    command("status", root / "out")
    command("report", root / "out")
    assert "evil" not in sys.modules


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("labels: !!python/object/apply:os.system ['touch BAD']", "only plain values"),
        ("name: !!python/name:os.system", "only plain values"),
        ("seed: 1\nseed: 2", "seed is given twice"),
        ("a: &a [x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b, *b, *b, *b]\n"
         "d: &d [*c, *c, *c, *c, *c, *c, *c, *c]\ne: &e [*d, *d, *d, *d, *d, *d, *d, *d]\n"
         "data: {files: [*e, *e, *e, *e, *e, *e, *e, *e]}", "data.files"),
        ("labels: {labeller: gpaw, executor: {factory: 1, slot: 2}}", "labels.executor"),
        ("labels: {labeller: gpwa}", "Did you mean 'gpaw'"),
    ],
)  # fmt: skip
def test_bad_settings_are_explained(tmp_path, monkeypatch, text, message):
    monkeypatch.chdir(tmp_path)
    Path("training.yaml").write_text(text)
    assert message in " ".join(command("train", "training.yaml", "--output", "out", code=2).split())
    assert not Path("BAD").exists()
    assert not Path("out").exists()


def test_labels_from_an_executor_that_the_settings_make(finished, tmp_path):
    executor = {
        "factory": "concurrent.futures:ThreadPoolExecutor",
        "arguments": {"max_workers": 2},
        "slots": 2,
    }
    source = write_training(tmp_path, labels__executor=executor, budget=1, **SHORT)
    out = go(source, tmp_path / "out")
    for folder in (source, out / "training.yaml"):
        assert read_training(folder).labels.executor == ExecutorSettings.model_validate(executor)
    (mine,) = load_frames(out / "generation-000/labelled.extxyz")
    theirs = load_frames(finished / "out/generation-000/labelled.extxyz")[0]
    assert mine.info["frame_id"] == theirs.info["frame_id"]
    assert mine.info["REF_energy"] == pytest.approx(theirs.info["REF_energy"], abs=1e-9)


def test_a_training_whose_labels_are_mostly_left_out_stops_and_says_so(tmp_path):
    def absurd(asked):
        made = truth(asked)
        for atoms in made:
            atoms.arrays["REF_forces"][0, 0] += 500.0
        return made

    source = write_training(tmp_path, **SHORT)
    with pytest.raises(
        SuperionError, match=r"new labels were left out .*no other force balances.*loosen `clean`"
    ):
        run_training(source, tmp_path / "out", label=absurd, progress=False)
    status = training_status(tmp_path / "out")
    assert status.ended is None
    assert status.rejected == len(read_json(tmp_path / "out/generation-000/rejected.json")) > 0
    assert [row.step for row in status.rows if row.status == "failed"] == ["000/clean"]
    assert f"left out {status.rejected}" in command("status", tmp_path / "out")
