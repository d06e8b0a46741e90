"""All that computes a model: compiled loops, tables, single precision, PyTorch, LAMMPS; and ASE's own."""

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from models import BLOCKS, blocks, coulomb, thiophosphate
from torch_cases import DEVICES, TERMS

from superion import Calculator, Potential
from superion.conformance import check
from superion.electrostatics import Gaussian, Point
from superion.potentials.backend import evaluator
from superion.simulation.lammps import Engine, EngineSettings
from superion.simulation.state import initial_state
from superion.terms import Evaluation

LONG = ("smooth pairs", "smooth moves", "smooth strain", "energy drift")


def full() -> Potential:
    return Potential([coulomb(Gaussian(0.8)), TERMS["repulsion"], blocks("pair", "angle", "soap")])


def test_the_calculator_and_its_lists_of_neighbours():
    report = check(Calculator(full()), thiophosphate(), level="quick", skip=("smooth pairs", "smooth strain"))
    assert report.passed, str(report)
    assert (
        report["long-range stress"].status == report["batches"].status == report["restart"].status == "pass"
    )


def test_tables():
    model = Potential([blocks("pair", "angle")]).tabulated(1e-4)
    report = check(model, thiophosphate(), level="quick")
    assert report.passed, str(report)
    assert report["restart"].status == "not applicable"


@pytest.mark.parametrize("backend", ["compiled", "torch"])
def test_single_precision_is_judged_by_its_noise(backend):
    model = Potential([blocks("pair", "soap")]).with_precision("float32")
    few = ("noise", "forces", "rotation", "atoms outside the cell", "smooth moves", "batches")
    report = check(evaluator(model, backend), thiophosphate(), level="quick", only=few)
    assert report.passed, str(report)
    assert report.noise.energy > 1e-8
    assert report["forces"].status == "pass"


@pytest.mark.parametrize("device", DEVICES)
def test_pytorch(device):
    report = check(
        evaluator(full(), "torch", device), thiophosphate(), level="quick", skip=LONG, accuracy=1e-6
    )
    assert report.passed, str(report)


@pytest.mark.parametrize("name", BLOCKS)
def test_blocks_in_pytorch(name):
    few = ("stress", "rotation", "inversion", "atoms outside the cell", "supercells", "batches")
    report = check(evaluator(Potential([blocks(name)]), "torch"), thiophosphate(), only=few, accuracy=1e-7)
    assert report.passed, str(report)


class InLammps:
    """A potential in LAMMPS, a new engine for each structure."""

    def __init__(self, potential: Potential, route: str) -> None:
        self.settings = EngineSettings(route=route, kspace="ewald", accuracy=1e-8)
        self.model = potential

    def evaluate_batch(self, structures):
        return [self.evaluate(atoms) for atoms in structures]

    def evaluate(self, atoms) -> Evaluation:
        state = initial_state(atoms, temperature=0.0, seed=0, step=0, keep=False)
        with Engine(atoms, self.model, self.settings) as engine:
            engine.set_momenta(np.zeros_like(atoms.positions))
            engine.run(0)
            engine.read(state)
        xx, yy, zz, yz, xz, xy = -atoms.get_volume() * state.stress
        virial = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
        energies = np.full(len(atoms), state.energy / len(atoms))
        return Evaluation(float(state.energy), energies, np.array(state.forces), virial)


def test_lammps():
    model = Potential([coulomb(Point()), TERMS["repulsion"], blocks("pair", "angle", "soap")])
    few = ("stress", "rotation", "permutation", "choice of cell", "atoms outside the cell", "supercells")
    report = check(InLammps(model, "plugin"), thiophosphate(), only=few)
    assert report.passed, str(report)
    assert {one.status for one in report.checks} == {"pass"}


COPPER = bulk("Cu", cubic=True)


def test_emt():
    """EMT of ASE ends neighbours where its smooth cutoff is not zero yet: 3e-6 eV per atom of a pair."""
    report = check(EMT(), COPPER, level="quick")
    assert report.failed == ["smooth pairs"], str(report)
    assert "Cu–Cu at 5.87" in report["smooth pairs"].why
    assert check(EMT(), COPPER, level="quick", accuracy=1e-4, only=("smooth pairs", "forces")).passed


ARGON = bulk("Ar", "fcc", a=5.3, cubic=True)


def test_lennard_jones_with_and_without_a_smooth_cutoff():
    smooth, abrupt = (
        check(LennardJones(sigma=3.4, epsilon=0.0104, rc=7.5, smooth=smooth), ARGON, level="quick")
        for smooth in (True, False)
    )
    assert smooth.passed, str(smooth)
    assert smooth["atomic virials"].status == "pass"
    assert set(abrupt.failed) == {"smooth pairs", "smooth strain"}
    assert "Ar–Ar at 7.5" in abrupt["smooth pairs"].why or "Ar–Ar at 7.49" in abrupt["smooth pairs"].why
