"""Runs in a field, dielectric constants and infrared spectra from the command line."""

import json

import numpy as np
import pytest
from ase.io import write
from command_line import refused, succeeds
from toy_salt import TRUTH, crystal

from superion.electrostatics import UniformField, born_charges
from superion.potentials import Potential
from superion.potentials.repulsion import Repulsion
from superion.simulation import read_trajectory

LANGEVIN = ("--thermostat", "langevin", "--friction", 0.02)


def md(root, name, *options, steps=400):
    return succeeds(
        "md", root / "model.safetensors", root / "start.extxyz", "--output", root / name, "--temperature", 30,
        "--timestep", 2, "--steps", steps, "--sample-every", 2, "--chunk-frames", 1000, *options,
    )  # fmt: skip


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """model.safetensors, local.safetensors, start.extxyz and the runs zero, up, down, closed."""
    root = tmp_path_factory.mktemp("electric")
    TRUTH.save(root / "model.safetensors")
    Potential([Repulsion({(3, 17): 3.6}, height=6.0)]).save(root / "local.safetensors")
    write(root / "start.extxyz", crystal(), format="extxyz")
    md(root, "zero", "--field", "0,0,0", *LANGEVIN)
    md(root, "up", "--field", "0.05,0,0", *LANGEVIN)
    md(root, "down", "--field", "-0.05,0,0", *LANGEVIN)
    md(root, "closed", "--displacement", "0.2,none,none", "--epsilon-inf", "1.5", *LANGEVIN)
    return root


def test_runs_record_dipole_and_field(inputs):
    up, closed = read_trajectory(inputs / "up"), read_trajectory(inputs / "closed")
    q = np.where(up.numbers == 3, 0.7, -0.7)
    expected = np.einsum("n,fna->fa", q, up.positions - up.positions[0])
    np.testing.assert_allclose(up.tracked_dipole, expected, atol=1e-12)
    np.testing.assert_array_equal(up.electric_field, np.tile([0.05, 0, 0], (201, 1)))
    assert not closed.electric_field[:, 1:].any()
    assert closed.meta["settings"]["electric"]["displacement"] == [0.2, None, None]
    assert closed.meta["settings"]["electric"]["epsilon_inf"] == 1.5


def test_a_start_without_inversion_at_constant_displacement_is_said(inputs, tmp_path):
    polar = crystal()
    polar.positions[0, 0] += 0.4
    write(tmp_path / "polar.extxyz", polar)

    def shown(start, name, *options):
        return succeeds(
            "md", inputs / "model.safetensors", start, "-o", tmp_path / name, "--temperature", 30,
            "--steps", 10, *LANGEVIN, *options,
        )  # fmt: skip

    closed, known = ("--displacement", "0,0,0"), ("--start-dipole", "0.1,0,0")
    assert "no centre of inversion" in shown(tmp_path / "polar.extxyz", "a", *closed)
    assert "centre of inversion" not in shown(tmp_path / "polar.extxyz", "b", *closed, *known)
    assert "centre of inversion" not in shown(inputs / "start.extxyz", "c", *closed)
    assert "centre of inversion" not in shown(tmp_path / "polar.extxyz", "d", "--field", "0,0,0")


def test_run_in_a_field_goes_on(inputs, tmp_path):
    options = ("--field", "0.05,0,0", *LANGEVIN)
    md(inputs, tmp_path / "run", *options, steps=100)
    md(inputs, tmp_path / "run", *options, "--resume", steps=400)
    ours, whole = read_trajectory(tmp_path / "run"), read_trajectory(inputs / "up")
    assert ours.tracked_dipole.tobytes() == whole.tracked_dipole.tobytes()


def test_dielectric_of_several_runs(inputs, tmp_path):
    shown = succeeds(
        "dielectric", inputs / "up", inputs / "down", "--json", tmp_path / "found.json", "--blocks", 4,
        "--epsilon-inf", 2.0, "--discard", 0.2,
    )  # fmt: skip
    assert "from fluctuations" in shown
    assert "from constant fields" in shown
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["response"]["epsilon"] > 2.5
    assert found["response"]["error"] < 0.2 * found["response"]["epsilon"]
    assert len(found["runs"]) == 2
    single = succeeds("dielectric", inputs / "zero", "--blocks", 4)
    assert "from constant" not in single


def test_transport_is_that_without_a_field(inputs):
    for run in ("up", "closed"):
        assert "electric field or at constant displacement" in refused("transport", inputs / run)
    assert "upper bound only" in succeeds("transport", inputs / "zero")


