"""Ensembles of runs in LAMMPS: equilibration of constant energy, cells that change their shape, refusals."""

import numpy as np
import pytest
from ase.build import bulk
from ase.constraints import FixAtoms
from toy_crystals import BOND, crystal, pair_model

from superion.errors import InputError
from superion.potentials import Calculator
from superion.simulation import MDSettings, read_trajectory, run_md
from superion.simulation.lammps import EngineSettings
from superion.simulation.lammps_md import run_lammps

ROUTE = EngineSettings(route="callback")


@pytest.fixture(scope="module")
def model():
    return pair_model(0.002)


def run(model, folder, atoms=None, **changes):
    settings = MDSettings(**({"temperature": 300, "steps": 400, "timestep": 3} | changes))
    return run_lammps(atoms or crystal(), model, settings, folder, engine=ROUTE, progress=False)


def test_constant_energy_at_the_temperature_that_was_asked_for(model, tmp_path):
    missed = run(model, tmp_path / "missed", ensemble="nve")
    assert missed.temperature.status == "off"
    met = run(model, tmp_path / "met", ensemble="nve", equilibrate=600, friction=0.03)
    assert met.temperature.status == "as asked"
    found = read_trajectory(tmp_path / "met", equilibration=True)
    total = found.potential_energy + found.kinetic_energy
    after = found.steps > 0
    assert np.ptp(total[after]) < 0.05 * np.ptp(found.kinetic_energy[after])
    second = (found.steps <= 0) & (found.steps > -300)
    assert total[after].mean() == pytest.approx(total[second].mean(), abs=0.3 * total[second].std())


@pytest.mark.parametrize("barostat", ["anisotropic", "flexible"])
def test_cells_change_as_in_run_md(model, tmp_path, barostat):
    """The inertia of LAMMPS' barostat is not ours, so that the cells go the same way at their own pace."""
    changes = {"ensemble": "npt", "barostat": barostat, "pressure": 5.0, "steps": 60, "sample_every": 5}
    run(model, tmp_path / "theirs", **changes)
    settings = MDSettings(temperature=300, timestep=3, **changes)
    run_md(crystal(), Calculator(model), settings, tmp_path / "ours", progress=False)
    theirs, ours = (read_trajectory(tmp_path / name).cells for name in ("theirs", "ours"))
    change = [
        np.linalg.norm(cells[-1], axis=1) / np.linalg.norm(cells[0], axis=1) - 1 for cells in (theirs, ours)
    ]
    assert np.ptp(change[1]) > 1e-5
    assert np.allclose(*change, atol=0.1 * np.abs(change[1]).max())
    metric = theirs[-1] @ theirs[-1].T
    bent = np.abs(metric - np.diag(np.diag(metric))).max()
    assert bent > 1e-4 if barostat == "flexible" else bent < 1e-8


def test_refused(model, tmp_path):
    held = crystal()
    held.set_constraint(FixAtoms([0]))
    primitive = bulk("Cu", a=BOND * np.sqrt(2)) * (3, 3, 3)
    for atoms, changes, message in (
        (held, {}, "no fixed atoms.*--engine superion"),
        (None, {"ramp_to": 400}, "keep their temperature, but ramp_to is set"),
        (None, {"max_deviation": 0.1}, "do not look at predicted deviations"),
        (primitive, {"ensemble": "npt", "barostat": "anisotropic"}, "angles are all 90°"),
    ):
        with pytest.raises(InputError, match=message):
            run(model, tmp_path / "run", atoms, **changes)
    assert not (tmp_path / "run").exists()
