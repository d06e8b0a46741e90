"""What docs/defects.md shows works as it stands."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from superion.cli.app import app

TEXT = (Path(__file__).parents[2] / "docs/defects.md").read_text()


def test_example_runs(capsys):
    (block,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    exec(compile(block, "docs/defects.md", "exec"), {})
    shown = capsys.readouterr().out
    assert "Na0-pair-2.44: relaxed back to the crystal" in shown
    slope, dipole = (float(number) for number in re.findall(r"(-?[\d.]+) eÅ", shown))
    assert slope == pytest.approx(dipole, abs=0.005)


def test_options_exist():
    help_text = CliRunner().invoke(app, ["defect", "--help"], env={"COLUMNS": "200"}).output
    blocks = TEXT.split("## Which")[0].replace("\\\n", " ")
    commands = [line for line in blocks.splitlines() if line.strip().startswith("superion defect")]
    assert len(commands) == 4
    for command in commands:
        for option in re.findall(r"--[a-z-]+", command):
            assert option in help_text, option
    for option in re.findall(r"`(--[a-z-]+)", TEXT):
        assert option in help_text, option
