"""What docs/fields.md shows works as it stands, and says what the code does."""

import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from superion.cli.app import app
from superion.electrostatics.polarization import EPSILON_0, ORDER, sine_weights

TEXT = (Path(__file__).parents[2] / "docs/fields.md").read_text()


def test_examples_run(capsys):
    blocks = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert len(blocks) == 3
    scope: dict = {}
    for block in blocks:
        exec(compile(block, "docs/fields.md", "exec"), scope)
    assert "±" in capsys.readouterr().out


def test_options_and_numbers():
    for command in ("md", "dielectric", "infrared"):
        help_text = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"}).output
        for line in re.findall(rf"superion {command} .*(?:\n        .*)?", TEXT):
            for option in re.findall(r"--[a-z-]+", line):
                assert option in help_text, (command, option)
    assert f"{EPSILON_0:.7f}" in TEXT
    assert ORDER == 4
    assert f"{6 * ORDER} derivatives" in TEXT


def test_errors_of_the_sines():
    """A tenth with one sine, 2·10⁻⁴ with four, for 1.5 Å in 12 Å."""
    x = 2 * np.pi * 1.5 / 12
    off = [1 - sum(c * np.sin(m * x) for m, c in enumerate(sine_weights(M), 1)) / x for M in (1, 4)]
    assert off[0] == pytest.approx(0.1, abs=0.01)
    assert off[1] == pytest.approx(2e-4, rel=0.2)
