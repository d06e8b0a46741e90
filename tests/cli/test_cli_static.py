"""Equations of state and elastic constants from the command line."""

import json
import re

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.io import read, write
from command_line import refused, succeeds
from toy_salt import FIRM, FIT, RELAXED, crystal, frames

from superion import Calculator, Potential
from superion.calculations.doubt import doubt_lines, doubts
from superion.calculations.doubt_result import Doubts
from superion.calculations.eos import at_volumes
from superion.calculations.phonons import phonons
from superion.electrostatics import CoulombTerm, FixedCharges, Point, PolarizableTerm
from superion.potentials import FitSettings, fit
from superion.potentials.classical.pair_forms import Buckingham, Morse
from superion.potentials.classical.pair_potentials import PairPotentials


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("static")
    for name, depth in (("one", 0.34), ("other", 0.36)):
        copper = PairPotentials({("Cu", "Cu"): Morse(depth, 1.36, 2.87)}, cutoff=7.0)
        Potential([copper]).save(folder / f"{name}.safetensors")
    write(folder / "copper.extxyz", bulk("Cu", a=3.6))
    frames = []
    for ratio in np.linspace(0.85, 1.1, 7):
        atoms = bulk("Cu", a=3.6 * ratio ** (1 / 3))
        atoms.calc = Calculator(folder / "one.safetensors")
        atoms.info["REF_energy"] = atoms.get_potential_energy() + 5
        atoms.calc = None
        frames.append(atoms)
    write(folder / "labels.extxyz", frames)
    return folder


def test_eos_and_elastic_agree(root):
    shown = succeeds(
        "eos", root / "one.safetensors", root / "copper.extxyz", "--range", "0.85,1.1", "--points", 9,
        "--relax",        "--json", root / "eos.json",
    )  # fmt: skip
    (curve,) = json.loads((root / "eos.json").read_text())["curves"]
    assert f"B0 {curve['modulus_GPa'][0]:.4g} ±" in shown
    assert len(curve["energies_eV"]) == 9
    shown = succeeds(
        "elastic", root / "one.safetensors", root / "copper.extxyz", "--strain", "0.002", "--fmax", "1e-5",
        "--ion-volume", 4, "--json", root / "elastic.json",
    )  # fmt: skip
    found = json.loads((root / "elastic.json").read_text())
    assert found["volume_A3"] == pytest.approx(curve["volume_A3"][0], rel=2e-3)
    assert found["relaxed_ions"]["bulk_GPa"] == pytest.approx(curve["modulus_GPa"][0], rel=0.02)
    tensor = np.array(found["clamped_ions"]["tensor_GPa"])
    assert tensor[0, 1] == pytest.approx(tensor[3, 3], rel=1e-3)
    assert "48 rotations, 2 strains" in shown
    assert "interface with lithium: volume ratio 0.185, χ" in shown
    assert ("that of an isotropic solid" in shown) is (found["lithium"]["anisotropy"] > 0.5)
    assert found["lithium"]["stable"] is False


def test_labels_on_the_same_structures(root):
    shown = succeeds(
        "eos", root / "one.safetensors", "--also", root / "other.safetensors",
        "--labels", root / "labels.extxyz", "--json", root / "c.json", "--figure", root / "c",
    )  # fmt: skip
    labels, same, deeper = json.loads((root / "c.json").read_text())["curves"]
    assert labels["name"] == "labels"
    assert same["difference"]["largest_eV"] < 1e-6
    assert same["energy_eV"][0] == pytest.approx(labels["energy_eV"][0] - 5)
    assert deeper["difference"]["modulus"] == pytest.approx(0.36 / 0.34 - 1, abs=1e-5)
    assert deeper["difference"]["volume"] == pytest.approx(0, abs=1e-5)
    assert "modulus +5.9 %" in shown
    assert (root / "c.png").read_bytes()[:4] == b"\x89PNG"
    assert "svg" in (root / "c.svg").read_text()[:400]


@pytest.fixture(scope="module")
def salt_gap(root):
    """A Gaussian process fitted to a salt near its equilibrium volume."""
    known = frames(6, "abc", truth=FIRM, edge=RELAXED)
    (gap,) = fit(known, FitSettings.model_validate(FIT), {"gap": []})["gap"]
    Potential([gap]).save(root / "gap.safetensors")
    write(root / "known.extxyz", crystal(RELAXED))
    return root / "gap.safetensors"


