"""The guard stops a run, says why, and leaves everything before it readable."""

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.calculator import Calculator
from toy_crystals import Springs, crystal

from superion.errors import SimulationError
from superion.neighbours import neighbour_pairs
from superion.simulation import MDSettings, read_trajectory, run_md
from superion.simulation.guard import Guard
from superion.simulation.state import initial_state


class Attraction(Calculator):
    """A constant force of 1 eV/Å pulls atoms 0 and 1 together; `poison` forces from some call on."""

    implemented_properties = ("energy", "forces")

    def __init__(self, poison=None, value=np.nan):
        super().__init__()
        self.poison, self.value, self.count = poison, value, 0

    def calculate(self, atoms=None, properties=("energy",), system_changes=()):
        self.count += 1
        vector = atoms.positions[1] - atoms.positions[0]
        distance = np.linalg.norm(vector)
        forces = np.zeros((len(atoms), 3))
        forces[0], forces[1] = vector / distance, -vector / distance
        if self.poison is not None and self.count > self.poison:
            forces[2, 0] = self.value
        self.results = {"energy": distance, "forces": forces}


def trio():
    return Atoms("LiSLi", [[0, 0, 0], [0, 0, 3], [5, 5, 5]])


def run(folder, calculator, atoms=None, **changes):
    options = {"ensemble": "nve", "temperature": 1, "steps": 2000, "max_temperature": 1e6, "sample_every": 5}
    settings = MDSettings(**(options | changes))
    return run_md(atoms or trio(), calculator, settings, folder, progress=False)


def distances(trajectory):
    return np.linalg.norm(trajectory.positions[:, 1] - trajectory.positions[:, 0], axis=1)


def test_close_atoms(tmp_path):
    with pytest.raises(
        SimulationError, match=r"step \d+: atoms are closer than 1.5 Å: Li0-S1 1\.\d+"
    ) as caught:
        run(tmp_path, Attraction(), min_distance=1.5)
    trajectory = read_trajectory(tmp_path)
    assert f"step {trajectory.steps[-1] + 5}:" in str(caught.value)
    assert distances(trajectory).min() > 1.5
    assert len(trajectory) > 3


@pytest.mark.parametrize("change", [0, 1])
def test_every_frame_agrees_with_a_full_search(change):
    """The guard searches only when atoms have moved enough; it must not miss a close pair for that."""
    generator = np.random.default_rng(1)
    atoms = crystal()
    settings = MDSettings(temperature=300, steps=10, min_distance=2.2)
    verdicts = []
    for _ in range(30):
        guard = Guard(atoms, settings, Path("run"))
        state = initial_state(atoms, temperature=300, seed=0, step=0, keep=False)
        for _ in range(20):
            state.positions += generator.normal(scale=0.03, size=state.positions.shape)
            state.cell *= 1 - 0.003 * change
            moved = Atoms(atoms.symbols, state.positions, cell=state.cell, pbc=True)
            expected = neighbour_pairs(moved, 4.0).distance.min() < 2.2
            try:
                guard.every_frame(state)
            except SimulationError:
                verdicts.append(True)
                assert expected
                break
            assert not expected
    assert len(verdicts) > 10


def test_close_atoms_can_be_allowed(tmp_path):
    run(tmp_path, Attraction(), min_distance=None, steps=60)
    assert distances(read_trajectory(tmp_path)).min() < 0.8


def test_a_structure_that_begins_too_close_is_refused(tmp_path):
    with pytest.raises(SimulationError, match="stopped at step 0"):
        run(tmp_path, Attraction(), min_distance=3.5)
    run(tmp_path, Attraction(), min_distance=1.5, steps=10)  # the folder is still free


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_forces_that_are_not_finite(tmp_path, value):
    with np.errstate(invalid="ignore"), pytest.raises(SimulationError, match=r"step 13: .*must be finite"):
        run(tmp_path, Attraction(poison=13, value=value))
    assert read_trajectory(tmp_path).steps.tolist() == [0, 5, 10]


def test_heat(tmp_path):
    with pytest.raises(SimulationError, match=r"above the limit of 3000 K; fastest atom \d+ \(Cu\)"):
        run(
            tmp_path,
            Springs(crystal()),
            crystal(),
            temperature=300,
            timestep=60,
            max_temperature=None,
            min_distance=None,
        )
    assert read_trajectory(tmp_path).temperature.max() < 3000


@pytest.mark.parametrize("value", [1e3, 1e12, 1e160, 1e300])
@pytest.mark.parametrize("ensemble", ["nvt", "npt", "flexible", "nve"])
def test_explosions(tmp_path, ensemble, value):
    """The arithmetic of thermostats breaks down before the guard sees the temperature."""
    changes = {"ensemble": ensemble}
    if ensemble == "flexible":
        changes = {"ensemble": "npt", "barostat": "flexible"}
    with pytest.raises(SimulationError, match=r"stopped at step 1[2-9]: "):
        run(tmp_path, Bang(13, value), crystal(), temperature=300, max_temperature=None, **changes)
    assert read_trajectory(tmp_path).steps.tolist() == [0, 5, 10]


class Bang(Springs):
    """Springs until one force becomes huge in evaluation number `after`."""

    def __init__(self, after, value):
        super().__init__(crystal())
        self.after, self.value = after, value

    def calculate(self, *args, **kwargs):
        super().calculate(*args, **kwargs)
        if self.count > self.after:
            self.results["forces"][2, 0] = self.value


def test_stopped_run_stops_again_at_the_same_step(tmp_path):
    messages = []
    for resume in (False, True):
        settings = MDSettings(
            ensemble="nve", temperature=1, steps=100, max_temperature=1e6, sample_every=5, min_distance=1.5
        )
        with pytest.raises(SimulationError) as caught:
            run_md(trio(), Attraction(), settings, tmp_path, resume=resume, progress=False)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]
