"""What one unbroken run does: initial velocities, frames, summary, refusals."""

import numpy as np
import pytest
from ase import Atoms, units
from ase.calculators.calculator import Calculator
from ase.constraints import FixAtoms, FixBondLength, FixCartesian
from toy_crystals import Springs, crystal

from superion.errors import InputError
from superion.simulation import MDSettings, read_trajectory, run_md
from superion.simulation.state import initial_state


def settings(**changes):
    return MDSettings(**{"ensemble": "nve", "temperature": 300, "steps": 100, "timestep": 2, **changes})


def run(folder, atoms=None, calculator=None, **changes):
    atoms = crystal() if atoms is None else atoms
    calculator = calculator or Springs(crystal())
    return run_md(atoms, calculator, settings(**changes), folder, progress=False)


def test_initial_momenta_are_maxwell_boltzmann_without_drift():
    atoms = crystal()
    atoms.symbols[::2] = "Li"
    masses = atoms.get_masses()[:, None]
    samples = np.array(
        [initial_state(atoms, temperature=500, seed=seed, step=0, keep=False).momenta for seed in range(2000)]
    )
    assert np.abs(samples.sum(axis=1)).max() < 1e-11
    # kT per direction, less the share of the centre of mass
    expected = units.kB * 500 * (1 - masses / masses.sum())
    assert np.allclose((samples**2 / masses).mean(axis=(0, 2)), expected[:, 0], rtol=0.06)
    twice = (samples**2 / masses).sum(axis=(1, 2)) / (units.kB * 500)
    assert twice.mean() == pytest.approx(3 * len(atoms) - 3, rel=0.01)
    assert twice.var() == pytest.approx(2 * (3 * len(atoms) - 3), rel=0.1)


def test_frames_and_summary(tmp_path):
    result = run(tmp_path, steps=100, equilibrate=40, sample_every=5, chunk_frames=4)
    trajectory = read_trajectory(tmp_path)
    assert result.frames == len(trajectory) == 21
    assert trajectory.steps.tolist() == list(range(0, 101, 5))
    assert np.array_equal(trajectory.times, 2.0 * trajectory.steps)
    assert np.array_equal(trajectory.conserved, trajectory.potential_energy + trajectory.kinetic_energy)
    degrees = 3 * len(trajectory.numbers) - 3
    expected = 2 * trajectory.kinetic_energy / degrees / units.kB
    assert np.allclose(trajectory.temperature, expected, rtol=1e-14)
    assert result.mean_temperature == pytest.approx(trajectory.temperature.mean())
    assert abs(result.drift) < 1e-4
    assert result.resumed_at is None
    whole = read_trajectory(tmp_path, equilibration=True)
    assert whole.steps[0] == -40
    assert np.array_equal(whole.positions[0], crystal().positions)
    assert trajectory.meta["versions"].keys() == {"superion", "ase", "numpy", "python"}


def test_one_evaluation_per_step(tmp_path):
    for name, changes in {"nvt": {"ensemble": "nvt"}, "npt": {"ensemble": "npt"}}.items():
        calculator = Springs(crystal())
        run(tmp_path / name, calculator=calculator, **changes)
        assert calculator.count == 101


def test_same_seed_same_run_other_seed_other_run(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        run(tmp_path / name, ensemble="nvt", thermostat="langevin", seed=seed)
    a, b, c = (read_trajectory(tmp_path / name).positions for name in "abc")
    assert np.array_equal(a, b)
    assert not np.allclose(a[-1], c[-1], atol=1e-3)


def test_kept_velocities(tmp_path):
    atoms = crystal()
    velocities = np.random.default_rng(0).normal(scale=0.002, size=(len(atoms), 3))
    atoms.set_velocities((velocities + np.array([0.5, 0, 0])) / units.fs)
    run(tmp_path, atoms, keep_velocities=True, record=["velocities"])
    expected = velocities - velocities.mean(axis=0)
    assert np.allclose(read_trajectory(tmp_path).velocities[0], expected, rtol=0, atol=1e-14)


def test_molecule_without_a_cell(tmp_path):
    from ase.calculators.lj import LennardJones

    atoms = Atoms("Ar2", [[0, 0, 0], [0, 0, 3.9]])
    result = run(tmp_path, atoms, LennardJones(sigma=3.4, epsilon=0.0104, rc=12), temperature=20)
    assert result.frames == 11
    assert not read_trajectory(tmp_path).cells.any()


class EnergyOnly(Calculator):
    implemented_properties = ("energy",)


class Promise(Springs):
    def calculate(self, *args, **kwargs):
        super().calculate(*args, **kwargs)
        del self.results["charges"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"atoms": Atoms("Cu")}, "at least 2 atoms"),
        ({"calculator": EnergyOnly()}, r"lacks \['forces'\]"),
        ({"calculator": object()}, "the calculator object must have calculate"),
        ({"calculator": Promise(crystal()), "record": ["charges"]}, "the calculator Promise gave no charges"),
        ({"keep_velocities": True}, "has no velocities"),
    ],
)
def test_refused(tmp_path, change, message):
    with pytest.raises(InputError, match=message):
        run(tmp_path, **change)
    assert not (tmp_path / "meta.json").exists()


def test_refused_structures(tmp_path):
    held = crystal()
    held.set_constraint(FixBondLength(0, 1))
    with pytest.raises(InputError, match="not the constraint FixBondLength"):
        run(tmp_path, held)
    held.set_constraint(FixCartesian([3], (True, False, False)))
    with pytest.raises(InputError, match=r"atoms \[3\] are fixed along some directions only"):
        run(tmp_path, held)
    held.set_constraint(FixAtoms([0]))
    with pytest.raises(InputError, match="1 atoms of the structure are fixed, but a barostat moves them"):
        run(tmp_path, held, ensemble="npt")
    massless = crystal()
    massless.set_masses([0.0] + [60.0] * 31)
    with pytest.raises(InputError, match=r"atoms \[0\] have no positive mass"):
        run(tmp_path, massless)
    slab = crystal()
    slab.pbc = (True, True, False)
    with pytest.raises(InputError, match="periodic along all three axes"):
        run(tmp_path, slab, ensemble="npt")


def test_input_atoms_are_left_alone(tmp_path):
    atoms = crystal()
    run(tmp_path, atoms)
    assert atoms == crystal()
    assert atoms.calc is None
