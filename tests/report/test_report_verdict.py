"""From a study folder with files of properties to its verdict, on the command line and in the report."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from html_reader import Page
from matplotlib.colors import to_rgb
from matplotlib.image import imread
from synthetic_study import write_study
from typer.testing import CliRunner

from superion.cli.app import app
from superion.report import write_report
from superion.report.figure_verdict import forest
from superion.report.style import VERMILLION
from superion.verdict import PropertyFile, Value, property_path, study_verdict, write_property
from superion.verdict.values import Kind

PAIR = ("gap", "es-gap")
ANSWER = (
    "Long-range electrostatics is needed for defects; undecided for forces and the conductivity, because one "
    "fit says nothing about its spread. This electrostatics (fixed charges) does not help the elastic "
    "moduli; whether equilibrated charges and latent charges would was not shown."
)
UNITS: dict[str, tuple[str, Kind]] = {"defects": ("eV", "plain"), "elastic": ("GPa", "positive")}
HOSTILE = '<b>pair & "3"</b>'


def put(folder: Path, topic: str, potential: str, draw: int | None, name: str, value: float) -> None:
    unit, kind = UNITS[topic]
    found = (Value(name=name, unit=unit, kind=kind, value=value),)
    file = PropertyFile(property=topic, potential=potential, resampled=draw, values=found)
    write_property(property_path(folder, topic, potential, draw), file)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Defects need electrostatics, the shear modulus does not; forces and conductivity have one fit."""
    folder = write_study(tmp_path_factory.mktemp("verdict"))
    rng = np.random.default_rng(0)
    for draw in (None, 1, 2, 3, 4):
        for potential, energy in zip(PAIR, (0.6, 0.1), strict=True):
            put(folder, "defects", potential, draw, HOSTILE, energy + 0.01 * rng.normal())
            put(folder, "elastic", potential, draw, "shear modulus", 10 * np.exp(0.005 * rng.normal()))
    put(folder, "defects", "reference", None, HOSTILE, 0.12)
    return folder


@pytest.fixture(scope="module")
def page(study: Path) -> Page:
    return Page(write_report(study).read_text())


def command(*words: object) -> str:
    result = CliRunner().invoke(app, ["verdict", *map(str, words)], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    return result.output


def test_the_command_prints_the_answer_the_table_and_every_reason(study: Path, tmp_path: Path) -> None:
    printed = command(study, "--json", tmp_path / "verdict.json")
    assert " ".join(printed.split()).startswith(ANSWER)
    row = next(line for line in printed.splitlines() if "shear modulus" in line)
    assert [cell.strip() for cell in row.split("│")[5:8]] == ["–", "10 %", "not helped"]
    assert "shear modulus (GPa): not helped. With electrostatics it changes by" in printed
    content = json.loads((tmp_path / "verdict.json").read_text())
    assert content == study_verdict(study).record().model_dump()
    assert content["answer"] == ANSWER
    assert {"eos", "dielectric"} <= set(content["not_asked"])
    assert not (study / "verdict.json").exists()


def test_the_command_takes_tolerances_and_a_level(study: Path) -> None:
    assert "undecided for forces" in command(study, "--tolerance", "defects=2", "--level", "0.001")
    printed = " ".join(command(study, "--tolerance", "defects=2").split())
    assert "does not help the elastic moduli" in printed
    assert "not needed for defects" in command(study, "--tolerance", "defects=2")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--tolerance", "defect=0.1"], "there is no tolerance 'defect'. Did you mean 'defects'?"),
        (["--tolerance", "defects"], "cannot understand --tolerance 'defects'."),
        (["--tolerance", "conductivity=0.5"], "is a factor and must be above 1"),
        (["--level", "5"], "the level must be between 0 and 0.5"),
    ],
)
def test_the_command_says_what_it_cannot_take(study: Path, words: list[str], message: str) -> None:
    result = CliRunner().invoke(app, ["verdict", str(study), *words])
    assert result.exit_code == 2
    assert message in result.output


def test_the_report_begins_with_the_answer(page: Page) -> None:
    assert page.text.index(ANSWER) < page.text.index("The study in counts.")
    classes = [a.get("class") or "" for tag, a in page.tags if tag == "span"]
    assert [c for c in classes if c.startswith("badge")][:4] == [
        "badge undecided", "badge not-helped", "badge needed", "badge undecided",
    ]  # fmt: skip
    assert re.search(r"Not asked: .*the equation of state, .*the dielectric constant.*\.", page.text)
    assert "from 4 resampled pairs of fits" in page.text


def test_every_row_is_followed_by_its_reason(page: Page) -> None:
    rows = page.table("value", "tolerance")
    names = [row[0] for row in rows[::2]]
    assert names == [
        "forces of Li (eV/Å)", "forces of P (eV/Å)", "forces of S (eV/Å)", "shear modulus (GPa)",
        f"{HOSTILE} (eV)", "conductivity at 500 K (mS/cm)", "conductivity at 700 K (mS/cm)",
    ]  # fmt: skip
    defect, reason = rows[8], rows[9]
    assert defect[4:] == ["0.120", "0.1 eV", "● needed"]
    assert reason[0].startswith("The local value misses the reference by 0.4")
    assert rows[0][-1] == "? undecided"


def test_the_figure_says_the_answer_to_those_who_do_not_see_it(page: Page) -> None:
    first = next(a for tag, a in page.tags if tag == "img")
    assert first["alt"] == ANSWER


def test_the_figure_shows_outcomes_on_a_common_axis(study: Path, page: Page) -> None:
    picture = imread(study / "figures" / "verdict.png")[..., :3]
    for colour in (VERMILLION, "#0072B2"):
        assert (np.abs(picture - to_rgb(colour)).max(axis=2) < 0.02).sum() > 200
    figure = forest(study_verdict(study).findings)
    assert figure is not None
    panel = figure.axes[0]
    assert panel.get_xlim()[0] < -1 < 1 < panel.get_xlim()[1]
    assert len(panel.get_yticks()) == 7
    assert forest([]) is None
