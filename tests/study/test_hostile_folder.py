"""A study folder that somebody sends cannot hurt its reader: no path leads out of it, nothing is executed."""

import errno
import fcntl
import hashlib
import json
import os
import stat
import subprocess
import sys

import numpy as np
import pytest
import yaml
from toy_salt import frames, write_inputs, write_study
from typer.testing import CliRunner

from superion.cli.app import app
from superion.errors import CorruptFileError, InputError, StorageError
from superion.files import locked, open_inside, read_json, sha256, write_atomic, write_json
from superion.study.config import read_study
from superion.study.config import write_study as write_settings
from superion.study.status import status
from superion.study.steps import Study
from superion.verdict.reading import check_results
from superion.work.folder import remove_leftovers
from superion.work.state import Record, State


def stored(folder, **steps):
    (folder / "state.json").write_text(json.dumps({"format": 1, "pid": None, "steps": steps}))


@pytest.mark.parametrize("path", ["../treasure", "/etc/hostname", "a/../../treasure", "", "."])
def test_outputs_lie_in_the_folder(tmp_path, path):
    stored(tmp_path, unknown={"status": "done", "outputs": {path: "0"}})
    with pytest.raises(CorruptFileError, match=r"state\.json: .*is not the path of a file in the folder"):
        State.read(tmp_path)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("pid",), "7"),
        (("steps",), []),
        (("steps", "a", "status"), "eaten"),
        (("steps", "a", "outputs"), ["x"]),
        (("steps", "a", "outputs"), {"x": None}),
        (("steps", "a", "seconds"), "long"),
        (("steps", "a", "fraction"), None),
        (("steps", "a"), None),
        (("steps",), None),
        (("format",), None),
    ],
)
def test_a_state_of_another_type_is_named_by_its_key(tmp_path, place, value):
    content = {"format": 1, "pid": 1, "steps": {"a": {"status": "done", "outputs": {}, "fraction": 1.0}}}
    (tmp_path / "state.json").write_text(json.dumps(content))
    State.read(tmp_path)
    owner = content
    for key in place[:-1]:
        owner = owner[key]
    owner[place[-1]] = value
    (tmp_path / "state.json").write_text(json.dumps(content))
    with pytest.raises(CorruptFileError, match=rf"{'.'.join(place)}.*Remedy: delete it"):
        State.read(tmp_path)


