"""`superion fit --quality` and `--tune` on a toy salt."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ase.io import write
from toy_salt import FIT, frames, lone_atoms
from typer.testing import CliRunner, Result

from superion.cli.app import app
from superion.potentials import Potential


@pytest.fixture
def inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with train.extxyz and settings of a small fit, whose second block is like its first."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "train.extxyz", [*frames(3), *lone_atoms()], format="extxyz")
    (tmp_path / "small.yaml").write_text(yaml.safe_dump({**FIT, "more_soap": [FIT["soap"]]}))
    (tmp_path / "old.yaml").write_text(yaml.safe_dump({**FIT, "quality": "fast"}))
    return tmp_path


def fit(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["fit", "train.extxyz", "-o", "model.safetensors", *arguments])


def test_a_quality_fills_in_what_the_settings_leave(inputs: Path) -> None:
    result = fit("--config", "small.yaml", "--quality", "fine")
    assert result.exit_code == 0, result.output
    found = Potential.load(inputs / "model.safetensors")
    blocks = found.terms[-1].blocks
    assert [block.kind for block in blocks] == ["pair", "soap", "soap"]
    assert blocks[1].hyper.channels == 12
    assert blocks[1].hyper.n_max == FIT["soap"]["n_max"]
    assert all(block.contractions for block in blocks[1:])
    settings = found.provenance["settings"]["fit"]
    assert (settings["quality"], settings["learn_channels"]) == ("fine", True)


def test_the_command_line_has_the_last_word(inputs: Path) -> None:
    result = fit("--config", "old.yaml", "--quality", "finest")
    assert result.exit_code == 2
    assert "quality" in result.output
    assert "old.yaml" in result.output


def test_what_has_no_quality_says_so(inputs: Path) -> None:
    result = fit("--preset", "2g", "--quality", "fine")
    assert result.exit_code == 2
    assert "superion schema fit --preset 2g" in " ".join(result.output.split())
