import json
import os
import subprocess
import sys

import pytest

from superion.errors import CorruptFileError
from superion.work.fingerprint import fingerprint
from superion.work.state import State


def finished(folder) -> State:
    state = State(folder)
    (folder / "a.json").write_text("1")
    (folder / "b.json").write_text("2")
    state.begin("one", "hash")
    state.finish("one", [folder / "a.json", folder / "b.json"], 1.5)
    return state


def test_a_step_holds_while_inputs_and_outputs_are_the_same(tmp_path) -> None:
    finished(tmp_path)
    state = State.read(tmp_path)
    assert state.holds("one", "hash")
    assert not state.holds("one", "other")
    assert not state.holds("two", "hash")
    (tmp_path / "a.json").write_text("3")
    assert not state.holds("one", "hash")
    (tmp_path / "a.json").unlink()
    assert not state.holds("one", "hash")


def test_a_step_that_began_again_does_not_hold(tmp_path) -> None:
    state = finished(tmp_path)
    state.begin("one", "hash")
    assert not State.read(tmp_path).holds("one", "hash")
    state.stop("one", "failed", "no room", 2.0)
    record = State.read(tmp_path).records["one"]
    assert (record.status, record.error, record.seconds) == ("failed", "no room", 2.0)
    assert not state.holds("one", "hash")


def test_files_that_a_step_no_longer_writes_are_removed(tmp_path) -> None:
    state = finished(tmp_path)
    state.begin("one", "hash 2")
    state.finish("one", [tmp_path / "a.json"], 1.0)
    assert (tmp_path / "a.json").exists()
    assert not (tmp_path / "b.json").exists()


def test_a_damaged_state_says_so(tmp_path) -> None:
    finished(tmp_path)
    path = tmp_path / "state.json"
    text = path.read_text()
    for damaged in (
        text[: len(text) // 2],
        "[]",
        json.dumps({"format": 1, "pid": 1, "steps": {"one": {"x": 1}}}),
    ):
        path.write_text(damaged)
        with pytest.raises(CorruptFileError, match=r"state\.json"):
            State.read(tmp_path)
    path.write_text(json.dumps({"format": 99, "pid": None, "steps": {}}))
    with pytest.raises(CorruptFileError, match="upgrade"):
        State.read(tmp_path)


def test_a_process_is_alive_until_it_has_ended(tmp_path) -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert State(tmp_path, pid=os.getpid()).alive
    assert not State(tmp_path, pid=child.pid).alive
    assert not State(tmp_path).alive


def test_a_fingerprint_ignores_the_order_of_keys_alone() -> None:
    assert fingerprint({"a": 1, "b": [1, 2]}) == fingerprint({"b": [1, 2], "a": 1})
    assert fingerprint({"a": [1, 2]}) != fingerprint({"a": [2, 1]})
