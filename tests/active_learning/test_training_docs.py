"""What docs/active-learning.md and the example show works as it stands."""

from __future__ import annotations

import re
import runpy
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from toy_training import write_training
from typer.testing import CliRunner

from superion.active_learning import config
from superion.active_learning.config import TrainSettings, read_training
from superion.cli.app import app
from superion.errors import InputError
from superion.files import read_json
from superion.reference.settings import ModelSettings
from superion.settings_file import read_settings
from superion.work.executors import ExecutorSettings

ROOT = Path(__file__).parents[2]


def test_the_protocol_of_the_documentation_runs(tmp_path, monkeypatch):
    write_training(tmp_path, protocol__generations=3)
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs/active-learning.md").read_text(), re.DOTALL)
    (block,) = [each for each in blocks if "run_training" in each]
    assert block.count("\n") < 30
    exec(compile(block, "docs/active-learning.md", "exec"), {})
    summary = read_json(tmp_path / "grown" / "summary.json")
    assert summary["ended"] == "three generations are done"
    assert [g["labels"] for g in summary["generations"]] == [0, 3, 6, 9]
    for words, shown in (
        (["status", "grown"], "ended: three generations are done"),
        (["report", "grown"], "grown/report.html"),
    ):
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, result.output
        assert shown in result.output.replace("\n", "")


def test_the_example_is_understood(tmp_path):
    source = ROOT / "examples/li7p3s11-active-learning.yaml"
    settings = read_training(shutil.copy(source, tmp_path))
    assert settings.budget == 30 + settings.protocol.generations * settings.select.count
    assert settings.labels.labeller.gpaw is not None


def test_the_numbers_of_the_example_are_those_that_the_command_prints(tmp_path, capsys):
    command = runpy.run_path(str(ROOT / "benchmarks/training.py"))["main"]
    command(["--figure", str(tmp_path / "figure")])
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert len(rows) > 3
    assert "\n".join(rows) in (ROOT / "docs/active-learning.md").read_text()


@pytest.mark.parametrize("name", ["labels.md", "active-learning.md"])
def test_the_scripts_for_slurm_parse_and_their_commands_exist(name):
    """bash accepts the script, every directive is an option of sbatch, every option one of the command."""
    blocks = re.findall(r"```bash\n(.*?)```", (ROOT / "docs" / name).read_text(), re.DOTALL)
    (script,) = [block for block in blocks if "#SBATCH" in block]
    assert script.startswith("#!/bin/bash\n#SBATCH")
    checked = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")
    directives = re.findall(r"^#SBATCH (.*)$", script, re.MULTILINE)
    assert all(re.fullmatch(r"--[a-z-]+=[\w:%.-]+", directive) for directive in directives)
    (words,) = re.findall(r"^superion (.*)", script.replace("\\\n", ""), re.MULTILINE)
    shown = CliRunner().invoke(app, [words.split()[0], "--help"]).output
    options = re.findall(r"--[a-z-]+", words)
    assert options
    assert all(option in shown for option in options)


def test_the_executor_of_the_documentation_is_understood(tmp_path):
    (text,) = [
        block
        for block in re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/labels.md").read_text(), re.DOTALL)
        if "factory:" in block
    ]
    (tmp_path / "slurm.yaml").write_text(text)
    settings = read_settings(tmp_path / "slurm.yaml", ExecutorSettings)
    assert settings.slots == 32
    training = write_training(tmp_path, labels__executor=settings.model_dump())
    assert read_training(training).labels.executor == settings


def test_a_model_labels_as_the_schema_says(tmp_path):
    """A file of a model may stand with another key labeller around it or without, in the folder too."""
    said = TrainSettings.model_json_schema()["$defs"]["LabelSettings"]["properties"]["labeller"]
    assert "{model: FILE}" in said["description"]
    for labeller in ({"model": "truth.safetensors"}, {"labeller": {"model": "truth.safetensors"}}):
        path = write_training(tmp_path, labels__labeller=labeller)
        settings = read_training(path)
        assert settings.labels.labeller.labeller == ModelSettings(model=tmp_path / "truth.safetensors")
        (tmp_path / "out").mkdir(exist_ok=True)
        config.write_training(settings, tmp_path / "out")
        assert read_training(tmp_path / "out" / "training.yaml") == settings
    with pytest.raises(InputError, match=r"labels\.labeller.*modle"):
        read_training(write_training(tmp_path, labels__labeller={"modle": "truth.safetensors"}))


def test_settings_of_the_documentation_are_understood(tmp_path):
    """Both YAML files of the page: the first is whole, the second shows models."""
    whole, models = re.findall(
        r"```yaml\n(.*?)```", (ROOT / "docs/active-learning.md").read_text(), re.DOTALL
    )
    (tmp_path / "learn.yaml").write_text(whole)
    settings = read_training(tmp_path / "learn.yaml")
    assert (settings.student, settings.explore.stop.above) == ("es-gap", 5)
    (tmp_path / "learn.yaml").write_text(yaml.safe_dump(yaml.safe_load(whole) | yaml.safe_load(models)))
    settings = read_training(tmp_path / "learn.yaml")
    assert (settings.student, settings.explore.model) == ("student", "teacher")
    assert set(settings.fitted) == {"student", "network"}


def test_active_learning_has_its_older_name_quietly():
    shown = CliRunner().invoke(app, ["--help"]).output
    assert "active-learning" in shown
    assert not re.search(r"^\W*train\b", shown, re.MULTILINE)
    now, before = (
        CliRunner().invoke(app, ["schema", name]).output for name in ("active-learning", "training")
    )
    assert now == before
    assert "select.method" not in now
    assert '"ramp"' in now


@pytest.mark.parametrize("name", ["active-learning", "train"])
def test_active_learning_from_the_command_line(name, tmp_path):
    source = write_training(tmp_path, protocol__generations=1)
    result = CliRunner().invoke(app, [name, str(source), "--output", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "out" / "generation-001" / "models" / "es-gap.safetensors").exists()
    result = CliRunner().invoke(app, [name, str(tmp_path / "out" / "test.extxyz")])
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_compare_from_the_command_line(tmp_path):
    write_training(tmp_path)
    (tmp_path / "fit.yaml").write_text(
        "soap: {cutoff: 4.0, n_max: 3, l_max: 2, sparse_points: 8}\npair: null\n"
    )
    words = ["salt.extxyz", "--test", "b", "--method", "random", "--method", "cur", "--initial", "1"]
    words += ["--step", "1", "--budget", "3", "--repeats", "1", "--config", "fit.yaml", "--output", "cmp"]
    paths = [str(tmp_path / word) if word.endswith((".extxyz", ".yaml", "cmp")) else word for word in words]
    result = CliRunner().invoke(app, ["compare-selectors", *paths])
    assert result.exit_code == 0, result.output
    assert read_json(tmp_path / "cmp" / "comparison.json")["labels"] == [1, 2, 3]
    assert (tmp_path / "cmp" / "comparison.png").exists()
