"""`superion md` says what a run came to, and `superion export` hands it on."""

import json

import numpy as np
import pytest
from ase import units
from ase.build import bulk
from ase.constraints import FixAtoms
from ase.io import read, write
from command_line import refused, succeeds

from superion.simulation import read_trajectory


@pytest.fixture
def copper(tmp_path, monkeypatch):
    """A working folder with copper.vasp, whose first atom is fixed, copper.extxyz and emt.yaml."""
    atoms = bulk("Cu", cubic=True).repeat((2, 2, 1))
    write(tmp_path / "copper.extxyz", atoms, format="extxyz")
    atoms.set_constraint(FixAtoms([0]))
    write(tmp_path / "copper.vasp", atoms, format="vasp")
    (tmp_path / "emt.yaml").write_text("labeller: {ase: 'ase.calculators.emt:EMT'}\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


MD = ("md", "emt.yaml", "copper.extxyz", "--timestep", 4)


def test_a_temperature_that_was_missed_is_said_and_the_remedy_works(copper):
    missed = ("--ensemble", "nve", "--temperature", 600, "--steps", 400, "--output")
    shown = succeeds(*MD, *missed, "missed", "--json", "missed.json")
    assert "warning: the mean temperature is" in shown
    assert "--equilibrate" in shown
    assert json.loads((copper / "missed.json").read_text())["temperature"]["status"] == "off"
    shown = succeeds(*MD, *missed, "met", "--equilibrate", 400, "--friction", 0.03)
    assert "warning" not in shown


def test_pressure_and_volume_are_shown(copper):
    shown = succeeds(
        *MD, "--ensemble", "npt", "--barostat", "anisotropic", "--temperature", 300, "--ramp-to", 400,
        "--steps", 100, "--output", "run",
    )  # fmt: skip
    assert "from 300 to 400 K" in shown
    assert "GPa" in shown
    assert "Å³ (" in shown


def test_velocities_are_exported_and_taken_up(copper):
    run = (*MD, "--ensemble", "nve", "--steps", 60, "--record", "velocities", "--output")
    succeeds(*run, "first", "--temperature", 400)
    assert "7 frames" in succeeds("export", "first", "all.extxyz")
    assert "1 frames" in succeeds("export", "first", "last.extxyz", "--last")
    succeeds("export", "first", "all.traj", "--every", 3)
    found = read_trajectory("first")
    for frames, steps in ((read("all.extxyz", ":"), range(7)), (read("all.traj", ":"), (0, 3, 6))):
        for atoms, k in zip(frames, steps, strict=True):
            assert np.allclose(atoms.get_velocities() * units.fs, found.velocities[k], rtol=1e-6, atol=1e-10)
            kinetic = found.kinetic_energy[k]
            assert atoms.get_kinetic_energy() == pytest.approx(kinetic, rel=1e-5)
            assert np.allclose(atoms.positions, found.positions[k], atol=1e-7)
    second = list(run)
    second[2] = "last.extxyz"
    succeeds(*second, "second", "--temperature", 400, "--keep-velocities")
    whole = [*run]
    whole[whole.index(60)] = 120
    succeeds(*whole, "whole", "--temperature", 400)
    joined = read_trajectory("second").positions[-1]
    assert np.allclose(joined, read_trajectory("whole").positions[-1], atol=1e-5)


def test_export_says_that_there_are_no_velocities(copper):
    succeeds(*MD, "--temperature", 300, "--steps", 20, "--output", "run")
    assert "no velocities: the run did not record them" in succeeds("export", "run", "run.extxyz")
    assert "has no velocities" in refused(
        "md",
        "emt.yaml",
        "run.extxyz",
        "--temperature",
        300,
        "--steps",
        20,
        "--keep-velocities",
        "--output",
        "b",
    )
    assert "1 frames, no velocities: the file has none" in succeeds("export", "copper.vasp", "b.extxyz")


def test_a_barostat_needs_constant_pressure(copper):
    shown = refused(*MD, "--temperature", 300, "--steps", 20, "--barostat", "flexible", "--output", "run")
    assert "belongs to npt" in shown


def test_remedies_for_structures_that_cannot_be_moved(copper):
    write("one.extxyz", bulk("Cu"), format="extxyz")
    run = ("md", "emt.yaml", "one.extxyz", "--temperature", 300, "--steps", 20, "--output", "one")
    assert "--supercell 3x3x3" in refused(*run)
    succeeds(*run, "--supercell", "3x3x3")
    atoms = bulk("Cu", cubic=True)
    atoms.pbc = False
    atoms.cell = None
    write("cluster.extxyz", atoms, format="extxyz")
    run = ("md", "emt.yaml", "cluster.extxyz", "--temperature", 300, "--steps", 20, "--output", "two")
    assert "--ensemble nvt" in refused(*run, "--ensemble", "npt")
    succeeds(*run, "--ensemble", "nvt")


def test_a_folder_that_holds_a_run_is_resumed_as_the_error_says(copper):
    run = (*MD, "--temperature", 300, "--steps", 40, "--chunk-frames", 2, "--output", "run")
    succeeds(*run)
    assert "--resume" in refused(*run)
    succeeds(*run, "--resume")
    (copper / "run/chunk-000001.safetensors").write_bytes(b"damaged")
    assert "--resume" in refused("export", "run", "run.extxyz")
    succeeds(*run, "--resume")
    succeeds("export", "run", "run.extxyz")


def test_a_moved_folder_is_no_success(copper, monkeypatch):
    import superion.simulation.progress as progress

    update = progress.RunProgress.update

    def moving(self, done, now=None):
        if done == 20:
            (copper / "run").rename(copper / "moved")
        update(self, done, now)

    monkeypatch.setattr(progress.RunProgress, "update", moving)
    said = refused(*MD, "--temperature", 300, "--steps", 40, "--chunk-frames", 2, "--output", "run")
    assert f"what was written is in {copper / 'moved'}" in said
    monkeypatch.undo()
    monkeypatch.chdir(copper)
    succeeds(*MD, "--temperature", 300, "--steps", 40, "--chunk-frames", 2, "--output", "moved", "--resume")
