"""The journal under damage, full disks, missing permissions, and kills at every write."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from superion.errors import InputError, StorageError
from superion.files import write_atomic
from superion.reference import Labels, open_store, read_store
from superion.work.journal import decode, encode, read_journal

LABELS = Labels(-1.5, np.array([[0.1, 1 / 3, -2e-17]]), stress=np.arange(6.0) / 7, method="m")


def fill(folder: Path, count: int = 5) -> Path:
    with open_store(folder) as store:
        for k in range(count):
            store.start(f"{k}", f"frame {k}")
            store.done(f"{k}", f"frame {k}", LABELS, "calculator", 1.0, "s")
    return folder / "journal.jsonl"


def test_labels_come_back_to_the_last_digit(tmp_path) -> None:
    fill(tmp_path, 1)
    entry = read_store(tmp_path).entry("0")
    assert entry.labels.energy == LABELS.energy
    assert (entry.labels.forces == LABELS.forces).all()
    assert (entry.labels.stress == LABELS.stress).all()
    assert entry.labels.charges is None


def test_every_cut_of_the_journal_loses_only_the_cut_record(tmp_path) -> None:
    path = fill(tmp_path, 2)
    whole = path.read_bytes()
    ends = [k + 1 for k, byte in enumerate(whole) if byte == ord("\n")]
    for cut in range(0, len(whole), 31):
        path.write_bytes(whole[:cut])
        records, damages = read_journal(path)
        assert len(records) == sum(end - 1 <= cut for end in ends)
        assert len(damages) == (cut not in {0, *ends} and cut + 1 not in ends)
        with open_store(tmp_path) as store:
            store.done("new", "new", LABELS, "calculator", 1.0, "s")
        assert len(read_journal(path)[0]) == len(records) + 1
        assert read_journal(path)[1] == []


def test_a_changed_line_is_set_aside_and_everything_else_kept(tmp_path) -> None:
    path = fill(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    broken = lines[3].replace(b"-1.5", b"-1.6")
    assert broken != lines[3]
    path.write_bytes(b"".join([*lines[:3], broken, b"\xff garbage\n", *lines[4:]]))
    assert [d.number for d in read_store(tmp_path).damages] == [4, 5]
    with open_store(tmp_path) as store:
        assert "checksum" in store.damages[0].reason
        assert [store.entry(f"{k}").status for k in range(5)] == ["done", "pending", "done", "done", "done"]
    assert path.read_bytes() == b"".join([*lines[:3], *lines[4:]])
    aside = {file.read_bytes() for file in (tmp_path / "quarantine").iterdir()}
    assert aside == {broken.rstrip(b"\n"), b"\xff garbage"}
    with open_store(tmp_path) as store:
        assert store.damages == []


def test_journals_can_be_joined(tmp_path) -> None:
    one, two = fill(tmp_path / "a", 2), fill(tmp_path / "b", 4)
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "journal.jsonl").write_bytes(one.read_bytes() + two.read_bytes())
    store = read_store(tmp_path / "c")
    assert [entry.status for entry in store.entries.values()] == ["done"] * 4


@pytest.mark.parametrize("call", ["write", "fsync"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_full_disk_is_named_and_nothing_is_lost(tmp_path, monkeypatch, call, code) -> None:
    """Half of the line is written before the disk is full."""
    path = fill(tmp_path)
    before = path.read_bytes()
    write = os.write

    def refuse(handle: int, raw: bytes = b"") -> int:
        if len(raw) > 20:
            return write(handle, raw[:20])
        raise OSError(code, os.strerror(code))

    with open_store(tmp_path) as store:
        monkeypatch.setattr(os, call, refuse)
        with pytest.raises(StorageError, match=rf"journal\.jsonl.*{os.strerror(code)}.*Remedy"):
            store.done("x", "x", LABELS, "calculator", 1.0, "s")
        monkeypatch.undo()
        assert store.entry("x").status == "pending"
        assert path.read_bytes() == before
        store.done("x", "x", LABELS, "calculator", 1.0, "s")
    assert read_store(tmp_path).entry("x").status == "done"


def test_a_read_only_folder_is_named(tmp_path, monkeypatch) -> None:
    fill(tmp_path)
    opened = os.open

    def refuse(path, flags, *rest, **named):
        if flags & (os.O_WRONLY | os.O_RDWR):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)
        return opened(path, flags, *rest, **named)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(StorageError, match=r"Read-only file system.*Remedy"), open_store(tmp_path):
        pytest.fail("the store was opened")
    monkeypatch.undo()
    monkeypatch.setattr("superion.reference.store.locked", lambda folder: refuse(folder, os.O_RDWR))
    with pytest.raises(StorageError, match=r"Read-only file system.*another folder"), open_store(tmp_path):
        pytest.fail("the store was opened")
    assert len(read_store(tmp_path).entries) == 5


def test_a_folder_of_something_else_is_left_alone(tmp_path) -> None:
    write_atomic(tmp_path / "thesis.txt", "x")
    with pytest.raises(InputError, match="holds no labels"), open_store(tmp_path):
        pytest.fail("the store was opened")
    with pytest.raises(InputError, match="holds no labels"):
        read_store(tmp_path)
    assert os.listdir(tmp_path) == ["thesis.txt"]


def test_a_start_without_an_end_is_running_while_its_process_lives(tmp_path) -> None:
    with open_store(tmp_path) as store:
        store.start("x", "x")
    assert read_store(tmp_path).entry("x").status == "running"
    path = tmp_path / "journal.jsonl"
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    record = decode(path.read_bytes().strip())
    record["owner"] = record["owner"].replace(str(os.getpid()), str(child.pid))
    path.write_bytes(encode(record))
    assert read_store(tmp_path).entry("x").status == "interrupted"
    with open_store(tmp_path) as store:
        assert (store.entry("x").status, store.entry("x").attempts) == ("pending", 0)


def test_a_kill_at_any_write_loses_and_doubles_nothing(tmp_path) -> None:
    """SIGKILL before, in the middle of and after every write, sync and rename, then a second run."""
    driver = Path(__file__).with_name("kill_driver.py")
    out = subprocess.run([sys.executable, driver, tmp_path], capture_output=True, text=True, check=True)
    result = json.loads(out.stdout)
    assert result["kills"] == 16  # 7 records, each written and synced; the export, synced and renamed
    assert result["different_exports"] == 0
    assert result["doubled_labels"] == 0
    assert result["most_extra_calls"] <= 2  # as many as are made at once
