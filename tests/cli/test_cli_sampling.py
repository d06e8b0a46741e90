"""Dynamics driven by a labeller: `superion md LABELLER STRUCTURE`, `superion quench LABELLER STRUCTURE`."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import Calculator
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from ase.constraints import FixAtoms
from ase.geometry import find_mic
from ase.io import read, write
from typer.testing import CliRunner

from superion import open_model
from superion.cli.app import app
from superion.files import sha256
from superion.potentials import Potential
from superion.potentials.repulsion import Repulsion
from superion.reference import Driver, Labels
from superion.simulation import read_trajectory


def call(*words: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == code, result.output
    return result.output


class Breaking(LennardJones):
    """Lennard-Jones that fails where atom 0 is beyond x = 0.02 Å, in a way of its own."""

    def calculate(self, atoms: Atoms, properties=None, system_changes=None) -> None:
        super().calculate(atoms, properties, system_changes)
        if atoms.positions[0, 0] > 0.02:
            raise ZeroDivisionError("the lattice is gone")


@pytest.fixture
def copper(tmp_path: Path, monkeypatch) -> Path:
    """A working folder with copper.extxyz, charged, and emt.yaml."""
    atoms = bulk("Cu", cubic=True).repeat((2, 2, 2))
    atoms.info["total_charge"] = 2.0
    write(tmp_path / "copper.extxyz", atoms, format="extxyz")
    (tmp_path / "emt.yaml").write_text("labeller: {ase: 'ase.calculators.emt:EMT'}\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


MD = ("copper.extxyz", "--temperature", 600, "--timestep", 2, "--sample-every", 4, "--chunk-frames", 3)


def test_a_classical_field_moves_the_atoms_and_gives_frames_to_label(copper):
    shown = call("md", "emt.yaml", *MD, "--steps", 48, "--output", "whole", "--frames", "frames.extxyz")
    assert "12 frames without labels: frames.extxyz" in shown
    trajectory = read_trajectory("whole")
    assert trajectory.meta["provenance"]["kind"] == "calculator"
    frames = read("frames.extxyz", ":")
    for k, atoms in enumerate(frames, start=1):
        assert atoms.calc is None
        assert set(atoms.arrays) == {"numbers", "positions"}
        assert atoms.info == {
            "config_type": "sampled",
            "trajectory": "whole",
            "frame_id": f"whole-{4 * k:06d}",
            "temperature_K": 600.0,
            "total_charge": 2.0,
            "sampled_with": "calculator ase.calculators.emt:EMT",
        }
        atoms.calc = EMT()
        assert trajectory.potential_energy[k] == pytest.approx(atoms.get_potential_energy(), abs=1e-6)
    call("md", "emt.yaml", *MD, "--steps", 24, "--output", "half")
    call("md", "emt.yaml", *MD, "--steps", 48, "--output", "half", "--resume", "--frames", "half.extxyz")
    np.testing.assert_array_equal(read_trajectory("half").positions, trajectory.positions)
    call("label", "half.extxyz", "--labeller", "emt.yaml", "--store", "store", "--executor", "threads:1",
         "--output", "labelled.extxyz")  # fmt: skip
    (labelled, *_) = read("labelled.extxyz", ":")
    assert labelled.info["reference_kind"] == "calculator"
    assert labelled.info["sampled_with"] == "calculator ase.calculators.emt:EMT"


def test_atoms_that_the_file_fixes_are_fixed_in_the_frames(copper):
    atoms = read("copper.extxyz")
    atoms.set_constraint(FixAtoms([0, 3]))
    write("copper.extxyz", atoms, format="extxyz")
    call("md", "emt.yaml", *MD, "--steps", 8, "--output", "run", "--frames", "frames.extxyz")
    for frame in read("frames.extxyz", ":"):
        assert frame.constraints[0].get_indices().tolist() == [0, 3]
        still = np.linalg.norm(find_mic(frame.positions - atoms.positions, atoms.cell)[0], axis=1) < 1e-7
        assert np.flatnonzero(still).tolist() == [0, 3]


def test_a_calculator_that_fails_ends_the_run_at_a_step_and_keeps_what_was_before(copper, monkeypatch):
    monkeypatch.setitem(sys.modules, "breaking", SimpleNamespace(Breaking=Breaking))
    Path("breaking.yaml").write_text(
        "labeller: {ase: 'breaking:Breaking', arguments: {epsilon: 0.05, sigma: 2.2}}"
    )
    shown = call("md", "breaking.yaml", *MD, "--steps", 200, "--output", "run", code=2)
    assert "stopped at step" in shown
    assert "ZeroDivisionError: the lattice is gone" in shown
    kept = read_trajectory("run")
    assert len(kept) > 1
    assert (kept.positions[:, 0, 0] <= 0.02).all()


def test_what_a_pretrained_model_makes_is_marked_as_surrogate(copper, monkeypatch):
    fake = SimpleNamespace(SevenNetCalculator=lambda model, device: EMT())
    weights = Path("weights.pth")
    weights.write_bytes(b"numbers")
    util = SimpleNamespace(pretrained_name_to_path=lambda name: weights)
    monkeypatch.setitem(sys.modules, "sevenn", SimpleNamespace(calculator=fake, util=util))
    monkeypatch.setitem(sys.modules, "sevenn.calculator", fake)
    monkeypatch.setitem(sys.modules, "sevenn.util", util)
    monkeypatch.setattr("superion.reference.surrogates.made_with", lambda name: name)
    call("md", "sevennet", *MD, "--steps", 8, "--output", "run", "--frames", "frames.extxyz")
    facts = read_trajectory("run").meta["provenance"]
    assert facts.pop("versions").keys() == {"ase", "superion"}
    assert facts == {
        "labeller": "sevennet",
        "kind": "surrogate",
        "settings": {"family": "sevennet", "model": "7net-l3i5"},
        "weights": {"weights.pth": sha256(weights)},
    }
    call("label", "frames.extxyz", "--labeller", "sevennet", "--store", "store", "--executor", "threads:1",
         "--output", "labelled.extxyz")  # fmt: skip
    for unlabelled, labelled in zip(read("frames.extxyz", ":"), read("labelled.extxyz", ":"), strict=True):
        assert unlabelled.info["sampled_with"] == labelled.info["sampled_with"] == "surrogate sevennet"
        assert not [key for key in (*unlabelled.info, *unlabelled.arrays) if key.startswith("REF_")]
        assert labelled.info["reference_kind"] == "surrogate"
        assert labelled.info["reference"].startswith("surrogate sevennet")


def test_quench_takes_a_labeller(copper):
    times = ("--melt-time", 0.02, "--hold-time", 0.01, "--rate", 10000, "--melt-temperature", 400)
    call("quench", "emt.yaml", "copper.extxyz", *times, "--output", "q")
    assert len(read("q/quenched.extxyz")) == 32


class Smeared:
    """A labeller whose forces derive from its free energy."""

    name, kind = "smeared", "first-principles"

    def settings(self) -> dict:
        return {}

    def label(self, atoms: Atoms) -> Labels:
        pull = atoms.positions - atoms.positions.mean(axis=0)
        free = 0.5 * 0.4 * float((pull**2).sum())
        return Labels(energy=free + np.sin(10 * pull[0, 0]), free_energy=free, forces=-0.4 * pull)


def test_forces_derive_from_the_energy_of_the_driver():
    """What dynamics conserves is the free energy: central differences of `energy` give the forces."""
    atoms = Atoms("Ar3", [[0, 0, 0], [1.1, 0.2, 0], [0.3, 1.3, 0.4]])
    atoms.calc = Driver(Smeared())
    forces = atoms.get_forces()
    for i, c in np.ndindex(3, 3):
        energies = []
        for step in (1e-4, -1e-4):
            moved = atoms.copy()
            moved.positions[i, c] += step
            moved.calc = Driver(Smeared())
            energies.append(moved.get_potential_energy())
        assert forces[i, c] == pytest.approx((energies[1] - energies[0]) / 2e-4, abs=1e-8)


def test_a_model_of_superion_is_driven_as_itself(tmp_path):
    path = tmp_path / "m.safetensors"
    Potential([Repulsion({(3, 17): 3.6}, height=6.0)]).save(path)
    (tmp_path / "m.yaml").write_text("model: m.safetensors\n")
    model = open_model(tmp_path / "m.yaml")
    assert isinstance(model.calculator(), Calculator)
    assert model.identity == {"model": sha256(path)}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("sevenet",), "there is no labeller 'sevenet' and no such file. Did you mean 'sevennet'?"),
        (("nowhere.safetensors",), "nowhere.safetensors"),
        (("emt.yaml", "--tables", 1e-3), "emt.yaml is not a model of superion: it has no pair and triplet"),
        (("emt.yaml", "--precision", "float32"), "emt.yaml is not a model of superion: it chooses its"),
        (("emt.yaml", "--device", "cuda"), "emt.yaml is not a model of superion, and computes where"),
        (("emt.yaml", "--charged-cells", "refuse"), "deals with charged cells in its own way"),
        (("emt.yaml", "--engine", "lammps"), "LAMMPS cannot compute emt.yaml"),
        (("emt.yaml", "--record", "dipole"), "it lacks ['dipole']"),
        (("emt.yaml", "--max-deviation", 1), "no standard deviation of a force is predicted"),
        (("model.pt",), "metatomic: model.pt"),
        (("emt.yaml", "--frames", "nowhere/f.extxyz"), "there is no such folder"),
        (("bad.yaml",), "only plain values are allowed"),
    ],
)
def test_refusals(copper, words, message):
    Path("bad.yaml").write_text("labeller: {ase: !!python/name:os.system }")
    driver, *options = words
    shown = call("md", driver, *MD, "--steps", 8, "--output", "run", *options, code=2)
    assert message in shown
    assert "Traceback" not in shown
