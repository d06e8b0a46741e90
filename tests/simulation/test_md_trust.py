"""Predicted deviations of a model are looked at during a run, flagged, and stop it on request."""

import copy

import numpy as np
import pytest
from toy_crystals import Springs, crystal, pair_model

from superion.errors import ModelError, SimulationError
from superion.potentials import Calculator
from superion.potentials.gap.calibration import ForceCalibration
from superion.simulation import MDSettings, read_trajectory, run_md
from superion.simulation.state import initial_state
from superion.simulation.trust import GUARDED, Trust, sigmas_of

SIGMA = 0.002  # eV per atom


@pytest.fixture(scope="module")
def model():
    return pair_model(SIGMA)


def run(model, folder, atoms=None, **changes):
    options = {"temperature": 100, "timestep": 2, "steps": 1000, "thermostat": "langevin", "chunk_frames": 7}
    settings = MDSettings(**(options | changes))
    return run_md(atoms or crystal(2), Calculator(model), settings, folder, progress=False)


def test_deviations_are_those_of_the_model(model, tmp_path):
    result = run(model, tmp_path, steps=2 * GUARDED, max_deviation=100.0)
    found = read_trajectory(tmp_path)
    looked = np.isfinite(found.force_deviation)
    assert found.steps[looked].tolist() == [0, GUARDED, 2 * GUARDED]
    last = crystal(2)
    last.positions = found.positions[-1]
    deviation = model.deviation(last)
    assert found.energy_deviation[-1] == pytest.approx(deviation.energy, rel=1e-6)
    largest = np.linalg.norm(deviation.forces, axis=1).max()
    assert found.force_deviation[-1] == pytest.approx(largest, rel=1e-6)
    assert result.force_deviation == np.nanmax(found.force_deviation)
    assert result.warnings == ()


def stretched(by):
    atoms = crystal(2)
    atoms.set_cell(atoms.cell * by, scale_atoms=True)
    atoms.rattle(0.05, seed=9)
    return atoms


def test_a_start_outside_the_data_is_flagged(model, tmp_path):
    result = run(model, tmp_path, stretched(1.2), steps=20)
    assert np.isfinite(read_trajectory(tmp_path).force_deviation).tolist() == [True, False, False]
    assert any("unlike the training data" in warning for warning in result.warnings)


def test_forces_are_expected_to_deviate_as_they_are_calibrated_to(model):
    before = sigmas_of(Calculator(model)).force
    calibrated = copy.deepcopy(model)
    (gp,) = [term for term in calibrated.terms if hasattr(term, "calibration")]
    usual = max(gp.calibration.factors.values()) if gp.calibration else 1.0
    gp.calibration = ForceCalibration({"Li": 4.0, "Cl": 7.0}, 0.95, 2)
    assert sigmas_of(Calculator(calibrated)).force == pytest.approx(7 * before / usual)


def test_the_run_stops_on_request(model, tmp_path):
    usual = run(model, tmp_path / "usual", max_deviation=100.0).force_deviation
    limit = 2 * usual
    with pytest.raises(
        SimulationError, match="stopped at step 0: the predicted standard deviation of a force"
    ):
        run(model, tmp_path / "stretched", stretched(1.2), max_deviation=limit)
    hot = {"temperature": 4000, "max_temperature": 1e6, "min_distance": None, "friction": 0.1}
    with pytest.raises(SimulationError, match=rf"stopped at step {GUARDED}: .* above the limit of {limit:g}"):
        run(model, tmp_path / "hot", max_deviation=limit, **hot)
    assert read_trajectory(tmp_path / "hot").steps[-1] == GUARDED - 10
    assert run(model, tmp_path / "again", max_deviation=limit).force_deviation == usual


def test_models_without_deviations(tmp_path):
    with pytest.raises(ModelError, match="max_deviation is set, but no standard deviation"):
        run_md(
            crystal(),
            Springs(crystal()),
            MDSettings(temperature=100, steps=10, max_deviation=0.1),
            tmp_path,
            progress=False,
        )
    run_md(crystal(), Springs(crystal()), MDSettings(temperature=100, steps=10), tmp_path, progress=False)
    assert read_trajectory(tmp_path).force_deviation is None


def test_runs_on_a_gpu_do_not_wait_for_the_cpu(model):
    calculator = Calculator(model)
    settings = MDSettings(temperature=100, steps=10)
    state = initial_state(crystal(), temperature=100, seed=0, step=0, keep=False)
    assert Trust(crystal(), calculator, settings)(state) is not None
    calculator.device = "cuda"
    assert Trust(crystal(), calculator, settings)(state) is None
    wanted = settings.model_copy(update={"max_deviation": 0.1})
    assert Trust(crystal(), calculator, wanted)(state) is not None
