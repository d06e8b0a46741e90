"""`superion check`, on model files and on calculators of ASE; and what docs/check.md says."""

import json
import re
from pathlib import Path

import pytest
from ase.build import bulk
from ase.io import write
from command_line import call, refused, succeeds
from test_referee_parts import gp
from toy_salt import TRUTH, crystal

from superion import Potential
from superion.conformance import CHECKS, Report

TEXT = (Path(__file__).parents[2] / "docs/check.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("check")
    TRUTH.save(root / "salt.safetensors")
    Potential([gp(3, 16)]).save(root / "gp.safetensors")
    write(root / "salt.extxyz", crystal())
    write(root / "argon.extxyz", bulk("Ar", "fcc", a=5.3, cubic=True))
    (root / "lj.yaml").write_text(
        "ase: ase.calculators.lj:LennardJones\narguments: {sigma: 3.4, epsilon: 0.0104, rc: 7.5}\n"
    )
    return root


def test_a_model_file_passes_and_its_report_can_be_read(folder):
    file = folder / "report.json"
    shown = succeeds(
        "check", folder / "salt.safetensors", folder / "salt.extxyz", "--level", "quick", "--json", file
    )
    report = Report.model_validate(json.loads(file.read_text()))
    assert report.passed
    assert [one.name for one in report.checks] == list(CHECKS)
    assert len(report.model["model"]) == 64
    assert "Cl4Li4 (given, atoms moved by 0.05 Å at random)" in shown
    assert re.search(r"restart +pass", shown)
    assert " 0 fail," in shown


def test_a_calculator_that_jumps_fails_with_exit_code_one(folder):
    result = call(
        "check", folder / "lj.yaml", folder / "argon.extxyz", "--level", "quick", "--only", "smooth pairs",
        "--only", "forces",
    )  # fmt: skip
    assert result.exit_code == 1, result.output
    assert re.search(r"forces +pass", result.output)
    assert re.search(r"smooth pairs +fail", result.output)


def test_a_model_file_needs_no_structure(folder):
    shown = succeeds("check", folder / "gp.safetensors", "--only", "rotation", "--precision", "float32")
    assert "made up: its elements at random on a tilted lattice" in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("lj.yaml",), "does not say which elements"),
        (
            ("salt.safetensors", "salt.extxyz", "--only", "force"),
            "unknown check 'force'. Did you mean 'forces'?",
        ),
        (("salt.safetensors", "salt.extxyz", "--level", "quik"), "cannot use --level 'quik'"),
        (("salt.safetensors", "salt.extxyz", "--accuracy", "0"), "cannot use --accuracy 0.0"),
        (("salt.safetensors", "salt.extxyz", "--rattle", "nan"), "cannot use --rattle nan"),
    ],
)
def test_what_cannot_be_checked_is_refused(folder, arguments, message, monkeypatch):
    monkeypatch.chdir(folder)
    assert message in refused("check", *arguments)


def test_the_page_tells_every_check():
    rows = re.findall(r"^\| ([a-z -]+) \|", TEXT, re.MULTILINE)
    assert [row for row in rows if row in CHECKS] == list(CHECKS)


def test_what_the_page_shows_in_python_runs():
    (block,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    scope: dict = {}
    exec(compile(block, "docs/check.md", "exec"), scope)
    assert scope["report"].passed