def test_deviations_see_what_those_of_atomic_energies_do_not(root, salt_gap):
    """A crystal blown up to 1.6 times its volume: total energy and forces know, atomic energies hardly."""
    potential = Potential.load(salt_gap)
    cells = at_volumes(crystal(RELAXED), [1.0, 1.6])
    for atoms in cells:
        atoms.rattle(0.02, seed=0)
    found = doubts(Calculator(potential), cells)
    energies, forces = found["energy_deviations_eV"], found["force_deviations_eV_per_A"]
    assert energies[1] > 10 * energies[0]
    assert forces[1] > 1.5 * forces[0]
    atomic = [potential.deviation(atoms).energies.max() for atoms in cells]
    assert atomic[1] / atomic[0] < 0.3 * energies[1] / energies[0]
    assert found["extrapolated"] == [1]
    assert "EXTRAPOLATED, far from the training data: the large one" in doubt_lines(
        Doubts(**found), ["", "the large one"]
    )


def test_curves_show_deviations_and_name_clamped_ions(root, salt_gap):
    shown = succeeds(
        "eos", salt_gap, root / "known.extxyz", "--range", "0.85,1.3", "--json", root / "gap.json"
    )
    (curve,) = json.loads((root / "gap.json").read_text())["curves"]
    assert curve["ions"] == "clamped"
    assert "gap.safetensors, ions clamped: V0" in shown
    assert "predicted deviation of the total energy" in shown
    assert "of the force on an atom" in shown
    far = curve["extrapolated"]
    assert far
    assert f"{curve['volumes_A3'][far[-1]]:.5g} Å³" in shown.split("EXTRAPOLATED")[1].splitlines()[0]
    assert len(curve["energy_deviations_eV"]) == len(curve["extrapolation_grades"]) == 11
    moved = crystal(RELAXED)
    moved.positions[0, 0] += 0.1
    write(root / "moved.extxyz", moved)
    arguments = salt_gap, root / "moved.extxyz", "--range", "0.9,1.1", "--points", 7
    assert "clamped ions: their fractional positions are kept" in succeeds("eos", *arguments)
    shown = succeeds("eos", *arguments, "--relax")
    assert "ions relaxed: V0" in shown
    assert "clamped" not in shown


def test_labelled_cells_of_other_shapes_are_said(root):
    drawn = read(root / "labels.extxyz", index=":")
    for atoms in drawn[3:]:
        atoms.set_cell(atoms.cell.array @ np.diag([1.02, 1 / 1.02, 1]), scale_atoms=True)
    write(root / "drawn.extxyz", drawn)
    assert "in their shape" in succeeds("eos", root / "one.safetensors", "--labels", root / "drawn.extxyz")
    assert "shape" not in succeeds("eos", root / "one.safetensors", "--labels", root / "labels.extxyz")


def test_refusals(root):
    model, copper, labels = root / "one.safetensors", root / "copper.extxyz", root / "labels.extxyz"
    assert "give one of both" in refused("eos", model)
    assert "give one of both" in refused("eos", model, copper, "--labels", labels)
    assert "which --relax would change" in refused("eos", model, "--labels", labels, "--relax")
    assert "cannot use --range '1'" in refused("eos", model, copper, "--range", "1")
    assert "volumes lie between 0.2 and 5" in refused("eos", model, copper, "--range", "0.001,1.1")
    assert "minimum outside" in refused("eos", model, copper, "--range", "1.1,1.3")
    assert "needs 5 different" in refused("eos", model, copper, "--points", 4)
    write(root / "bare.extxyz", bulk("Cu"))
    assert "frame 0 has no energy" in refused("eos", model, "--labels", root / "bare.extxyz")
    assert "no such folder" in refused("elastic", model, copper, "--json", root / "no" / "x.json")
    write(root / "lone.extxyz", Atoms("Cu2", [[0, 0, 0], [0, 0, 2.5]]))
    assert "the cell cannot relax" in refused("elastic", model, root / "lone.extxyz")


def test_phonons(root):
    shown = succeeds(
        "phonons", root / "one.safetensors", root / "copper.extxyz", "--supercell", "3,3,3", "--mesh", 4,
        "--points", 30, "--json", root / "phonons.json", "--figure", root / "phonons",
    )  # fmt: skip
    assert "1 displacements in 27 atoms" in shown
    assert "no imaginary modes on the mesh 4x4x4" in shown
    result = json.loads((root / "phonons.json").read_text())
    assert np.shape(result["path"]["frequencies_THz"]) == (30, 3)
    assert (root / "phonons.png").read_bytes()[:4] == b"\x89PNG"
    write(root / "simple.extxyz", bulk("Cu", "sc", a=2.4))
    shown = succeeds(
        "phonons", root / "one.safetensors", root / "simple.extxyz", "--supercell", 6, "--mesh", 4
    )
    assert "IMAGINARY modes" in shown
    assert "not a minimum" in shown


