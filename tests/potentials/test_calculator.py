import numpy as np
import pytest
from ase import Atoms, units
from ase.md.verlet import VelocityVerlet

from superion import Calculator, Potential
from superion.electrostatics import ChargeEquilibration, EquilibrationTerm, Gaussian
from superion.potentials.repulsion import Repulsion
from superion.simulation import MDSettings, read_trajectory, run_md

POTENTIAL = Potential([Repulsion({(3, 3): 3.4, (3, 17): 3.1, (17, 17): 3.6})])


def crystal(side: float = 4.6, repeat: int = 2) -> Atoms:
    atoms = Atoms("LiCl", scaled_positions=[[0, 0, 0], [0.5, 0.5, 0.5]], cell=[side] * 3, pbc=True) * repeat
    atoms.rattle(0.05, seed=1)
    return atoms


class Counting(Calculator):
    """Counts evaluations, and refuses to make more than `limit`."""

    limit, evaluations = 10**9, 0

    def calculate(self, *arguments):
        self.evaluations += 1
        if self.evaluations > self.limit:
            raise KeyboardInterrupt
        super().calculate(*arguments)


def assert_right(calculator: Calculator, atoms: Atoms) -> None:
    """Results are those of the structure, evaluated anew, and belong to it in the eyes of ASE."""
    expected = POTENTIAL.evaluate(atoms)
    assert calculator.results["energy"] == expected.energy
    np.testing.assert_array_equal(calculator.results["forces"], expected.forces)
    if atoms.cell.rank == 3:
        stress = -expected.virial / atoms.get_volume()
        np.testing.assert_allclose(
            calculator.results["stress"], stress.flat[[0, 4, 8, 5, 2, 1]], rtol=1e-12, atol=0
        )
    assert not calculator.check_state(atoms)


def test_dynamics_of_ase_search_for_pairs_now_and_then():
    atoms = crystal()
    atoms.calc = Counting(POTENTIAL)
    atoms.set_momenta(np.random.default_rng(0).normal(0, 1, (16, 3)))
    dynamics = VelocityVerlet(atoms, 2 * units.fs)
    for _ in range(15):
        dynamics.run(2)
        assert_right(atoms.calc, atoms)
    assert atoms.calc.evaluations == 31
    assert 1 <= atoms.calc._pairs.searches < 15
    atoms.get_stress()
    assert atoms.calc.evaluations == 31


def test_one_calculator_for_many_structures():
    rng = np.random.default_rng(0)
    calculator = Calculator(POTENTIAL, skin=0.7)
    exchanged = crystal()
    exchanged.numbers[[0, 1]] = exchanged.numbers[[1, 0]]
    slab = crystal()
    slab.pbc = (True, True, False)
    cluster = Atoms("Li3Cl", rng.uniform(0, 4, (4, 3)))
    strained = crystal(4.4)
    for atoms in (crystal(), exchanged, slab, cluster, strained, crystal(repeat=1), crystal()):
        calculator.calculate(atoms, ["energy"], ["positions", "numbers", "pbc", "cell"])
        assert_right(calculator, atoms)
        for _ in range(3):
            atoms.positions += rng.normal(0, 0.05, atoms.positions.shape)
            calculator.calculate(atoms, ["energy"], ["positions"])
            assert_right(calculator, atoms)
    calculator.calculate(exchanged, ["energy"], ["positions"])
    assert_right(calculator, exchanged)


def test_the_charges_that_a_structure_states_are_seen_to_change():
    model = ChargeEquilibration({"Li": -4.0, "F": 6.0}, {"Li": 18.0, "F": 18.0}, Gaussian(0.6), warn=False)
    potential = Potential([EquilibrationTerm(model)])
    atoms = Atoms("LiFLiF", [[0, 0, 0], [0, 0, 1.6], [4, 0, 0], [4, 0.3, 1.7]], info={"total_charge": 0.0})
    atoms.calc = Calculator(potential)
    seen = set()
    for change in (0.0, 1.0, 0.0, -1.0):
        atoms.info["total_charge"] = change
        seen.add(atoms.get_potential_energy())
        assert atoms.get_potential_energy() == potential.evaluate(atoms).energy
        atoms.positions[0, 0] += 0.01
        atoms.info["total_charge"] = 0.5
        assert atoms.get_potential_energy() == potential.evaluate(atoms).energy
        atoms.info["total_charge"] = change
        assert atoms.get_potential_energy() == potential.evaluate(atoms).energy
    assert len(seen) == 4
    atoms.info["total_charge"] = 0.0
    before = atoms.get_potential_energy()
    atoms.arrays["fragment"], atoms.info["fragment_charges"] = np.array([0, 0, 1, 1]), [0.0, 0.0]
    assert atoms.get_potential_energy() == potential.evaluate(atoms).energy > before


@pytest.mark.parametrize("ensemble", ["nve", "npt"])
def test_a_resumed_run_is_that_of_an_unbroken_one(tmp_path, ensemble):
    settings = MDSettings(
        ensemble=ensemble, temperature=900, timestep=2, steps=120, sample_every=2, chunk_frames=10
    )
    broken = Counting(POTENTIAL)
    broken.limit = 77
    with pytest.raises(KeyboardInterrupt):
        run_md(crystal(), broken, settings, tmp_path / "broken", progress=False)
    run_md(crystal(), Calculator(POTENTIAL), settings, tmp_path / "broken", resume=True, progress=False)
    run_md(crystal(), Calculator(POTENTIAL, skin=0.0), settings, tmp_path / "whole", progress=False)
    whole, resumed = read_trajectory(tmp_path / "whole"), read_trajectory(tmp_path / "broken")
    assert len(whole) == 61
    for name in ("positions", "cells", "potential_energy", "conserved"):
        assert getattr(whole, name).tobytes() == getattr(resumed, name).tobytes()
    assert np.abs(whole.positions[-1] - whole.positions[0]).max() > 0.5
