"""What docs/static.md shows works as it stands."""

import re
from pathlib import Path

import numpy as np
import pytest
from ase import units
from typer.testing import CliRunner

from superion.analysis.lithium_stability import LITHIUM_SHEAR, LITHIUM_VOLUME, lithium_stability
from superion.cli.app import app

TEXT = (Path(__file__).parents[2] / "docs/static.md").read_text()


def test_example_runs(capsys):
    (block,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    exec(compile(block, "docs/static.md", "exec"), {})
    shown = capsys.readouterr().out
    energies, stresses = (float(number) for number in re.findall(r"([\d.]+) GPa from", shown))
    assert energies == pytest.approx(stresses, rel=0.01)
    assert "unstable" in shown


def test_options_and_numbers():
    for command in set(re.findall(r"superion (\w+)", TEXT)):
        help_text = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"}).output
        for line in re.findall(rf"superion {command} .*", TEXT):
            for option in re.findall(r"--[a-z-]+", line):
                assert option in help_text, (command, option)
    assert f"{1 / units.GPa:.4f} GPa" in TEXT
    ratios = np.linspace(0.6, 0.8, 401)
    chi = [lithium_stability(r * LITHIUM_SHEAR, 0.3, 0.1 * LITHIUM_VOLUME).chi for r in ratios]
    assert f"({ratios[np.abs(chi).argmin()]:.2f} for v = 0.1" in TEXT
