"""A study is killed as it begins: whoever looks at its folder understands it, and the study goes on there."""

from __future__ import annotations

from pathlib import Path

import pytest
from toy_salt import write_inputs, write_study

from superion.study import run as module
from superion.study import run_study, status
from superion.study.config import SETTINGS
from superion.work.state import NAME, State


class Killed(Exception):
    pass


def test_wherever_a_state_is_there_are_settings(tmp_path: Path, monkeypatch) -> None:
    write_inputs(tmp_path)
    study, out = write_study(tmp_path), tmp_path / "out"
    write = State.write

    def killed(self: State) -> None:
        raise Killed

    monkeypatch.setattr(State, "write", killed)
    with pytest.raises(Killed):
        run_study(study, out, progress=False)
    assert (out / SETTINGS).exists()
    assert not (out / NAME).exists()

    def killed_afterwards(self: State) -> None:
        write(self)
        raise Killed

    monkeypatch.setattr(State, "write", killed_afterwards)
    with pytest.raises(Killed):
        run_study(study, out, progress=False)
    assert status(out).next == "census"
    monkeypatch.setattr(State, "write", write)
    monkeypatch.setattr(module, "run_plan", lambda *arguments, **named: {})
    run_study(study, out, progress=False)
    assert status(out).running is False
