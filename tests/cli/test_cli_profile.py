"""`superion profile` on structure files and on a run."""

import json

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.io import write
from command_line import refused, succeeds
from toy_salt import TRUTH, crystal

from superion.electrostatics import (
    ChargeEquilibration,
    CoulombTerm,
    EquilibrationTerm,
    FixedCharges,
    Gaussian,
    Point,
    PolarizableTerm,
    UniformField,
)
from superion.electrostatics.polarization import EPSILON_0
from superion.potentials import Potential
from superion.potentials.repulsion import Repulsion
from superion.report.figure_profile import profile
from superion.results import read_result

CHARGES = FixedCharges({"Li": 0.5, "Cl": -0.5})
STRENGTH = 0.5 / 16 / EPSILON_0
"""V/Å between plates of ±0.5 e on 16 Å²."""


def plates(distance=16.0, cell=(4, 4, 40)):
    atoms = Atoms("LiCl", [[0, 0, 10], [1, 1, 10 + distance]], pbc=True)
    atoms.set_cell(cell)
    return atoms


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("profile")
    Potential([CoulombTerm(CHARGES, Point())]).save(folder / "points.safetensors")
    write(folder / "plates.extxyz", plates())
    return folder


def test_capacitor(root):
    shown = succeeds(
        "profile", root / "plates.extxyz", "--model", root / "points.safetensors", "--region", "12:24",
        "--surroundings", "vacuum", "--json", root / "p.json", "--figure", root / "p",
    )  # fmt: skip
    found = json.loads((root / "p.json").read_text())
    assert found["region"]["field_V_per_A"] == pytest.approx(STRENGTH, rel=1e-9)
    assert found["region"]["error_V_per_A"] is None
    assert found["step_V"] == pytest.approx(-16 * STRENGTH, rel=1e-9)
    assert f"mean field from 12 to 24 Å: {STRENGTH:.5g} V/Å" in shown
    assert f"--field 0,0,{STRENGTH:.6g}" in shown
    assert (root / "p.svg").stat().st_size > 5000
    assert (root / "p.png").read_bytes().startswith(b"\x89PNG")
    charge, field, potential = profile(read_result(root / "p.json")).axes
    np.testing.assert_array_equal(field.lines[0].get_ydata(), found["field_V_per_A"])
    assert potential.get_xlim() == (0, 40)
    assert charge.get_ylabel() == "charge density\n(e/Å³)"
    assert field.get_legend().get_texts()[0].get_text() == f"{STRENGTH:.4g} V/Å"


def test_frames_of_a_foreign_trajectory(root):
    """Every second of 40 frames has the plates closer; the first 2 ps are left out."""
    frames = [plates(d) for d in np.tile([14.0, 18.0], 20)]
    write(root / "XDATCAR", frames, format="vasp-xdatcar")
    call = ("profile", root / "XDATCAR", "--model", root / "points.safetensors", "--region", "12:22")
    for options, shown, distance in (
        ([], "40 frames", 16),
        (["--frames", "::2"], "20 frames", 14),
        (["--discard", 2, "--timestep", 100, "--every", 2], "10 frames", 14),
    ):
        assert shown in succeeds(*call, *options, "--json", root / "m.json")
        part = json.loads((root / "m.json").read_text())["region"]
        assert part["field_V_per_A"] == pytest.approx(STRENGTH * (1 - distance / 40), rel=1e-6)
    assert "--timestep FS" in refused(*call, "--discard", 2)


def test_every_frame_of_a_file_counts(root):
    distances = np.tile([14.0, 18.0], 20)
    write(root / "many.extxyz", [plates(d) for d in distances])
    call = ("profile", root / "many.extxyz", "--model", root / "points.safetensors", "--region", "12:22")
    succeeds(*call, "--json", root / "m.json")
    part = json.loads((root / "m.json").read_text())["region"]
    assert part["field_V_per_A"] == pytest.approx(STRENGTH * (1 - 16 / 40), rel=1e-9)
    assert part["error_V_per_A"] == pytest.approx(0, abs=1e-12)  # of blocks that are all alike
    succeeds(*call, "--every", 2, "--json", root / "m.json")
    part = json.loads((root / "m.json").read_text())["region"]
    assert part["field_V_per_A"] == pytest.approx(STRENGTH * (1 - 14 / 40), rel=1e-9)


def test_run_in_a_field(root):
    """A crystal with conducting surroundings has the mean field of its run, whatever the ions do."""
    model = root / "salt.safetensors"
    Potential([*TRUTH.terms, UniformField([0, 0, 0.01], TRUTH.response)]).save(model)
    write(root / "start.extxyz", crystal().repeat((2, 1, 2)))
    succeeds(
        "md", model, root / "start.extxyz", "--output", root / "run", "--temperature", 100, "--timestep", 2,
        "--steps", 100, "--sample-every", 2, "--field", "0,0,0.05", "--charge-scale", 1.5,
        "--thermostat", "langevin",
    )  # fmt: skip
    options = ("--model", model, "--region", "0:10.2", "--width", 2.55, "--discard", 0.05)
    shown = succeeds("profile", root / "run", *options, "--json", root / "r.json")
    found = json.loads((root / "r.json").read_text())
    assert found["frames"] == 38
    assert found["applied_V_per_A"] == pytest.approx(0.085)
    assert found["region"]["field_V_per_A"] == pytest.approx(0.085, rel=1e-9)
    assert "applied field 0.085 V/Å" in shown
    across = succeeds("profile", root / "run", *options, "--axis", "x")
    assert "applied field 0 V/Å" in across


