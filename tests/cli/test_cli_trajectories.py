"""Trajectories of other programs in every command that analyses one."""

import json
import re
import shlex
from pathlib import Path

import ase.io
import numpy as np
import pytest
from command_line import refused, succeeds
from foreign_walks import KELVIN, TIMESTEP, cp2k, dump, vasprun, walk, xdatcar
from toy_salt import TRUTH, crystal

import superion
from superion.simulation import read_trajectory
from superion.simulation.trajectory import Trajectory

SCALED, CELLS = walk()
BOTH = ("--timestep", TIMESTEP, "--temperature", KELVIN)


def test_transport_of_an_xdatcar(tmp_path):
    xdatcar(tmp_path / "XDATCAR.gz", SCALED, CELLS)
    shown = succeeds(
        "transport", tmp_path / "XDATCAR.gz", *BOTH, "--species", "Li", "--json", tmp_path / "found.json"
    )
    assert "XDATCAR.gz: 160 frames of Li16 S8, 100 fs apart, 500 K (time as said" in shown
    assert "Li: converged, 16 ps at 500 K" in shown
    assert "NOT POSSIBLE" not in shown
    whole = json.loads((tmp_path / "found.json").read_text())
    xdatcar(tmp_path / "a", SCALED[:90], CELLS[:90])
    xdatcar(tmp_path / "b", SCALED[90:], CELLS[90:])
    succeeds("transport", tmp_path / "a", tmp_path / "b", *BOTH, "--json", tmp_path / "parts.json")
    parts = json.loads((tmp_path / "parts.json").read_text())
    assert parts["diffusion"] == pytest.approx(whole["diffusion"], rel=1e-6)
    succeeds(
        "transport", tmp_path / "XDATCAR.gz", tmp_path / "XDATCAR.gz", *BOTH, "--replicas",
        "--json", tmp_path / "twice.json",
    )  # fmt: skip
    twice = json.loads((tmp_path / "twice.json").read_text())
    assert twice["replicas"] == 2
    assert twice["diffusion"] == pytest.approx(whole["diffusion"], rel=0.05)


def test_the_step_of_the_dynamics_for_that_between_frames_is_noticed(tmp_path):
    xdatcar(tmp_path / "XDATCAR", SCALED, CELLS)
    shown = succeeds("transport", tmp_path / "XDATCAR", "--timestep", 2, "--temperature", KELVIN)
    notes = [line for line in shown.splitlines() if line.startswith("note: ")]
    assert notes[0].startswith(
        "note: NOT POSSIBLE: between two frames atoms go farther than they can fly in 2 fs"
    )


def test_transport_of_other_formats(tmp_path):
    dump(tmp_path / "run.lammpstrj", SCALED, CELLS, name="type")
    cp2k(tmp_path / "walk-pos-1.xyz", SCALED, CELLS)
    vasprun(tmp_path / "vasprun.xml", SCALED, CELLS)
    found = []
    for words in (
        ("run.lammpstrj", *BOTH, "--elements", "Li,S"),
        ("walk-pos-1.xyz", "--temperature", KELVIN, "--cell-file", tmp_path / "walk-1.cell"),
        ("walk-pos-1.xyz", "--temperature", KELVIN, "--cell", ",".join(map(str, CELLS[0].ravel()))),
        ("vasprun.xml", "--masses", "Li=6.94,S=32.06"),
    ):
        shown = succeeds("transport", tmp_path / words[0], *words[1:])
        found.append(next(line for line in shown.splitlines() if line.startswith("diffusion ")))
    assert len(set(found)) == 1
    both = refused("transport", tmp_path / "run.lammpstrj", "--elements", "Li,S")
    assert "50 steps apart" in both
    assert "--timestep FS" in both
    assert "--temperature K" in both


