"""Structures relaxed from the command line."""

import json
import re
import shlex

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk
from ase.constraints import FixAtoms
from ase.io import read, write
from command_line import call, refused, succeeds

from superion import Calculator, Potential
from superion.calculations.branch import energy_curve
from superion.calculations.eos import at_volumes, birch_murnaghan
from superion.potentials.classical.pair_forms import Morse
from superion.potentials.classical.pair_potentials import PairPotentials


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("relax")
    model = folder / "copper.safetensors"
    Potential([PairPotentials({("Cu", "Cu"): Morse(0.34, 1.36, 2.87)}, cutoff=6.0)]).save(model)
    drawn = bulk("Cu", a=3.7, cubic=True)
    drawn.set_cell(drawn.cell.array @ np.diag([1, 1, 1.04]), scale_atoms=True)
    write(folder / "drawn.extxyz", drawn)
    drawn.rattle(0.05, seed=0)
    write(folder / "rattled.vasp", drawn)
    return folder


def relax(root, name, out, *options):
    shown = succeeds(
        "relax", root / "copper.safetensors", root / name, "--output", root / out, "--json", root / "r.json",
        *options,
    )  # fmt: skip
    return shown, json.loads((root / "r.json").read_text()), read(root / out)


def exact(root):
    """Equation of state of the cubic crystal: where its volume must end, at any pressure."""
    curve = energy_curve(
        at_volumes(bulk("Cu", a=3.6), np.linspace(0.9, 1.1, 9)), Calculator(root / "copper.safetensors")
    )
    return birch_murnaghan(curve.volumes, curve.energies)


def test_all_of_the_cell(root):
    shown, found, atoms = relax(root, "rattled.vasp", "full.cif", "--cell", "full")
    assert found["at_rest"]
    assert found["energy_after_eV"] < found["energy_before_eV"]
    assert found["volume_after_A3"] == pytest.approx(4 * exact(root).volume, rel=2e-3)
    assert atoms.get_volume() == pytest.approx(found["volume_after_A3"], rel=1e-4)
    np.testing.assert_allclose(atoms.cell.lengths(), atoms.cell.lengths()[0], rtol=1e-3)
    np.testing.assert_allclose(found["stress_GPa"], 0, atol=0.02)
    assert found["space_group_after"] == "Fm-3m (225)"
    assert "space group P1 (1) to Fm-3m (225)" in shown
    assert "relaxed after" in shown


def test_volume_shape_and_nothing(root):
    start = read(root / "drawn.extxyz")
    _, _, volume = relax(root, "drawn.extxyz", "v.extxyz", "--cell", "volume")
    ratio = volume.cell.lengths() / start.cell.lengths()
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-6)
    assert abs(ratio[0] - 1) > 0.01
    _, found, shape = relax(root, "drawn.extxyz", "s.extxyz", "--cell", "shape")
    assert shape.get_volume() == pytest.approx(start.get_volume(), rel=1e-6)
    np.testing.assert_allclose(shape.cell.lengths(), start.get_volume() ** (1 / 3), rtol=1e-3)
    assert found["stress_GPa"][0] == pytest.approx(found["stress_GPa"][2], abs=0.02)
    _, found, still = relax(root, "rattled.vasp", "n.vasp")
    np.testing.assert_allclose(still.cell.array, start.cell.array, atol=1e-9)
    assert found["largest_force_eV_per_A"] < 1e-3


def test_pressure_gives_the_volume_of_the_equation_of_state(root):
    _, found, atoms = relax(root, "drawn.extxyz", "p.extxyz", "--cell", "full", "--pressure", 5)
    fit = exact(root)
    assert fit.pressures([atoms.get_volume() / 4])[0] / units.GPa == pytest.approx(5, rel=0.03)
    np.testing.assert_allclose(found["stress_GPa"][:3], -5, atol=0.05)
    assert found["pressure_GPa"] == 5