def test_equilibrated_charges(root):
    equilibrated = ChargeEquilibration({"Li": 0.0, "Cl": 4.0}, {"Li": 4.0, "Cl": 9.0}, Gaussian(0.9))
    Potential([EquilibrationTerm(equilibrated)]).save(root / "qeq.safetensors")
    atoms = plates(2.0, cell=(6, 6, 20))
    atoms.info["total_charge"] = 0.0
    write(root / "pair.extxyz", plates(2.0, cell=(6, 6, 20)))
    succeeds(
        "profile", root / "pair.extxyz", "--model", root / "qeq.safetensors", "--surroundings", "vacuum",
        "--json", root / "q.json",
    )  # fmt: skip
    q = equilibrated.charges(atoms)
    assert abs(q[0]) > 0.05
    step = q @ atoms.positions[:, 2] / 36 / EPSILON_0
    assert json.loads((root / "q.json").read_text())["step_V"] == pytest.approx(step, rel=1e-4)


def test_dielectric_between_plates(root):
    """A crystal of polarizable atoms has 1/ε∞ of the field outside, and charges at its faces."""
    side, alpha = 3.2, 2.5
    solid = bulk("Ar", "sc", a=side)
    term = PolarizableTerm(FixedCharges({"Ar": 0.0, "Li": 0.1, "Cl": -0.1}), {"Ar": alpha, "Li": 0, "Cl": 0})
    Potential([term]).save(root / "argon.safetensors")
    (epsilon, _, _), _, _ = term.permittivity(solid)
    assert epsilon > 2
    slab = solid.repeat((1, 1, 8))
    slab.set_cell([side, side, 60])
    slab.positions[:, 2] += 19.0
    slab += Atoms("LiCl", [[0, 0, 8], [0, 0, 52]])
    write(root / "slab.extxyz", slab.repeat((3, 3, 1)))
    call = ("profile", root / "slab.extxyz", "--model", root / "argon.safetensors", "--width", side)
    fields = []
    for region in ("26:36", "11:15", "45:49"):
        succeeds(*call, "--region", region, "--json", root / "d.json")
        found = json.loads((root / "d.json").read_text())
        fields.append(found["region"]["field_V_per_A"])
        assert found["region"]["spread_V_per_A"] < 0.01 * fields[-1]
    assert fields[1:] == pytest.approx([epsilon * fields[0]] * 2, rel=0.01)
    bound = np.array(found["charge_e_per_A3"])[150:450].reshape(3, 100).sum(axis=1) * 0.1
    expected = EPSILON_0 * (fields[1] - fields[0])
    assert bound == pytest.approx([-expected, 0, expected], abs=0.02 * expected)


def test_refused(root):
    model = root / "points.safetensors"
    Potential([Repulsion({(3, 17): 3.6}, height=6.0)]).save(root / "local.safetensors")
    Potential([PolarizableTerm(CHARGES, {"Li": 0.1, "Cl": 3.0})]).save(root / "soft.safetensors")
    Potential([CoulombTerm(FixedCharges({"Li": 1.0, "Cl": -0.5}), Point(), background=True)]).save(
        root / "charged.safetensors"
    )
    write(root / "skew.extxyz", plates(cell=[[4, 0, 0], [0, 4, 1], [0, 0, 40]]))
    for file, given, options, message in (
        ("plates", "local", [], "has no charges with a density"),
        ("plates", "soft", ["--surroundings", "vacuum"], "are those of conducting surroundings"),
        ("plates", "charged", [], "has a charge of +0.5 e"),
        ("plates", "points", ["--axis", "w"], "write x, y or z, or the cell axis a, b or c"),
        ("skew", "points", [], "14° off. Remedy: turn the cell, or write --axis c"),
        ("plates", "points", ["--region", "30:41"], "is not inside the cell, whose heights are 0 to 40 Å"),
        ("plates", "points", ["--region", "30-41"], "write two heights in Å: --region 10:20"),
        ("plates", "points", ["--surroundings", "metal"], "write one of conducting, vacuum"),
        ("plates", "points", ["--width", "90"], "do not fit into a cell 40 Å thick"),
        ("plates", "points", ["--discard", "1"], "does not say the time between frames"),
        ("plates", "points", ["--figure", "nowhere/p"], "no such folder"),
    ):
        arguments = ("profile", root / f"{file}.extxyz", "--model", root / f"{given}.safetensors", *options)
        assert message in refused(*arguments)
    assert "holds no run" in refused("profile", root, "--model", model)
    succeeds("profile", root / "skew.extxyz", "--model", model, "--axis", "c")


def test_a_slab_that_is_cut_by_the_boundary_is_said(root):
    """With vacuum around, what lies across the boundary is taken for the other end of the slab."""
    whole, cut = plates(), plates()
    cut.positions[:, 2] += 18
    cut.wrap()
    full = plates(distance=39.0)
    full.positions[:, 2] -= 9.5
    for name, atoms in (("whole", whole), ("cut", cut), ("full", full)):
        write(root / f"{name}.extxyz", atoms)

    def shown(name, *options):
        return succeeds("profile", root / f"{name}.extxyz", "--model", root / "points.safetensors", *options)

    vacuum = ("--surroundings", "vacuum")
    assert "note" not in shown("whole", *vacuum)
    assert "the slab is cut in two" in shown("cut", *vacuum)
    assert "no slab alone in space" in shown("full", *vacuum)
    assert "note" not in shown("cut")