def test_export_of_a_foreign_trajectory_says_again_what_was_said(tmp_path):
    xdatcar(tmp_path / "XDATCAR", SCALED[:20], CELLS[:20])
    assert "no velocities: the file has none" in succeeds(
        "export", tmp_path / "XDATCAR", tmp_path / "a.extxyz"
    )
    assert "time" not in ase.io.read(tmp_path / "a.extxyz").info
    succeeds("export", tmp_path / "XDATCAR", tmp_path / "b.traj", "--timestep", TIMESTEP, "--every", 2)
    again = superion.open_trajectory(tmp_path / "b.traj")
    assert again.timestep == 2 * TIMESTEP
    np.testing.assert_allclose(
        again.positions - again.positions[0], ((SCALED - SCALED[0]) @ CELLS[0])[:20:2], atol=1e-8
    )
    succeeds("export", tmp_path / "XDATCAR", tmp_path / "c.extxyz", "--wrap", "--frames", "5:9")
    inside = ase.io.read(tmp_path / "c.extxyz", ":")
    assert len(inside) == 4
    assert all((atoms.get_scaled_positions(wrap=False) > -1e-6).all() for atoms in inside)
    assert "--equilibration has no effect" in refused(
        "export", tmp_path / "XDATCAR", tmp_path / "d.extxyz", "--equilibration"
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of superion in a field of zero, with velocities, and its model."""
    root = tmp_path_factory.mktemp("run")
    TRUTH.save(root / "model.safetensors")
    ase.io.write(root / "start.extxyz", crystal(), format="extxyz")
    succeeds(
        "md", root / "model.safetensors", root / "start.extxyz", "-o", root / "run", "--temperature", 30,
        "--timestep", 2, "--steps", 400, "--sample-every", 2, "--field", "0,0,0", "--record", "velocities",
    )  # fmt: skip
    succeeds("export", root / "run", root / "run.extxyz")
    succeeds("export", root / "run", root / "wrapped.extxyz", "--wrap")
    return root


def test_a_run_is_opened_as_it_was_read(run):
    ours, known = Trajectory.open(run / "run"), read_trajectory(run / "run")
    for name in ("positions", "cells", "times", "temperature", "velocities", "conserved"):
        assert getattr(ours, name).tobytes() == getattr(known, name).tobytes()
    assert not ours.foreign
    assert len(Trajectory.open(run / "run", frames="::10")) == 21
    for option, value in (("timestep", 2), ("temperature", 30), ("elements", ["Li"]), ("unwrapped", True)):
        with pytest.raises(superion.structures.read.InputError, match=f"--{option} has no effect with a run"):
            Trajectory.open(run / "run", **{option: value})


def test_an_exported_run_needs_nothing_to_be_said(run):
    found, known = superion.open_trajectory(run / "run.extxyz"), read_trajectory(run / "run")
    np.testing.assert_allclose(found.positions, known.positions, atol=1e-7)
    np.testing.assert_allclose(found.times, known.times)
    np.testing.assert_allclose(found.temperature, known.temperature, rtol=1e-5)
    own = succeeds("transport", run / "run").splitlines()
    again = succeeds("transport", run / "run.extxyz").splitlines()
    assert next(line for line in own if line.startswith("diffusion")) in again


def test_spectra_and_dielectric_constants_of_files_with_the_charges_of_a_model(run, tmp_path):
    model = ("--model", run / "model.safetensors")
    values = []
    for source in (run / "run", run / "run.extxyz", run / "wrapped.extxyz"):
        succeeds("infrared", source, *model, "--resolution", 150, "--json", tmp_path / "ir.json", *(
            () if source.suffix == "" else ("--temperature", read_trajectory(run / "run").kelvin)
        ))  # fmt: skip
        values.append(json.loads((tmp_path / "ir.json").read_text())["absorption_A2"])
    np.testing.assert_allclose(values[1], values[0], rtol=1e-3, atol=1e-3 * max(values[0]))
    np.testing.assert_allclose(values[2], values[0], rtol=1e-3, atol=1e-3 * max(values[0]))
    found = []
    for words in (
        ("run",),
        ("run", *model),
        ("wrapped.extxyz", *model, "--temperature", read_trajectory(run / "run").kelvin),
    ):
        succeeds(
            "dielectric",
            run / words[0],
            *words[1:],
            "--blocks",
            4,
            "--discard",
            0.2,
            "--json",
            tmp_path / "e.json",
        )
        found.append(json.loads((tmp_path / "e.json").read_text())["runs"][0]["epsilon"])
    assert found[1:] == pytest.approx([found[0]] * 2, rel=1e-3)


def test_what_the_documentation_shows_works(tmp_path, monkeypatch):
    text = (Path(__file__).parents[2] / "docs/trajectories.md").read_text()
    monkeypatch.chdir(tmp_path)
    xdatcar(tmp_path / "XDATCAR.gz", SCALED, CELLS)
    dump(tmp_path / "run.lammpstrj", SCALED, CELLS, name="type")
    cp2k(tmp_path / "LPS-pos-1.xyz", SCALED, CELLS)
    (tmp_path / "walk-1.cell").rename("LPS-1.cell")
    vasprun(tmp_path / "vasprun.xml", SCALED, CELLS)
    commands = re.search(r"```console\n(.*?)```", text, re.DOTALL)[1].splitlines()
    assert len(commands) == 4
    for command in commands:
        assert "Li: converged" in succeeds(*shlex.split(command)[1:])
    scope = {}
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(compile(block, "trajectories.md", "exec"), scope)
    assert scope["trajectory"].species == ("Li", "S")
