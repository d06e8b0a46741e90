"""Transport of runs whose cell breathes."""

from dataclasses import replace

import numpy as np
import pytest
from ase.data import atomic_masses

from superion.analysis.conductivity import _curves, conductivity
from superion.analysis.transport_settings import TransportSettings
from superion.errors import InputError
from superion.simulation import Trajectory

NUMBERS = np.array([3] * 40 + [16] * 60)
EDGE, FRAMES, TIMESTEP = 20.0, 600, 20.0


def breathing(step=0.0):
    """Lithium that walks by `step` (Å) a frame in a crystal whose cell was 3 % too large and breathes."""
    rng = np.random.default_rng(3)
    strain = np.full(FRAMES, 0.03)
    for k in range(1, FRAMES):
        strain[k] = 0.99 * strain[k - 1] + 0.005 * np.sqrt(1 - 0.99**2) * rng.normal()
    place = rng.uniform(0, EDGE, (1, len(NUMBERS), 3)) + 0.1 * rng.normal(size=(FRAMES, len(NUMBERS), 3))
    place[:, :40] += step * rng.normal(size=(FRAMES, 40, 3)).cumsum(axis=0)
    scale = 1 + strain[:, None, None]
    zero = np.zeros(FRAMES)
    return place, Trajectory(
        numbers=NUMBERS,
        masses=atomic_masses[NUMBERS],
        pbc=np.array([True] * 3),
        steps=np.arange(FRAMES),
        times=TIMESTEP * np.arange(FRAMES),
        positions=place * scale,
        cells=EDGE * scale * np.eye(3),
        potential_energy=zero,
        kinetic_energy=zero,
        temperature=zero,
        conserved=zero,
        meta={"settings": {"ensemble": "npt", "temperature": 500.0}},
    )


def test_a_crystal_whose_cell_breathes_does_not_diffuse():
    _, run = breathing()
    found = conductivity(run, TransportSettings())
    assert found.status == "upper bound only"
    hop = 9 / (6 * FRAMES * TIMESTEP * 40)
    assert 10 * found.diffusion_bound < 5 * hop
    msd = np.array(_curves(run, TransportSettings(), found).curves["S"])
    np.testing.assert_allclose(msd, 6 * 0.1**2, rtol=0.1)


def test_walkers_in_a_cell_that_breathes():
    place, run = breathing(step=0.2)
    found = conductivity(run, TransportSettings())
    assert found.status == "converged"
    cells = np.broadcast_to(EDGE * np.eye(3), (FRAMES, 3, 3))
    meta = {"settings": {"ensemble": "nvt", "temperature": 500.0}}
    still = conductivity(replace(run, positions=place, cells=cells, meta=meta), TransportSettings())
    assert found.diffusion == pytest.approx(still.diffusion, rel=0.02)
    assert found.conductivity == pytest.approx(still.conductivity, rel=0.03)


def test_hops_of_half_a_cell_between_frames_are_hops():
    """The runs of superion never wrap, so that no step is too long."""
    place, run = breathing(step=3.0)
    found = conductivity(run, TransportSettings())
    assert np.abs(np.diff(place[:, :40], axis=0)).max() > 0.5 * EDGE
    assert found.diffusion_interval[0] < 0.1 * 3.0**2 / (2 * TIMESTEP) < found.diffusion_interval[1]


def test_clusters_have_no_density_of_ions():
    _, run = breathing()
    with pytest.raises(InputError, match="periodic along three axes"):
        conductivity(replace(run, pbc=np.array([True, True, False])), TransportSettings())
