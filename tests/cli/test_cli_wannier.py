"""Dipoles from Wannier centres, and what is made of them, from the command line."""

import json

import numpy as np
import pytest
from ase import Atoms, units
from ase.io import read, write
from command_line import refused, succeeds

from superion.analysis import from_fluctuations
from superion.electrostatics import CoulombTerm, FixedCharges, Point, dipole_path
from superion.potentials import Potential
from superion.potentials.repulsion import Repulsion

SIDE, STEP, KELVIN = 10.0, 2.0, 300.0
WAVE = 400.0
"""1/cm, at which the ions of the test vibrate."""


def vibration(count=500):
    """Li and Cl that vibrate against each other through the boundary of the cell."""
    time = STEP * np.arange(count)
    u = 0.3 * np.sin(2 * np.pi * WAVE * units._c * 1e2 * 1e-15 * time + 0.3)
    frames = []
    for x in u:
        atoms = Atoms("LiCl", [[0.05 + x, 5, 5], [2.6 - 0.2 * x, 5, 5]], cell=[SIDE] * 3, pbc=True)
        frames.append(atoms)
    return frames


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wannier")
    pictures = []
    for atoms in vibration():
        points = atoms.positions[[0, 1, 1, 1, 1]]
        pictures.append(Atoms(atoms.symbols, atoms.positions % SIDE) + Atoms("X5", points % SIDE))
    write(folder / "wannier.xyz", pictures, "xyz")
    Potential([CoulombTerm(FixedCharges({"Li": 0.5, "Cl": -0.5}), Point())]).save(
        folder / "model.safetensors"
    )
    Potential([Repulsion({(3, 17): 3.6}, height=6.0)]).save(folder / "local.safetensors")
    succeeds(
        "wannier", folder / "wannier.xyz", "--cell", "10,10,10", "-o", folder / "frames.extxyz",
    )  # fmt: skip
    return folder


def test_a_cell_file_of_cp2k_stands_for_the_cell(root, tmp_path):
    row = "{} {} 10 0 0 0 10 0 0 0 {} 1000\n"
    (tmp_path / "p-1.cell").write_text("# Step Time\n" + "".join(row.format(k, k, 10) for k in range(3)))
    (tmp_path / "npt.cell").write_text("".join(row.format(k, k, 10 + k) for k in range(3)))
    run = ("wannier", root / "wannier.xyz", "-o", tmp_path / "f.extxyz", "--cell-file")
    succeeds(*run, tmp_path / "p-1.cell")
    assert (tmp_path / "f.extxyz").read_bytes() == (root / "frames.extxyz").read_bytes()
    assert "the cell changes" in refused(*run, tmp_path / "npt.cell")
    assert "leave out one" in refused(*run, tmp_path / "p-1.cell", "--cell", "10,10,10")


def test_cells_that_change_or_differ_from_the_one_given_are_refused(root, tmp_path):
    frames = read(root / "wannier.xyz", ":2")
    for atoms, side in zip(frames, (SIDE, SIDE + 0.1), strict=True):
        atoms.set_cell([side] * 3)
        atoms.pbc = True
    write(tmp_path / "npt.xyz", frames, "extxyz")
    run = ("wannier", tmp_path / "npt.xyz", "-o", tmp_path / "f.extxyz")
    assert "take a run at constant volume" in refused(*run)
    message = refused(*run, "--cell", "10,10,10")
    assert "npt.xyz, frame 1: it names the cell [[10.1" in message
    assert "leave out --cell" in message
    write(tmp_path / "npt.xyz", frames[:1], "extxyz")
    succeeds(*run, "--cell", "10,10,10")


def test_dipoles_are_written(root, tmp_path):
    shown = succeeds(
        "wannier", root / "wannier.xyz", "--cell", "10,0,0,0,10,0,0,0,10", "-o", tmp_path / "f.extxyz",
        "--valence", "Li=3,Cl=7", "--model", root / "model.safetensors", "--json", tmp_path / "f.json",
    )  # fmt: skip
    found = json.loads((tmp_path / "f.json").read_text())
    expected = dipole_path(vibration(), FixedCharges({"Li": 1.0, "Cl": -1.0}))
    dipoles = np.array(found["dipole_e_A"])
    np.testing.assert_allclose(dipoles - dipoles[0], expected, atol=1e-7)
    assert (found["frames"], found["centres"]) == (500, 5)
    assert found["model_slope"] == pytest.approx(2)
    assert "dipole = 2 x prediction" in shown
    frames = read(tmp_path / "f.extxyz", ":")
    np.testing.assert_allclose([atoms.info["REF_dipole"] for atoms in frames], dipoles, atol=1e-7)
    assert np.ptp([atoms.positions[0, 0] for atoms in frames]) == pytest.approx(0.6, rel=0.01)


