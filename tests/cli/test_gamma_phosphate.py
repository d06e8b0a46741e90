"""gamma-Li3PS4 with quickly fitted potentials: waves in cells large enough and not, a vacancy that moves."""

import json

import numpy as np
import pytest
from ase.io import write
from ase.mep import NEB
from ase.optimize import FIRE, LBFGS
from command_line import succeeds
from gamma_phosphate import crystal, models

from superion import Calculator
from superion.electrostatics import ChargedCellWarning
from superion.simulation import read_trajectory

NAMES = ("gap", "es-gap")
pytestmark = pytest.mark.filterwarnings("ignore::superion.electrostatics.ChargedCellWarning")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gamma")
    for name, model in models(5).items():
        model.save(folder / f"{name}.safetensors")
    write(folder / "crystal.extxyz", crystal())
    write(folder / "vacancy.extxyz", vacancy())
    return folder


def vacancy():
    """127 atoms, and a charge of the model's lithium is missing."""
    return crystal().repeat(2)[1:]


def test_waves_between_those_of_a_small_cell_are_not_those_of_the_model(files):
    """One cell is thinner than twice the range: imaginary modes at 0.7i THz that eight cells do not have."""
    arguments = (
        files / "gap.safetensors",
        files / "crystal.extxyz",
        "--points",
        20,
        "--json",
        files / "p.json",
    )
    shown = succeeds("phonons", *arguments, "--supercell", "1,1,1")
    assert "warning: the 1x1x1 supercell is not thicker than twice the range of the forces, 6 Å" in shown
    assert "--supercell 2,2,2 suffices" in shown
    assert "not a minimum" not in shown
    found = json.loads((files / "p.json").read_text())
    lowest = found["imaginary"][0]
    assert lowest["frequencies_THz"][0] < -0.1
    assert not any(mode["exact"] for mode in found["imaginary"])
    for more in ((), ("--supercell", "2,2,2")):
        shown = succeeds("phonons", *arguments, *more)
        assert "no imaginary modes on the mesh 8x8x8" in shown
        assert "warning" not in shown
        assert json.loads((files / "p.json").read_text())["supercell"] == [2, 2, 2]


@pytest.mark.parametrize("name", NAMES)
def test_commands_on_a_crystal_with_a_vacancy(files, tmp_path, name):
    model, structure = files / f"{name}.safetensors", files / "vacancy.extxyz"
    succeeds(
        "md", model, structure, "--temperature", 300, "--steps", 10, "--sample-every", 5, "-o", tmp_path / "r"
    )
    assert len(read_trajectory(tmp_path / "r")) == 3
    succeeds("evaluate", model, structure, "-o", tmp_path / "e.extxyz")
    succeeds("eos", model, structure, "--points", 5, "--json", tmp_path / "c.json")
    volumes = json.loads((tmp_path / "c.json").read_text())["curves"][0]["volumes_A3"]
    assert min(volumes) < vacancy().get_volume() < max(volumes)


@pytest.mark.physics
@pytest.mark.parametrize("name", NAMES)
def test_barrier_of_a_vacancy(name):
    """The potentials of the demonstration give 0.13 (gap) and 0.16 eV (es-gap) for this hop of 3.5 Å."""
    calculator = Calculator(models(6)[name])
    site, start = crystal().repeat(2).positions[0], vacancy()
    if name == "es-gap":
        with pytest.warns(ChargedCellWarning, match=r"total charge of -0\.445 e"):
            calculator.get_potential_energy(start)
    relax(start, calculator)
    end = start.copy()
    apart = site - end.positions[51]
    fractional = end.cell.scaled_positions(apart)
    end.positions[51] += (fractional - np.round(fractional)) @ end.cell.array
    relax(end, calculator)
    images = [start, *(start.copy() for _ in range(3)), end]
    for image in images[1:-1]:
        image.calc = calculator
    band = NEB(images, climb=True, allow_shared_calculator=True, method="improvedtangent")
    band.interpolate(mic=True)
    FIRE(band, logfile=None).run(fmax=0.1, steps=60)
    energies = np.array([image.get_potential_energy() for image in images])
    assert np.linalg.norm(end.positions[51] - start.positions[51]) == pytest.approx(3.5, abs=0.4)
    assert 0.08 < energies.max() - energies[0] < 0.25


def relax(atoms, calculator):
    atoms.calc = calculator
    assert LBFGS(atoms, logfile=None).run(fmax=0.03, steps=200)
