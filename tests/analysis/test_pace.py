"""Times between frames and temperatures that cannot both be true, on oscillators of a known temperature."""

import numpy as np
import pytest
from ase import units

from superion.analysis.pace import IMPOSSIBLE, pace
from superion.errors import InputError

MASSES = np.array([6.94] * 60 + [32.06] * 60)
KELVIN = 500.0


def crystal(timestep, frames=300, seed=1):
    """Atoms on springs of periods from 60 to 300 fs, each in equilibrium."""
    rng = np.random.default_rng(seed)
    speed = np.sqrt(units.kB * KELVIN / MASSES)[:, None] * rng.normal(size=(2, len(MASSES), 3)) * units.fs
    omega = 2 * np.pi / rng.uniform(60, 300, (len(MASSES), 1))
    time = timestep * np.arange(frames)[:, None, None]
    return 10 + (speed[0] * np.sin(omega * time) + speed[1] * np.cos(omega * time)) / omega


@pytest.mark.parametrize("timestep", [0.5, 2.0, 20.0, 100.0])
def test_what_is_true_is_not_doubted(timestep):
    assert pace(crystal(timestep), MASSES, timestep, KELVIN) == []


def test_frames_that_are_farther_apart_than_was_said():
    (note,) = pace(crystal(100.0), MASSES, 2.0, KELVIN)
    assert note.startswith(IMPOSSIBLE)
    assert "at least" in note
    least = float(note.split("at least ")[1].split(" fs")[0])
    assert 20 < least <= 100
    (note,) = pace(crystal(2.0), MASSES, 0.5, KELVIN)  # free flight: then the time is known
    assert float(note.split("Frames are ")[1].split(" fs")[0]) == pytest.approx(2.0, rel=0.05)


def test_frames_that_are_closer_than_was_said():
    (note,) = pace(crystal(1.0), MASSES, 50.0, KELVIN)
    assert note.startswith(IMPOSSIBLE)
    assert float(note.split("about ")[1].split(" fs")[0]) == pytest.approx(1.0, rel=0.05)


def test_drift_and_atoms_at_rest_say_nothing():
    paths = crystal(2.0) + 0.5 * np.arange(300)[:, None, None]
    assert pace(paths, MASSES, 2.0, KELVIN) == []
    assert pace(np.ones((10, 5, 3)), np.ones(5), 1.0, 300.0) == []
    assert pace(paths[:2], MASSES, 1e-3, KELVIN) == []
    with pytest.raises(InputError, match="must be positive"):
        pace(paths, MASSES, 0.0, KELVIN)