def test_infrared_and_dielectric_read_them(root, tmp_path):
    frames = root / "frames.extxyz"
    succeeds(
        "infrared", frames, "--timestep", STEP, "--temperature", KELVIN, "--resolution", 150,
        "--json", tmp_path / "ir.json",
    )  # fmt: skip
    found = json.loads((tmp_path / "ir.json").read_text())
    peak = found["wavenumber_per_cm"][int(np.argmax(found["absorption_A2"]))]
    assert peak == pytest.approx(WAVE, abs=45)
    assert len(found["conductivity_S_per_cm"]) == len(found["absorption_A2"])
    shown = succeeds(
        "dielectric", frames, "--temperature", KELVIN, "--epsilon-inf", 2, "--json", tmp_path / "e.json"
    )
    (run,) = json.loads((tmp_path / "e.json").read_text())["runs"]
    path = dipole_path(vibration(), FixedCharges({"Li": 1.0, "Cl": -1.0}))
    expected = from_fluctuations(path, SIDE**3, KELVIN, epsilon_inf=2.0)
    assert run["epsilon"] == pytest.approx(expected.mean, rel=1e-6)
    assert "from fluctuations" in shown


def test_refused(root, tmp_path):
    target = ("-o", tmp_path / "f.extxyz")
    file, frames = root / "wannier.xyz", root / "frames.extxyz"
    write(tmp_path / "bare.extxyz", vibration(3))
    for words, message in (
        (["wannier", file, *target], "names no cell. Remedy: give the cell: --cell 10,10,12"),
        (["wannier", file, *target, "--cell", "10,10"], "write three lengths, --cell 10,10,12"),
        (["wannier", file, *target, "--cell", "10,10,10", "--valence", "Li=x"], "in --valence 'Li=x'"),
        (
            ["wannier", file, *target, "--cell", "10,10,10", "--electrons", 1],
            "found 5 centres of 1 electrons",
        ),
        (
            ["wannier", file, *target, "--cell", "10,10,10", "--model", root / "local.safetensors"],
            "no charges",
        ),
        (["infrared", frames, "--timestep", 2], "need --temperature, a positive number"),
        (["infrared", frames, "--temperature", 300], "need --timestep, a positive number"),
        (["dielectric", frames], "need --temperature"),
        (["dielectric", frames, frames, "--temperature", 300], "further-runs has no effect"),
        (["infrared", tmp_path / "bare.extxyz", "--timestep", 2, "--temperature", 9], "it has no REF_dipole"),
        (["infrared", frames, "--timestep", 2, "--temperature", 9, "--discard", 1], "discard has no effect"),
        (["infrared", root, "--timestep", 2], "holds no run"),
    ):
        assert message in refused(*words)


@pytest.mark.parametrize("command", [["dielectric"], ["infrared", "--timestep", STEP, "--resolution", 150]])
def test_frames_that_are_no_path_are_refused(root, tmp_path, command):
    def broken(change):
        frames = [atoms.copy() for atoms in read(root / "frames.extxyz", ":")]
        for atoms in frames[300:]:
            change(atoms)
        write(tmp_path / "broken.extxyz", frames)
        name, *options = command
        return refused(name, tmp_path / "broken.extxyz", "--temperature", KELVIN, *options)

    def jump(atoms):
        atoms.info["REF_dipole"] = atoms.info["REF_dipole"] + [0, SIDE, 0]

    assert "broken.extxyz, frame 300: the dipole jumps by 1.00 of e times a lattice" in broken(jump)
    for change in (
        lambda atoms: atoms.set_cell(1.01 * atoms.cell),
        lambda atoms: atoms.set_atomic_numbers(atoms.numbers[::-1]),
        lambda atoms: atoms.set_pbc(False),
    ):
        assert "frame 300: its atoms or its cell are not those of the first frame" in broken(change)


def test_a_cluster_in_a_box_has_no_dielectric_constant(root, tmp_path):
    frames = read(root / "frames.extxyz", ":")
    for atoms in frames:
        atoms.pbc = False
    write(tmp_path / "cluster.extxyz", frames)
    expected = "needs a cell with a volume, periodic along three axes"
    assert expected in refused("dielectric", tmp_path / "cluster.extxyz", "--temperature", KELVIN)
