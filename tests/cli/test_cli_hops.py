"""`superion hops`: what it prints and writes, and what its page says."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
from ase.io import read
from command_line import refused, succeeds
from typer.testing import CliRunner

from superion.cli.app import app
from superion.results import read_result
from superion.simulation.trajectory import write_extxyz

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "tests/hops"))
from lattice import trajectory  # noqa: E402

PAGE = (ROOT / "docs/hops.md").read_text()


def test_hops_of_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    places = np.zeros((200, 3, 3), dtype=int)
    places[:, 1:, 1] = [1, 2]
    for at in range(20, 200, 30):
        places[at:, 0, 0] += 1
    run = trajectory(places, 0.1, np.random.default_rng(0), vibration=0.03)
    write_extxyz(run, "run.extxyz")
    shown = succeeds("hops", "run.extxyz", "--timestep", 100, "--temperature", 600, "--json", "hops.json",
                     "--figure", "hops", "--export", "ends.extxyz", "--unwrapped")  # fmt: skip
    result = read_result("hops.json")
    assert "6 hops of 3 ions" in shown
    assert f"rate of an ion: {result.rate_per_ps:.3g}" in shown
    assert "hops lead through the crystal along one direction" in shown
    assert Path("hops.png").stat().st_size > 10_000
    ends = read("ends.extxyz", ":")
    assert [atoms.info["end"] for atoms in ends] == ["initial", "final"] * (len(ends) // 2)
    assert ends
    assert "hops written to ends.extxyz: superion neb MODEL ends.extxyz -o DIR" in " ".join(shown.split())
    assert "there is no Na" in refused(
        "hops", "run.extxyz", "--timestep", 100, "--temperature", 600, "--species", "Na", "--unwrapped"
    )


def test_the_page_works(capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(block, "docs/hops.md", "exec"), {})
    assert capsys.readouterr().out.startswith("hops ")
    shown = CliRunner().invoke(app, ["hops", "--help"], env={"COLUMNS": "200"}).output
    options = set(re.findall(r"`(--[a-z-]+)", PAGE)) | {"--export", "--sites", "--figure", "--timestep"}
    assert len(options) > 9
    assert all(option in shown for option in options)
