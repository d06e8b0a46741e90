"""Argon that costs nothing: a crystal, and settings of the calculator that moves it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from ase.build import bulk
from ase.io import write
from typer.testing import CliRunner

from superion.cli.app import app

DEFECT = ("--species", "Ar", "--kind", "vacancy", "--count", 1, "--fmax", 1e-3)
LOCALITY = ("--radii", 1.2, "--reference", "Ar:1", "--perturbations", 4, "--displacement", 0.02)


def write_argon(folder: Path, calculator: str = "ase.calculators.lj:LennardJones", **arguments: Any) -> None:
    """`argon.extxyz` and `model.yaml`."""
    write(folder / "argon.extxyz", bulk("Ar", "fcc", a=1.56, cubic=True).repeat((2, 2, 2)), format="extxyz")
    settings = {"labeller": {"ase": calculator, "arguments": arguments}}
    (folder / "model.yaml").write_text(yaml.safe_dump(settings))


def defect(folder: Path, output: str, where: object) -> list[str]:
    """The command line of a run of defects."""
    files = folder / "model.yaml", folder / "argon.extxyz", "--output", folder / output
    return [str(word) for word in ("defect", *files, *DEFECT, "--parallel", where)]


def locality(folder: Path, output: str, where: object) -> list[str]:
    """The command line of a locality test."""
    files = folder / "argon.extxyz", "--labeller", folder / "model.yaml", "--output", folder / output
    return [str(word) for word in ("locality", *files, *LOCALITY, "--executor", where)]


def call(words: list[str]) -> None:
    """Run a command here."""
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
