import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import lammps_cases as cases
import numpy as np
import pytest

from superion.electrostatics import CoulombTerm, Gaussian, Slater
from superion.electrostatics.charges import FixedCharges
from superion.errors import InputError, ModelError
from superion.potentials import Calculator, Potential
from superion.simulation import MDSettings, read_trajectory, run_md
from superion.simulation import lammps as engine_module
from superion.simulation.lammps import Engine
from superion.simulation.lammps_md import run_lammps

VOIGT = [0, 4, 8, 5, 2, 1]
UNIT_FORCE = 14.4  # eV/Å between two unit charges 1 Å apart, to which LAMMPS refers its accuracy


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    for name, potential in cases.fitted().items():
        potential.save(folder / f"{name}.safetensors")
    return folder


RUNS = [("callback", 1), ("callback", 2), ("plugin", 1), ("plugin", 2), ("plugin", 3)]


@pytest.fixture(scope="module", params=RUNS, ids=[f"{route} on {ranks}" for route, ranks in RUNS])
def run(request, models, tmp_path_factory) -> Path:
    """A folder with the results of all computations on one route and so many ranks."""
    route, ranks = request.param
    folder = tmp_path_factory.mktemp(f"{route}{ranks}")
    if ranks == 1:
        cases.compute(folder, models, route)
        return folder
    mpiexec = Path(sysconfig.get_path("scripts"), "mpiexec")
    command = [mpiexec, "-n", str(ranks), sys.executable, cases.__file__, folder, models, route]
    done = subprocess.run(
        command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture
def found(run) -> dict[str, np.ndarray]:
    with np.load(run / "found.npz") as content:
        return dict(content)


def stress(evaluation, atoms) -> np.ndarray:
    return -evaluation.virial.flat[VOIGT] / atoms.get_volume()


@pytest.mark.parametrize("name", ["crystal", "scattered", "mirrored", "corner"])
def test_local_terms_agree_to_rounding(found, models, name):
    atoms = cases.structures()[name]
    exact = Potential.load(models / "local.safetensors").evaluate(atoms)
    assert np.abs(exact.forces).max() > 0.3
    assert found[f"local.{name}.energy"] == pytest.approx(exact.energy, abs=1e-8)
    np.testing.assert_allclose(found[f"local.{name}.forces"], exact.forces, atol=1e-8)
    np.testing.assert_allclose(found[f"local.{name}.stress"], stress(exact, atoms), rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(found[f"local.{name}.positions"], atoms.positions, atol=1e-11)
    np.testing.assert_allclose(found[f"local.{name}.cell"], atoms.cell.array, atol=1e-12)


@pytest.mark.parametrize("name", ["full", "points", "widths", "pppm"])
def test_electrostatics_agree_to_the_accuracy_asked_for(found, models, name):
    atoms = cases.structures()["scattered"]
    wanted = name in ("points", "widths")
    potential = cases.charged(name) if wanted else Potential.load(models / "full.safetensors")
    exact = potential.evaluate(atoms)
    accuracy = 1e-6 if name == "pppm" else 1e-8
    units = 5e-8  # LAMMPS rounds e²/(4πε₀) to eight digits
    force = 3 * UNIT_FORCE * accuracy + units * 10
    assert np.abs(exact.forces).max() > 1
    np.testing.assert_allclose(found[f"{name}.forces"], exact.forces, atol=force)
    energy = len(atoms) * UNIT_FORCE * accuracy + units * 1000
    assert found[f"{name}.energy"] == pytest.approx(exact.energy, abs=energy)
    np.testing.assert_allclose(found[f"{name}.stress"], stress(exact, atoms), atol=10 * accuracy + 1e-7)


@pytest.mark.parametrize("ensemble", ["nve", "nvt"])
def test_dynamics_are_those_of_run_md(run, models, tmp_path, ensemble):
    atoms = cases.structures()["crystal"]
    calculator = Calculator(models / "full.safetensors")
    run_md(atoms, calculator, cases.dynamics(ensemble), tmp_path / "ours", progress=False)
    ours, theirs = (read_trajectory(f, equilibration=True) for f in (tmp_path / "ours", run / ensemble))
    assert theirs.steps.tolist() == ours.steps.tolist()
    assert len(ours) == 6
    assert np.abs(ours.positions[-1] - ours.positions[0]).max() > 0.3
    for name, error in {
        "positions": 2e-5,
        "velocities": 1e-6,
        "dipole": 1e-4,
        "charges": 1e-15,
        "potential_energy": 2e-4,
        "kinetic_energy": 2e-4,
        "conserved": 5e-5,
        "stress": 1e-6,
        "cells": 1e-12,
    }.items():
        np.testing.assert_allclose(getattr(theirs, name), getattr(ours, name), rtol=0, atol=error)
    assert np.ptp(theirs.conserved) < 0.02 * np.ptp(theirs.kinetic_energy)
    engine = theirs.meta["provenance"]["engine"]
    assert engine["name"] == "lammps"
    assert run.name.startswith(engine["route"])
    assert theirs.meta["provenance"]["model"] == "full"


def test_constant_pressure(run, models, tmp_path):
    atoms = cases.structures()["crystal"]
    calculator = Calculator(models / "full.safetensors")
    run_md(atoms, calculator, cases.dynamics("npt"), tmp_path / "ours", progress=False)
    ours, theirs = (read_trajectory(f, equilibration=True) for f in (tmp_path / "ours", run / "npt"))
    scale = np.linalg.det(theirs.cells) / atoms.get_volume()
    np.testing.assert_allclose(theirs.cells, np.cbrt(scale)[:, None, None] * atoms.cell.array, atol=1e-10)
    change = np.linalg.det(ours.cells) / atoms.get_volume() - 1
    assert np.abs(change).max() > 0.01
    # the inertia of LAMMPS' barostat is that of 3N + 3 degrees of freedom, ours that of 3N
    np.testing.assert_allclose(scale - 1, change, atol=0.05 * np.abs(change).max())
    assert np.ptp(theirs.conserved) < 0.02 * np.ptp(theirs.kinetic_energy)
    fraction = np.linalg.solve(theirs.cells[-1].T, theirs.positions[-1].T).T
    assert np.abs(fraction - atoms.get_scaled_positions(wrap=False)).max() < 0.3


def test_every_rank_gets_result_and_errors(found, run):
    ranks = len(found["nve.frames"])
    assert found["nve.frames"].tolist() == [6] * ranks
    for name, text in {
        "overlap": "atoms .* apart: they overlap",
        "hot": "above the limit of 401 K",
        "again": "already holds a run",
    }.items():
        messages = found[f"error.{name}"].tolist()
        assert len(messages) == ranks
        for message in messages:
            assert re.search(text, message)
    assert len(read_trajectory(run / "nve")) == 6


def test_refusals(models, tmp_path, monkeypatch):
    atoms = cases.structures()["crystal"]
    full = Potential.load(models / "full.safetensors")
    local = Potential.load(models / "local.safetensors")
    slab = atoms.copy()
    slab.pbc = (True, True, False)
    with pytest.raises(InputError, match="three periodic axes"):
        Engine(slab, full)
    with pytest.raises(InputError, match=r"total charge of [+-]"):
        Engine(atoms[1:], full)
    isotopes = atoms.copy()
    isotopes.set_masses([6.0, *atoms.get_masses()[1:]])
    with pytest.raises(InputError, match=r"one mass per element.*6\.0"):
        Engine(isotopes, local)
    for densities in (
        Gaussian(0.5),
        Slater(1.0, n=2),
        {"Li": Slater(1.0), "P": Slater(1.0), "S": Slater(1.001)},
    ):
        with pytest.raises(ModelError, match="1s Slater densities"):
            Engine(atoms, Potential([CoulombTerm(cases.CHARGES, densities)]))
    with pytest.raises(ModelError, match="found another: 'coulomb'"):
        Engine(atoms, Potential([*full.terms, CoulombTerm(FixedCharges({"Li": 0.0}), Slater(1.0))]))
    langevin = MDSettings(thermostat="langevin", temperature=300, steps=10)
    with pytest.raises(InputError, match="thermostat nose-hoover"):
        run_lammps(atoms, local, langevin, tmp_path / "a", progress=False)
    dipole = MDSettings(temperature=300, steps=10, record=("dipole",))
    with pytest.raises(InputError, match="no charges"):
        run_lammps(atoms, local, dipole, tmp_path / "a", progress=False)
    assert not (tmp_path / "a").exists()
    monkeypatch.setitem(sys.modules, "lammps", None)
    with pytest.raises(InputError, match=r"need the packages lammps.*superion\[lammps\]"):
        engine_module.Engine(atoms, local)