def test_dielectric_refuses(inputs):
    assert "compare runs of one kind" in refused("dielectric", inputs / "up", inputs / "closed")
    assert "at least 2 blocks" in refused("dielectric", inputs / "up", "--blocks", 100)
    assert "leaves no frame" in refused("dielectric", inputs / "up", "--discard", 99)
    for wrong in (0, -1, 0.5, "nan"):
        assert "must be at least 1" in refused("dielectric", inputs / "up", "--epsilon-inf", wrong)
    assert "made with epsilon_inf 1.5" in refused("dielectric", inputs / "closed", "--epsilon-inf", 2)
    succeeds("dielectric", inputs / "closed", "--epsilon-inf", 1.5, "--blocks", 4)
    md(inputs, "plain", steps=20)
    assert "run it with --field 0,0,0" in refused("dielectric", inputs / "plain")


def test_infrared(inputs, tmp_path):
    json_file = tmp_path / "ir.json"
    shown = succeeds("infrared", inputs / "zero", "--resolution", 150, "--json", json_file)
    assert "km/mol" in shown
    found = json.loads(json_file.read_text())
    names = ("wavenumber_per_cm", "absorption_A2", "error_A2", "conductivity_S_per_cm")
    assert len({len(found[name]) for name in names}) == 1
    again = tmp_path / "again.json"
    succeeds(
        "infrared", inputs / "zero", "--resolution", 150, "--model", inputs / "model.safetensors",
        "--charge-scale", 2.0, "--json", again,
    )  # fmt: skip
    np.testing.assert_allclose(
        json.loads(again.read_text())["absorption_A2"], 4 * np.array(found["absorption_A2"]), rtol=1e-9
    )


def test_infrared_refuses(inputs):
    md(inputs, "bare", steps=20)
    assert "--model FILE" in refused("infrared", inputs / "bare")
    local = inputs / "local.safetensors"
    assert "has no charges" in refused("infrared", inputs / "zero", "--model", local)
    assert "run longer" in refused("infrared", inputs / "zero", "--resolution", 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--field", "0.1,0"], "cannot understand --field '0.1,0'"),
        (["--field", "a,b,c"], "write three numbers: --field 0,0,0.05"),
        (["--field", "0,none,0"], "electric.field"),
        (["--field", "0.1,0,0", "--displacement", "0.1,none,none"], "both set along x"),
        (["--field", "0.1,0,0", "--ensemble", "npt"], "constant cell"),
        (["--field", "0.1,0,0", "--engine", "lammps"], "no electric field"),
        (["--epsilon-inf", "2"], "epsilon_inf has no effect"),
    ],
)
def test_md_refuses(inputs, tmp_path, options, message):
    assert message in refused(
        "md", inputs / "model.safetensors", inputs / "start.extxyz", "--output", tmp_path / "run",
        "--temperature", 30, "--steps", 20, *options,
    )  # fmt: skip


def test_evaluate_compares_born_charges(inputs, tmp_path):
    atoms = crystal()
    atoms.arrays["REF_bec"] = 1.4 * born_charges(atoms, TRUTH.response).values.reshape(-1, 9)
    write(tmp_path / "frames.extxyz", atoms, format="extxyz")
    found = tmp_path / "metrics.json"
    shown = succeeds("evaluate", inputs / "model.safetensors", tmp_path / "frames.extxyz", "--json", found)
    assert "label = 1.4 x prediction" in shown
    born = json.loads(found.read_text())["test"]["born_charges"]
    assert born["born_rmse"] == pytest.approx(0.28 / np.sqrt(3))
    succeeds("evaluate", inputs / "local.safetensors", tmp_path / "frames.extxyz", "--json", found)
    assert json.loads(found.read_text())["test"]["born_charges"] is None


def test_model_without_charges_is_refused(inputs, tmp_path):
    message = refused(
        "md", inputs / "local.safetensors", inputs / "start.extxyz", "--output", tmp_path / "run",
        "--temperature", 30, "--steps", 20, "--field", "0.1,0,0",
    )  # fmt: skip
    assert "has no charge model" in message


def test_field_in_a_model_file_acts_in_dynamics(inputs, tmp_path):
    """A field term in the potential moves atoms as the setting does."""
    term = UniformField([0.05, 0.0, 0.0], TRUTH.response)
    Potential([*TRUTH.terms, term]).save(tmp_path / "model.safetensors")
    write(tmp_path / "start.extxyz", crystal(), format="extxyz")
    md(tmp_path, "run", *LANGEVIN, steps=100)
    ours, setting = read_trajectory(tmp_path / "run"), read_trajectory(inputs / "up")
    np.testing.assert_allclose(ours.positions, setting.positions[:51], atol=1e-9)
