"""Every block of docs/start.md, and every command of the README, runs as it stands, on less data."""

import re
import shutil
from pathlib import Path

import pytest
import yaml
from ase.io import read, write
from typer.testing import CliRunner

from superion.cli.app import app

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
START = (ROOT / "docs/start.md").read_text()
SMALL = {"soap": {"n_max": 4, "l_max": 2, "sparse_points": 30}}
DISORDERED = """data_salt
_symmetry_space_group_name_H-M 'P 1'
_cell_length_a 5
_cell_length_b 4
_cell_length_c 4
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
loop_
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Li1 0 0 0 0.5
Li2 0.5 0 0 0.5
Cl1 0.25 0.5 0.5 1
"""


def commands() -> list[list[str]]:
    """The words of every `superion` command in docs/start.md, without comments."""
    lines = [
        line for block in re.findall(r"```console\n(.*?)```", START, re.DOTALL) for line in block.splitlines()
    ]
    return [line.split("#")[0].split()[1:] for line in lines if line.startswith("superion ")]


def call(*words: str) -> None:
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == 0, (words, result.output)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with the files that the page speaks of."""
    frames = read(ROOT / "data/lps/train.extxyz", ":")
    write(tmp_path / "train.extxyz", frames[:6], format="extxyz")
    write(tmp_path / "test.extxyz", frames[30:33], format="extxyz")
    shutil.copy(ROOT / "data/lps/Li7P3S11.vasp", tmp_path / "crystal.vasp")
    (tmp_path / "disordered.cif").write_text(DISORDERED)
    (tmp_path / "data/lps").mkdir(parents=True)
    for file in (ROOT / "data/lps").iterdir():
        (tmp_path / "data/lps" / file.name).symlink_to(file)
    study = yaml.safe_load((ROOT / "examples/li7p3s11.yaml").read_text().replace("../data", "data"))
    study["fit"]["soap"] |= SMALL["soap"]
    study |= {"fits": {"count": 1}, "properties": {}}
    study["dynamics"] |= {"steps": 2000, "equilibrate": 100, "timestep": 1.0}
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_commands(folder):
    (folder / "small.yaml").write_text(yaml.safe_dump(SMALL))
    seen = []
    for words in commands():
        seen.append(words[0])
        words = ["1500" if word == "50000" else word for word in words]
        call(*words, *(["--config", "small.yaml"] if words[0] == "fit" else []))
    assert seen == [
        "census",
        "arrange",
        "fit",
        "evaluate",
        "md",
        "md",
        "transport",
        "run",
        "verdict",
        "schema",
    ]
    assert (folder / "study" / "report.html").stat().st_size > 100_000


def test_python(folder):
    (folder / "small.yaml").write_text(yaml.safe_dump(SMALL))
    (folder / "demo/models").mkdir(parents=True)
    model = "demo/models/es-gap.safetensors"
    call("fit", "train.extxyz", "--preset", "es-gap", "--output", model, "--config", "small.yaml")
    (block,) = re.findall(r"```python\n(.*?)```", START, re.DOTALL)
    scope: dict = {}
    exec(compile(block, "docs/start.md", "exec"), scope)
    assert scope["atoms"].calc.results["forces_std"].shape == (42, 3)


def test_readme(folder):
    """One screen; its commands hold, and its figures are those of docs/demonstration.md."""
    assert README.count("\n") <= 80
    (folder / "small.yaml").write_text(yaml.safe_dump(SMALL))
    (fit,) = re.findall(r"^superion (fit .*)$", README, re.MULTILINE)
    call(*fit.replace("data/lps/", "").split(), "--config", "small.yaml")
    (run,) = re.findall(r"^superion (run \S+ --output \S+)", README, re.MULTILINE)
    assert f"superion {run}" in (ROOT / "Makefile").read_text()
    shown = (ROOT / "docs/demonstration.md").read_text()
    for figure in ("0.139", "0.152", "1173 (756–1466)", "1088 (776–1385)", "65 training frames", "200 ps"):
        assert figure in re.sub(r"\s+", " ", README), figure
        assert figure in shown, figure