def test_an_unknown_step_takes_only_what_is_its_own(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    folder = tmp_path / "study"
    folder.mkdir()
    for name in ("mine", "edited", "shared"):
        (folder / name).write_text(name)
    (outside / "file").write_text("file")
    (folder / "link").symlink_to(outside)
    state = State(folder)
    digests = {name: sha256(folder / name) for name in ("mine", "edited", "shared", "link/file")}
    kept = Record("done", outputs={"shared": digests["shared"]})
    state.records = {"gone": Record("done", outputs=digests), "kept": kept}
    (folder / "edited").write_text("by hand")
    state.forget("gone")
    assert sorted(path.name for path in folder.iterdir()) == ["edited", "link", "shared"]
    assert (outside / "file").read_text() == "file"
    assert set(state.records) == {"kept"}


def test_locks_and_logs_follow_no_links(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    folder = tmp_path / "study"
    folder.mkdir()
    for name in (".lock", "log.txt"):
        (folder / name).symlink_to(victim)
    with pytest.raises(CorruptFileError, match=r"\.lock: this is a link"), locked(folder):
        pass
    with pytest.raises(CorruptFileError, match=r"log\.txt: this is a link"):
        open_inside(folder, "log.txt", "ab")
    (folder / "job.json").symlink_to(victim)
    write_json(folder / "job.json", 1)
    assert victim.read_text() == "precious"
    assert not (folder / "job.json").is_symlink()
    os.mkfifo(folder / "properties.log")
    with pytest.raises(CorruptFileError, match="pipe"):
        open_inside(folder, "properties.log", "ab")


def test_leftovers_of_the_dead_are_removed_and_nothing_else(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (tmp_path / f".old.json.{ended.pid}.tmp").write_text("of an older version")
    (tmp_path / f".old.json.{os.getpid()}.tmp").write_text("at work")
    (tmp_path / ".notes.tmp").write_text("of the user")
    write_atomic(tmp_path / "new.json", "{}")
    left = [".notes.tmp", f".old.json.{os.getpid()}.tmp", "new.json"]
    assert sorted(p.name for p in tmp_path.iterdir()) == left
    remove_leftovers(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == [".notes.tmp", "new.json"]


def test_replaced_files_keep_their_mode_and_devices_stay(tmp_path):
    path = tmp_path / "secret"
    path.write_text("old")
    path.chmod(0o600)
    write_atomic(path, "new")
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    device = tmp_path / "null"
    device.symlink_to("/dev/null")
    write_atomic("/dev/null", "gone")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


@pytest.mark.parametrize("text", ["[" * 100_000, "9" * 5_000, "{", "\xff", '{"a": 1'])
def test_no_json_is_a_message(tmp_path, text):
    (tmp_path / "x.json").write_text(text, encoding="latin-1")
    with pytest.raises(CorruptFileError, match=r"x\.json: not valid JSON"):
        read_json(tmp_path / "x.json")


def test_workers_import_nothing_of_the_working_folder(tmp_path):
    """A module beside a settings file is data of the user, or of who sent it."""
    for name in ("ase", "json", "superion", "multiprocessing"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'imported')!r}, 'w')")
    root = tmp_path / "study"
    root.mkdir()
    code = (
        "import os, sys; from pathlib import Path; os.chdir(sys.argv[1])\n"
        "from superion.work.executors import open_executor\n"
        "from superion.study.steps import do_step\n"
        "if __name__ == '__main__':\n"
        "    with open_executor(1) as pool: print(pool.submit(abs, -1).result())\n"
        "    with open_executor(1, log=Path('study/properties.log').absolute()) as workers:\n"
        "        print(workers.begin(do_step, Path('study'), 'x').exception())\n"
    )
    (root / "study.yaml").write_text(yaml.safe_dump({"name": "none"}))
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "run.py").write_text(code)
    result = subprocess.run(
        [sys.executable, str(tmp_path / "sub" / "run.py"), str(tmp_path)],
        capture_output=True,
        text=True,
    )
    assert result.stdout.startswith("1\n"), result.stderr
    assert "study.yaml" in result.stdout
    assert "study.yaml" in (root / "properties.log").read_text()
    assert not (tmp_path / "imported").exists()


def test_results_that_were_changed_are_not_reported(tmp_path):
    write_json(tmp_path / "accuracy.json", {"gap": 1})
    state = State(tmp_path)
    state.begin("accuracy", "inputs")
    state.finish("accuracy", [tmp_path / "accuracy.json"], 1.0)
    check_results(tmp_path)
    write_json(tmp_path / "accuracy.json", {"gap": 2})
    for words in (["verdict", tmp_path], ["report", tmp_path]):
        result = CliRunner().invoke(app, [str(word) for word in words])
        assert result.exit_code == 2
        assert "accuracy.json: it was changed since the step 'accuracy' wrote it" in result.output


def test_the_status_shows_what_was_changed(tmp_path):
    write_inputs(tmp_path)
    study = Study(read_study(write_study(tmp_path)), tmp_path / "out", progress=False)
    (tmp_path / "out").mkdir()
    write_settings(study.settings, tmp_path / "out")
    write_json(tmp_path / "out" / "census.json", 1)
    state = State(tmp_path / "out")
    state.begin("census", "inputs")
    state.finish("census", [tmp_path / "out" / "census.json"], 1.0)
    rows = {row.step: row for row in status(tmp_path / "out").rows}
    assert rows["census"].status == "done"
    write_json(tmp_path / "out" / "census.json", 2)
    rows = {row.step: row for row in status(tmp_path / "out").rows}
    assert rows["census"].status == "to do"
    assert "census.json is not as the step wrote it" in rows["census"].note


def test_the_digest_of_a_folder_follows_no_link_out_of_it(tmp_path):
    """The remedy, to copy what is linked, gives a digest of its own content."""
    folder, secret = tmp_path / "set", tmp_path / "secret"
    folder.mkdir()
    secret.mkdir()
    (secret / "key").write_text("one")
    (folder / "a.npy").write_text("a")
    plain = sha256(folder)
    assert plain == hashlib.sha256(f"a.npy {hashlib.sha256(b'a').hexdigest()}\n".encode()).hexdigest()
    for target in (secret / "key", secret, tmp_path / "gone", "/dev/zero", "../secret/key"):
        (folder / "link").symlink_to(target)
        with pytest.raises(InputError, match=r"set/link: this link leads out of the folder .*cp -rL"):
            sha256(folder)
        (folder / "link").unlink()
    (folder / "link").symlink_to(secret / "key")
    subprocess.run(["cp", "-rL", folder, tmp_path / "copy"], check=True)
    before = sha256(tmp_path / "copy")
    assert before != plain
    (folder / "link").unlink()
    (folder / "link").symlink_to("a.npy")
    (folder / "itself").symlink_to("itself")
    (folder / "again").symlink_to(".")
    inside = sha256(folder)
    (folder / "a.npy").write_text("b")
    assert len({plain, before, inside, sha256(folder)}) == 4


def test_a_study_names_the_link_in_its_data(tmp_path):
    """A folder of DeePMD-kit whose elements stand elsewhere: it can be read, but is not what is sent."""
    write_inputs(tmp_path)
    part = tmp_path / "deepmd" / "set.000"
    part.mkdir(parents=True)
    made = frames(2, "z", seed=9)
    (tmp_path / "deepmd" / "type.raw").write_text(" ".join(str(int(z == 17)) for z in made[0].numbers))
    (tmp_path / "elements").write_text("Li Cl")
    (tmp_path / "deepmd" / "type_map.raw").symlink_to(tmp_path / "elements")
    for name, values in (
        ("coord", [atoms.positions for atoms in made]),
        ("box", [atoms.cell.array for atoms in made]),
        ("energy", [atoms.info["REF_energy"] for atoms in made]),
        ("force", [atoms.arrays["REF_forces"] for atoms in made]),
    ):
        np.save(part / f"{name}.npy", np.array(values).reshape(len(made), -1))
    study = write_study(tmp_path, data__files=["salt.extxyz", "lone.extxyz", "deepmd"])
    result = CliRunner().invoke(app, ["run", str(study), "--output", str(tmp_path / "out")])
    assert result.exit_code == 2, result.output
    assert "deepmd/type_map.raw: this link leads out of the folder" in result.output


def test_a_file_system_without_locks_is_said(tmp_path, monkeypatch):
    def without(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", without)
    no_locks = pytest.raises(StorageError, match=r"store: its file system has no locks .* mounted with flock")
    with no_locks, locked(tmp_path / "store"):
        raise AssertionError("nothing is written without a lock")


def test_labels_import_nothing_of_the_working_folder_and_leave_no_process(tmp_path):
    """Its process is kept for further labels, and ends with the one that asked, without a word."""
    trap = f"from pathlib import Path; Path({str(tmp_path / 'imported')!r}).touch()"
    for name in ("ase", "numpy", "pydantic", "json"):
        (tmp_path / f"{name}.py").write_text(trap)
    (tmp_path / "elsewhere").mkdir()
    code = (
        "import os; from superion.work.executors import open_executor\n"
        "from superion.reference.attempt import label_job\n"
        "with open_executor(1) as workers:\n"
        "    pid = workers.begin(os.getpid, scratch=True).result()\n"
        "    job = 'a', {}, {'labeller': {'ase': 'no:Code'}}, '-'\n"
        "    error = workers.begin(label_job, *job, scratch=True).exception()\n"
        "    print(pid, repr(error))\n"
    )
    (tmp_path / "elsewhere" / "run.py").write_text(code)
    result = subprocess.run(
        [sys.executable, "-W", "error", str(tmp_path / "elsewhere" / "run.py")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    assert not (tmp_path / "imported").exists()
    with pytest.raises(ProcessLookupError):
        os.kill(int(result.stdout.split()[0]), 0)
