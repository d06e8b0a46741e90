from itertools import pairwise

import numpy as np
import pytest
from pydantic import ValidationError
from toy_crystals import Springs, crystal

from superion.errors import InputError
from superion.simulation import read_trajectory
from superion.simulation.quench import QuenchSettings, melt_quench, schedule

SHORT = QuenchSettings(
    melt_temperature=900,
    melt_time=0.4,
    final_temperature=300,
    rate=1000,
    hold_time=0.2,
    temperature_step=250,
    timestep=4.0,
)


def test_schedule_is_a_staircase_around_the_ramp():
    settings = QuenchSettings(melt_temperature=1500, final_temperature=300, rate=12, temperature_step=100)
    parts = schedule(settings)
    ramp = [p.settings for p in parts if "ramp" in p.name]
    assert [p.name for p in parts][:2] == ["000-melt-1500K", "001-ramp-1450K"]
    assert parts[-1].name == "013-hold-300K"
    assert [r.temperature for r in ramp] == [1450 - 100 * k for k in range(12)]
    time = sum(r.steps * r.timestep for r in ramp) / 1000
    assert 1200 / time == pytest.approx(12, rel=0.01)
    middle = np.cumsum([r.steps for r in ramp]) - ramp[0].steps / 2
    line = 1500 - 12 * middle * settings.timestep / 1000
    np.testing.assert_allclose([r.temperature for r in ramp], line, atol=1.0)
    assert parts[0].settings.steps == 20_000
    assert len({p.settings.seed for p in parts}) == len(parts)


def test_atoms_follow_the_temperature(tmp_path):
    start = crystal(2)
    final = melt_quench(start, Springs(start), SHORT, tmp_path / "q", progress=False)
    parts = schedule(SHORT)
    assert [p.name for p in parts] == [
        "000-melt-900K",
        "001-ramp-800K",
        "002-ramp-600K",
        "003-ramp-400K",
        "004-hold-300K",
    ]
    runs = [read_trajectory(tmp_path / "q" / p.name) for p in parts]
    for before, after in pairwise(runs):
        np.testing.assert_array_equal(before.positions[-1], after.positions[0])
        np.testing.assert_allclose(before.velocities[-1], after.velocities[0], atol=1e-12)
    mean = [run.temperature[len(run) // 2 :].mean() for run in runs]
    assert mean[0] > 600
    assert mean[-1] < 500
    np.testing.assert_array_equal(final.positions, runs[-1].positions[-1])


def test_killed_quench_goes_on(tmp_path):
    start = crystal(2)
    whole = melt_quench(start, Springs(start), SHORT, tmp_path / "whole", progress=False)

    class Killed(Springs):
        def calculate(self, *arguments, **keywords):
            if self.count == 230:
                raise KeyboardInterrupt
            super().calculate(*arguments, **keywords)

    with pytest.raises(KeyboardInterrupt):
        melt_quench(start, Killed(start), SHORT, tmp_path / "broken", progress=False)
    with pytest.raises(InputError, match="holds a quench"):
        melt_quench(start, Springs(start), SHORT, tmp_path / "broken", progress=False)
    other = SHORT.model_copy(update={"rate": 500.0})
    with pytest.raises(InputError, match=r"other settings \(rate\)"):
        melt_quench(start, Springs(start), other, tmp_path / "broken", resume=True, progress=False)
    resumed = melt_quench(start, Springs(start), SHORT, tmp_path / "broken", resume=True, progress=False)
    np.testing.assert_array_equal(resumed.positions, whole.positions)
    np.testing.assert_array_equal(resumed.get_velocities(), whole.get_velocities())


def test_refused_settings():
    with pytest.raises(ValidationError, match="must be below melt_temperature"):
        QuenchSettings(melt_temperature=300, final_temperature=300)
    with pytest.raises(ValidationError):
        QuenchSettings(speed=3)
