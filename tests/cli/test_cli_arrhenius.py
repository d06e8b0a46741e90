"""`superion arrhenius`: from files of walkers to a line, and what it refuses."""

import json

import numpy as np
import pytest
from ase import Atoms, units
from ase.io import write
from typer.testing import CliRunner

import superion
from superion.cli.app import app

KELVINS = (600, 800, 1000)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Trajectories of walkers of 0.2 eV at three temperatures, gold standing still."""
    rng, folder = np.random.default_rng(2), tmp_path_factory.mktemp("walkers")
    for kelvin in KELVINS:
        truth = 0.02 * np.exp(-0.2 / (units.kB * kelvin))
        steps = rng.normal(scale=np.sqrt(2 * truth * 100), size=(300, 12, 3))
        paths = np.concatenate([np.cumsum(steps, axis=0), np.zeros((300, 4, 3))], axis=1)
        frames = [Atoms("Li12Au4", path, cell=3 * [25.0], pbc=True) for path in paths]
        write(folder / f"{kelvin}.xyz", frames, format="extxyz")
    (folder / "measured.csv").write_text("composition,conductivity (mS/cm)\nLi3Au,1.5\nLi7P3S11,3\n")
    return folder


def call(*words):
    return CliRunner().invoke(app, ["arrhenius", *map(str, words)])


def test_from_files_to_a_line_a_figure_and_a_result(files, tmp_path):
    runs = [files / f"{kelvin}.xyz" for kelvin in KELVINS]
    said = ["--timestep", 100, "--unwrapped", "--experiment", files / "measured.csv"]
    written = ["--json", tmp_path / "a.json", "--figure", tmp_path / "a.png"]
    found = call(*runs, *said, "--temperatures", "600,800,1000", "--extrapolate", "300,700", *written)
    assert found.exit_code == 0, found.output
    assert "activation energy" in found.output
    assert "measured: 1.5 mS/cm" in found.output
    assert (tmp_path / "a.png").stat().st_size > 10_000
    result = superion.read_result(tmp_path / "a.json")
    low, high = result.activation_interval
    assert low < 0.2 < high
    assert [one.temperature for one in result.extrapolated] == [300, 700]
    assert not result.extrapolated[1].beyond
    assert result.composition == "AuLi3"

    # a run that is too short is left out, and results may stand for runs
    short = call(*runs, *said, "--temperatures", "600,800,1000", "--frames", ":90")
    assert short.exit_code != 0
    assert "no run could be analysed" in short.output
    made = []
    for kelvin, path in zip(KELVINS, runs, strict=True):
        one = superion.transport(
            superion.Trajectory.open(path, timestep=100, temperature=kelvin, unwrapped=True)
        )
        made.append(tmp_path / f"{kelvin}.json")
        superion.results.write_result(made[-1], one)
    again = call(*made, "--json", tmp_path / "b.json")
    assert again.exit_code == 0, again.output
    same = json.loads((tmp_path / "b.json").read_text())["activation_energy"]
    assert same == pytest.approx(result.activation_energy, rel=1e-6)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["600.xyz", "800.xyz", "--temperatures", "600"], "1 temperatures for 2 runs"),
        (
            ["600.xyz", "none.xyz", "--temperatures", "600,-3"],
            "none.xyz does not exist; a temperature of -3 K",
        ),
        (["600.xyz", "800.xyz", "--temperature", "600"], "--temperatures 600,800"),
        (["600.xyz", "800.xyz", "--temperatures", "a,b"], "write temperatures in K"),
        (["600.xyz", "800.xyz", "--temperatures", "600,600"], "one temperature has no slope"),
    ],
)
def test_refused(files, words, said):
    words = [str(files / word) if word.endswith(".xyz") else word for word in words]
    found = call(*words, "--timestep", 100, "--unwrapped")
    assert found.exit_code != 0
    assert said in " ".join(found.output.split())


def test_other_compositions_and_temperatures_are_named_together(files, tmp_path):
    frames = [
        Atoms("Li2Au", [[0, 0, 0.1 * k], [2, 0, 0], [0, 3, 0]], cell=3 * [9.0], pbc=True) for k in range(120)
    ]
    write(tmp_path / "other.xyz", frames, format="extxyz")
    found = call(files / "600.xyz", tmp_path / "other.xyz", "--temperatures", "600,800", "--timestep", 100)
    assert found.exit_code != 0
    assert "the composition differs" in " ".join(found.output.split())
