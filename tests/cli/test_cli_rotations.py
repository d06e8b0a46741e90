"""`superion rotations`: what it prints and writes, and what its page says."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
from command_line import refused, succeeds
from typer.testing import CliRunner

from superion.cli.app import app
from superion.results import read_result
from superion.simulation.trajectory import write_extxyz

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "tests/rotations"))
from rotors import beside, jumping, trajectory  # noqa: E402

PAGE = (ROOT / "docs/rotations.md").read_text()


def test_rotations_of_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    turned, events = jumping(np.random.default_rng(0), 300, 3, 0.1, 0.1)
    write_extxyz(trajectory(turned, beside(events, 300, 3), 0.1), "run.extxyz")
    said = ("run.extxyz", "--timestep", 100, "--temperature", 600, "--unwrapped")
    shown = succeeds("rotations", *said, "--json", "r.json", "--figure", "r", "--shuffles", 50)
    result = read_result("r.json")
    (kind,) = result.anions
    assert f"PS4: {kind.turns} turns of 3 anions, by {kind.mean_turn_degrees:.0f}° in the mean" in shown
    assert f"{result.pairs} pairs of a turn and a hop beside it" in shown
    assert Path("r.png").stat().st_size > 10_000
    assert "there is no Na" in refused("rotations", *said, "--species", "Na")
    assert "turn" in refused("rotations", *said, "--turn", 400)


def test_the_page_works(capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(block.replace("slice(0, 600)", "slice(0, 200)"), "docs/rotations.md", "exec"), {})
    assert "PS4" in capsys.readouterr().out
    shown = CliRunner().invoke(app, ["rotations", "--help"], env={"COLUMNS": "200"}).output
    options = set(re.findall(r"`(--[a-z-]+)", PAGE)) | {"--sites", "--figure", "--timestep"}
    assert len(options) > 7
    assert all(option in shown for option in options)