def test_constraints_of_the_file_are_kept(root):
    atoms = read(root / "rattled.vasp")
    atoms.set_constraint(FixAtoms([0, 2]))
    for name in ("fixed.vasp", "fixed.extxyz"):
        write(root / name, atoms)
        shown, found, after = relax(root, name, f"out-{name}", "--fmax", "1e-4")
        moved = np.linalg.norm(after.positions - atoms.positions, axis=1)
        assert moved[[0, 2]].max() < 1e-6
        assert moved[[1, 3]].min() > 1e-3
        assert list(after.constraints[0].index) == [0, 2]
        assert (found["constraints"], "kept: FixAtoms" in shown) == (["FixAtoms"], True)


def test_symmetry_is_kept_on_request(root):
    """A crystal on top of a barrier stays there by its symmetry, and falls without."""
    atoms = bulk("Cu", "sc", a=2.4).repeat((1, 1, 2))
    write(root / "barrier.extxyz", atoms)
    atoms.rattle(1e-3, seed=1)
    write(root / "pushed.extxyz", atoms)
    _, found, kept = relax(root, "barrier.extxyz", "k.extxyz", "--cell", "full", "--symmetry")
    assert found["space_group_before"] == found["space_group_after"] == "Pm-3m (221)"
    np.testing.assert_allclose(kept.cell.lengths() / [1, 1, 2], kept.cell.lengths()[0], rtol=1e-4)
    assert kept.constraints == []
    _, found, _ = relax(root, "pushed.extxyz", "f.extxyz", "--cell", "full")
    assert found["space_group_after"] != "Pm-3m (221)"
    assert (
        found["energy_after_eV"] / 2
        < -0.1 + Calculator(root / "copper.safetensors").get_potential_energy(kept) / 2
    )


def test_a_structure_that_is_not_relaxed_is_kept_and_goes_on(root):
    result = call(
        "relax", root / "copper.safetensors", root / "rattled.vasp", "-o", root / "half.vasp", "--steps", 2
    )
    assert result.exit_code == 3
    text = " ".join(result.output.split())
    assert "NOT RELAXED: not relaxed after 2 steps" in text
    (command,) = re.findall(r"To go on: superion (.*?) with the same options", text)
    assert "relaxed after" in succeeds(*shlex.split(command), "--steps", 200)


def test_models_that_label_relax_too(root):
    (root / "model.yaml").write_text("labeller: {model: copper.safetensors}\n")
    shown = succeeds("relax", root / "model.yaml", root / "rattled.vasp", "-o", root / "y.extxyz")
    assert "relaxed after" in shown


def test_the_charge_that_a_structure_states_is_kept(root):
    atoms = read(root / "rattled.vasp")
    atoms.info["total_charge"] = 1.0
    write(root / "charged.extxyz", atoms)
    _, _, after = relax(root, "charged.extxyz", "c.extxyz")
    assert after.info["total_charge"] == 1.0


def test_refusals(root):
    model, drawn = root / "copper.safetensors", root / "drawn.extxyz"
    assert "no format of structures is known" in refused("relax", model, drawn, "-o", root / "x.docx")
    assert "no such folder" in refused("relax", model, drawn, "-o", root / "no" / "x.cif")
    out = "-o", root / "x.cif"
    assert "write one of none, volume, shape, full" in refused("relax", model, drawn, *out, "--cell", "all")
    assert "write one of bfgs, lbfgs, fire" in refused("relax", model, drawn, *out, "--optimizer", "newton")
    assert "no effect with --cell shape" in refused(
        "relax", model, drawn, *out, "--cell", "shape", "--pressure", 1
    )
    assert "positive force" in refused("relax", model, drawn, *out, "--fmax", 0)
    assert "times the volume it began with" in refused(
        "relax", model, drawn, *out, "--cell", "full", "--pressure", -500
    )
    write(root / "lone.extxyz", Atoms("Cu2", [[0, 0, 0], [0, 0, 2.5]]))
    assert "not periodic along three axes" in refused(
        "relax", model, root / "lone.extxyz", *out, "--cell", "full"
    )
    assert "relaxed after" in succeeds("relax", model, root / "lone.extxyz", "-o", root / "l.extxyz")
    assert not (root / "x.cif").exists()