def test_phonons_in_a_small_supercell_conclude_nothing(root):
    copper = PairPotentials({("Cu", "Cu"): Morse(0.34, 1.36, 2.87)}, cutoff=5.0)
    Potential([copper]).save(root / "short.safetensors")
    atoms = bulk("Cu", a=3.6, cubic=True)
    atoms.set_cell(atoms.cell.array @ np.diag([1, 1, 1.06]), scale_atoms=True)
    write(root / "stretched.extxyz", atoms)
    arguments = root / "short.safetensors", root / "stretched.extxyz", "--mesh", 4, "--points", 10
    shown = succeeds("phonons", *arguments, "--supercell", 2, "--json", root / "small.json")
    assert "warning: the 2x2x2 supercell is not thicker than" in shown
    assert "not a minimum" not in shown
    assert "no imaginary modes among the waves of the supercell" in shown
    (needed,) = re.findall(r"--supercell (\S+) suffices", shown.splitlines()[0])
    shown = succeeds("phonons", *arguments, "--supercell", needed)
    assert "no imaginary modes on the mesh 4x4x4" in shown
    assert "warning" not in shown
    shown = succeeds("phonons", *arguments, "--json", root / "auto.json")
    assert json.loads((root / "auto.json").read_text())["supercell"] == [int(n) for n in needed.split(",")]


def test_sizes_that_nothing_could_hold(root):
    copper = root / "one.safetensors", root / "copper.extxyz"
    assert "of memory" in refused("phonons", *copper, "--supercell", "99,99,99")
    assert "the mesh 9999,9999,9999 needs about" in refused("phonons", *copper, "--mesh", "9999,9999,9999")
    assert "path of 1000000000000 points" in refused("phonons", *copper, "--points", 10**12)
    assert "1000000000 volumes" in refused("eos", *copper, "--points", 10**9)


def test_phonons_of_ions_have_a_longitudinal_wave(root):
    salt = [
        CoulombTerm(FixedCharges({"Na": 1.0, "Cl": -1.0}), Point(), accuracy=1e-6),
        PairPotentials({("Na", "Cl"): Buckingham(1256.3, 0.3162)}, cutoff=4.5, width=0.4),
    ]
    Potential(salt).save(root / "salt.safetensors")
    write(root / "salt.extxyz", bulk("NaCl", "rocksalt", a=5.64))
    arguments = root / "salt.safetensors", root / "salt.extxyz", "--mesh", 2, "--points", 10
    succeeds("phonons", *arguments, "--epsilon-inf", 2, "--json", root / "polar.json")
    polar = json.loads((root / "polar.json").read_text())
    transverse = polar["gamma_THz"][3]
    x, z = (np.array(polar["gamma_longitudinal_THz"][axis]) for axis in "xz")
    assert x == pytest.approx(z, abs=1e-3)
    assert x[5] > 1.1 * transverse
    assert x[3] == pytest.approx(transverse, rel=1e-3)
    assert "Γ from x" not in succeeds("phonons", *arguments, "--no-polar")


@pytest.mark.filterwarnings("ignore:Warning. Point group symmetries of supercell:UserWarning")
def test_the_longitudinal_wave_of_polarizable_ions_goes_on_from_short_waves_to_long_ones(root):
    """Waves that fit into the supercell are exact; the limit of long ones has the ε∞ of the model in it."""
    term = PolarizableTerm(FixedCharges({"Na": 1.0, "Cl": -1.0}), {"Na": 0.2, "Cl": 2.5}, accuracy=1e-8)
    repulsion = PairPotentials({("Na", "Cl"): Buckingham(1256.3, 0.3162)}, cutoff=4.5, width=0.4)
    atoms = bulk("NaCl", "rocksalt", a=5.64)
    Potential([term, repulsion]).save(root / "soft.safetensors")
    write(root / "soft.extxyz", atoms)
    succeeds(
        "phonons", root / "soft.safetensors", root / "soft.extxyz", "--supercell", "1x1x8", "--mesh", 2,
        "--points", 3, "--no-relax", "--json", root / "soft.json",
    )  # fmt: skip
    found = json.loads((root / "soft.json").read_text())
    inner = term.permittivity(atoms)
    assert inner[0, 0] > 1.5
    np.testing.assert_allclose(found["epsilon_inf"], inner, rtol=1e-6)
    calculator = Calculator(root / "soft.safetensors")
    made = phonons(atoms, calculator, supercell=(1, 1, 8))
    eighth, quarter = (made.frequencies([[0, 0, q]])[0][5] for q in (1 / 8, 1 / 4))
    assert found["gamma_longitudinal_THz"]["z"][5] == pytest.approx((4 * eighth - quarter) / 3, rel=0.01)
