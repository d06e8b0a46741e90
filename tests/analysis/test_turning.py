"""Polyanions that turn in place are distinguished from a framework that flows, and are named by transport."""

from pathlib import Path

import numpy as np
import pytest
from ase.data import atomic_masses

from superion.analysis.diffusion import diffusion_coefficient, walk_coefficient
from superion.analysis.displacement import mean_squared_displacement, remove_drift
from superion.analysis.modes import slow_modes
from superion.analysis.transport import transport

TIMESTEP = 100.0  # fs


@pytest.fixture(scope="module")
def crystal():
    """Cell (3, 3) Å, atomic numbers (128,) and positions (301, 128, 3) Å of gamma-Li3PS4, 30 ps at 1600 K.

    Own dynamics with the local potential of examples/li7p3s11.yaml, 2x2x2 cells of 16 atoms, Nose-Hoover,
    steps of 2 fs after 2 ps of equilibration; every fiftieth step, rounded to 0.04 Å.
    """
    kept = np.load(Path(__file__).with_name("turning.npz"))
    start, steps = kept["start"].astype(float), kept["steps"].astype(float)
    return kept["cell"], kept["numbers"], 0.04 * np.concatenate([start[None], start + steps.cumsum(axis=0)])


def analysed(crystal, **options):
    cell, numbers, positions = crystal
    times = TIMESTEP * np.arange(len(positions))
    masses = atomic_masses[numbers]
    return transport(positions, cell, times, numbers, masses, temperature=1600.0, unwrapped=True, **options)


def neighbours(crystal, frame):
    """The nearest P of every S, and how many S are within 2.8 Å of every P."""
    cell, numbers, positions = crystal
    apart = positions[frame, numbers == 16][:, None] - positions[frame, numbers == 15]
    apart -= np.round(apart @ np.linalg.inv(cell)) @ cell
    length = np.linalg.norm(apart, axis=2)
    return length.argmin(axis=1), (length < 2.8).sum(axis=0)


def test_no_bond_of_phosphorus_is_ever_exchanged(crystal):
    """What the estimates must find: no sulfur goes anywhere."""
    owners, counts = neighbours(crystal, 0)
    for frame in range(0, 301, 10):
        now, around = neighbours(crystal, frame)
        assert (now == owners).all()
        assert (around == 4).all()
    assert (counts == 4).all()


def test_turning_is_said_of_the_framework_of_a_conductor(crystal):
    found = analysed(crystal)
    assert found.status == "converged"
    assert found.framework == {}
    assert found.conductivity == pytest.approx(4200, rel=0.1)
    (note,) = [note for note in found.notes if "leave their sites" in note]
    assert "64 of 64 S leave their sites (all 64 move 3.3 Å" in note
    assert "groups of atoms turn or change places, or the crystal begins to melt" in note
    assert analysed(crystal, discard=10.0).framework == {}


def test_turning_is_no_diffusion(crystal):
    """A line through the slow modes takes it for 2e-5 cm²/s, with a narrow interval."""
    _, numbers, positions = crystal
    sulfur = remove_drift(positions, atomic_masses[numbers])[:, numbers == 16]
    modes = slow_modes(mean_squared_displacement(sulfur), 3.0)
    line = walk_coefficient(sulfur, TIMESTEP, modes=modes)
    assert line.independent_hops > 100
    assert 0.1 * line.interval[0] > 1.5e-5
    found = diffusion_coefficient(sulfur, TIMESTEP)
    assert not found.known
    assert not found.diffusive
    assert 0.1 * found.bound < 0.1 * line.interval[0] / 3
    # sulfur at random among the corners of a tetrahedron: 2 r², r = 2.06 Å, and what vibrates beside
    assert found.plateau == pytest.approx(12.0, rel=0.1)
    result = analysed(crystal, species="S")
    assert result.status == "not diffusive"
    assert result.conductivity is None
