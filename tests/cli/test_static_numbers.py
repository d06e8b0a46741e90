"""Numbers that pass for numbers and mean nothing: an error, no traceback, no long wait."""

import numpy as np
import pytest
from ase.build import bulk
from ase.io import write
from command_line import refused
from toy_salt import TRUTH, crystal

from superion import Potential
from superion.potentials.classical.pair_forms import Morse
from superion.potentials.classical.pair_potentials import PairPotentials

BOUNDLESS = ("nan", "inf", "-1", "1e300", "1e-320")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("numbers")
    Potential([PairPotentials({("Cu", "Cu"): Morse(0.34, 1.36, 2.87)}, cutoff=4.0)]).save(
        folder / "cu.safetensors"
    )
    TRUTH.save(folder / "salt.safetensors")
    write(folder / "cu.extxyz", bulk("Cu", a=3.6))
    write(folder / "salt.extxyz", crystal())
    rng = np.random.default_rng(0)
    frames = [crystal() for _ in range(100)]
    for atoms in frames:
        atoms.info["REF_dipole"] = 0.01 * rng.normal(size=3)
    write(folder / "dipoles.extxyz", frames)
    return folder


COPPER = ("cu.safetensors", "cu.extxyz")
RELAX = ("relax", *COPPER, "-o", "o.cif", "--cell", "full")
PHONONS = ("phonons", "salt.safetensors", "salt.extxyz", "--supercell", "1", "--mesh", "1", "--no-relax")
DIELECTRIC = ("dielectric", "dipoles.extxyz", "--temperature", "300", "--blocks", "4")
INFRARED = ("infrared", "dipoles.extxyz", "--temperature", "300", "--timestep", "1")


@pytest.mark.parametrize(
    "command",
    [
        (*RELAX, "--fmax"),
        (*RELAX, "--longest"),
        ("elastic", *COPPER, "--ion-volume"),
        ("elastic", *COPPER, "--strain"),
        ("eos", *COPPER, "--relax", "--fmax"),
        (*PHONONS, "--displacement"),
        (*PHONONS, "--epsilon-inf"),
        (*DIELECTRIC, "--temperature"),
        (*DIELECTRIC, "--epsilon-inf"),
        (*INFRARED, "--timestep"),
        (*INFRARED, "--resolution"),
        ("profile", "salt.extxyz", "--model", "salt.safetensors", "--smoothing"),
        ("profile", "salt.extxyz", "--model", "salt.safetensors", "--width"),
    ],
    ids=lambda command: f"{command[0]} {command[-1]}",
)
def test_numbers_without_meaning(root, command, monkeypatch):
    monkeypatch.chdir(root)
    for value in BOUNDLESS:
        if value == "1e300" and command[0] in ("relax", "eos") and command[-1] == "--fmax":
            continue  # rest at once
        if value == "1e-320" and command[-1] in ("--smoothing", "--width"):
            continue  # none
        assert "error: " in refused(*command, value).lower(), value


def test_pressures_and_ranges(root, monkeypatch):
    monkeypatch.chdir(root)
    for value in ("nan", "inf", "1e300"):
        assert "pressure of at most" in refused(*RELAX, "--pressure", value)
    for value in ("nan,nan", "inf,inf", "0.9", "1.1,0.9", "-1,1", "1e-9,1"):
        assert "cannot use --range" in refused("eos", *COPPER, "--range", value)
