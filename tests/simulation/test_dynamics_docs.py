"""Every command of docs/dynamics.md runs, and does what the page says."""

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk
from ase.io import write
from typer.testing import CliRunner

from superion.cli.app import app
from superion.simulation import read_trajectory

TEXT = (Path(__file__).parents[2] / "docs/dynamics.md").read_text()


def commands():
    blocks = re.findall(r"(?:^    .*\n)+", TEXT, re.MULTILINE)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [shlex.split(line)[1:] for line in lines if line.strip().startswith("superion ")]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    write(tmp_path / "crystal.vasp", bulk("Cu", cubic=True) * (2, 1, 1), format="vasp")
    (tmp_path / "emt.yaml").write_text("labeller: {ase: 'ase.calculators.emt:EMT'}\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_commands(folder):
    shorter = {"50000": "60", "5000": "20", "model.safetensors": "emt.yaml"}
    for words in commands():
        result = CliRunner().invoke(app, [shorter.get(word, word) for word in words])
        assert result.exit_code == 0, (words, result.output)
    summary = json.loads((folder / "breathing/summary.json").read_text())
    rows = TEXT.split("| key |")[1].split("\n\n")[0].splitlines()[2:]
    for name in {name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])}:
        assert name in summary, name
    assert len(summary["cell"]) == 6
    scope = {}
    (block,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    exec(compile(block, "docs/dynamics.md", "exec"), scope)
    whole = read_trajectory("free")
    assert np.allclose(scope["velocities"], whole.velocities[-1 if len(whole) % 10 == 1 else 0], atol=1e-7)


def test_options_exist():
    shown = CliRunner().invoke(app, ["md", "--help"], env={"COLUMNS": "200"}).output
    shown += CliRunner().invoke(app, ["export", "--help"], env={"COLUMNS": "200"}).output
    for option in set(re.findall(r"--[a-z][a-z-]+", TEXT)):
        assert option in shown, option
