"""Progress: a bar on a terminal, else ten lines, else nothing."""

import io

import pytest
from rich.console import Console
from toy_crystals import Springs, crystal

from superion.simulation import MDSettings, run_md
from superion.simulation.progress import RunProgress


def report(show, *, terminal, done=0):
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=120)
    with RunProgress(show, done=done, total=1000, timestep=2.0, console=console) as progress:
        for step in range(done + 10, 1001, 10):
            progress.update(step)
    return out.getvalue(), progress


def test_lines_without_a_terminal():
    text, _ = report(True, terminal=False)
    lines = text.splitlines()
    assert len(lines) == 10
    assert lines[4].startswith("dynamics  50 %  step 500 of 1000  ")
    assert lines[4].endswith(" left")
    assert len(report(True, terminal=False, done=600)[0].splitlines()) == 4


@pytest.mark.parametrize(("show", "terminal"), [(True, True), ("bar", True), ("bar", False)])
def test_bar(show, terminal):
    text, _ = report(show, terminal=terminal)
    assert "1000/1000" in text
    assert "ns/day" in text


def test_silence():
    assert report(False, terminal=True)[0] == ""


def test_speed_counts_only_the_steps_of_this_call():
    _, progress = report(False, terminal=False, done=500)
    before, speed, after = progress.seconds, progress.ns_per_day, progress.seconds
    assert 86.4 / after <= speed <= 86.4 / before  # 500 steps of 2 fs


def test_a_run_reports_on_standard_error(tmp_path, capsys):
    settings = MDSettings(temperature=300, steps=100)
    run_md(crystal(), Springs(crystal()), settings, tmp_path, progress=True)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 10
