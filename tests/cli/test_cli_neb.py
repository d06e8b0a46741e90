"""`superion neb`: table, files, figure, what it refuses; and what its page says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ase.build import bulk
from ase.io import read, write
from command_line import refused, succeeds
from typer.testing import CliRunner

from superion.cli.app import app
from superion.results import read_result

PAGE = (Path(__file__).parents[2] / "docs/barriers.md").read_text()
HOP = (
    "--hop",
    "vacancy",
    "--species",
    "Cu",
    "--supercell",
    "2x2x1",
    "--reach",
    3,
    "--images",
    3,
    "--fmax",
    0.2,
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write("copper.extxyz", bulk("Cu", cubic=True))
    Path("emt.yaml").write_text("ase: ase.calculators.emt:EMT\n")
    return tmp_path


def test_hops_of_a_crystal_and_of_files(folder):
    shown = succeeds("neb", "emt.yaml", "copper.extxyz", *HOP, "-o", "out", "--compare", "emt.yaml",
                     "--figure", "out/paths", "--json", "neb.json")  # fmt: skip
    (row,) = read_result("neb.json").barriers
    assert f"{row.forward_eV:.4f}" in shown
    assert row.others[0].forward_eV == pytest.approx(row.forward_eV, abs=1e-9)
    assert "barrier" in Path("out/paths.svg").read_text() or Path("out/paths.png").stat().st_size > 10_000
    images = read("out/barriers.extxyz", ":")
    write("start.extxyz", images[0])
    write("end.extxyz", images[-1])
    ends = []
    for end, image in (("initial", images[0]), ("final", images[-1])):
        image.info = {"hop": row.name, "end": end}
        ends.append(image)
    write("hops.extxyz", ends)
    found = []
    for words in (["start.extxyz", "end.extxyz"], ["hops.extxyz", "--start", "out"]):
        succeeds("neb", "emt.yaml", *words, "-o", f"o{len(words)}{len(found)}", "--images", 3, "--fmax", 0.2,
                 "--json", "neb.json")  # fmt: skip
        (one,) = read_result("neb.json").barriers
        found.append(one.forward_eV)
    assert found == pytest.approx([row.forward_eV] * 2, abs=0.01)


def test_refused(folder):
    assert "two end points" in refused("neb", "emt.yaml", *["copper.extxyz"] * 3, "-o", "out")
    assert "is of hops of a crystal" in refused("neb", "emt.yaml", "copper.extxyz", "--count", 2, "-o", "out")
    assert "--hop needs the element" in refused(
        "neb", "emt.yaml", "copper.extxyz", "--hop", "vacancy", "-o", "out"
    )
    assert "'vacancy'" in refused("neb", "emt.yaml", "copper.extxyz", *HOP, "--hop", "vacanc", "-o", "out")
    assert "frames name no hops" in refused("neb", "emt.yaml", "copper.extxyz", "-o", "out")
    assert not Path("out").exists()


def test_the_page_works(capsys):
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(block.replace("(2, 2, 2)", "(2, 2, 1)"), "docs/barriers.md", "exec"), {})
    value = float(re.search(r"(0\.\d+) eV", capsys.readouterr().out)[1])
    assert 0.3 < value < 0.9
    shown = CliRunner().invoke(app, ["neb", "--help"], env={"COLUMNS": "200"}).output
    commands = PAGE.split("| quantity")[0].replace("\\\n", " ").splitlines()
    options = {o for c in commands if "superion neb" in c for o in re.findall(r"--[a-z-]+", c)}
    assert len(options) == 8
    assert all(option in shown for option in options | set(re.findall(r"`(--[a-z-]+)", PAGE)))
