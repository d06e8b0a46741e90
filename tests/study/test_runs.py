"""Several runs of one crystal: joined, or side by side."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase.data import atomic_masses

from superion.analysis.conductivity import conductivity
from superion.analysis.transport_settings import TransportSettings
from superion.errors import InputError
from superion.simulation import Trajectory
from superion.simulation.runs import beside, join

NUMBERS = np.array([3] * 20 + [16] * 30)
EDGE, TIMESTEP = 12.0, 20.0
STEP = 0.35  # Å a frame along each axis: D = STEP² / 2 / TIMESTEP


def walk(seed, frames=800, ensemble="nvt", step=STEP):
    """Lithium that walks in sulphur that vibrates; at constant pressure the cell breathes."""
    rng = np.random.default_rng(seed)
    positions = rng.uniform(0, EDGE, (1, 50, 3)) + 0.05 * rng.normal(size=(frames, 50, 3))
    positions[:, :20] += step * rng.normal(size=(frames, 20, 3)).cumsum(axis=0)
    scale = np.ones((frames, 1, 1))
    if ensemble == "npt":
        scale += 0.01 * np.sin(np.arange(frames) / 7)[:, None, None]
    zero = np.zeros(frames)
    return Trajectory(
        numbers=NUMBERS,
        masses=atomic_masses[NUMBERS],
        pbc=np.array([True] * 3),
        steps=np.arange(frames),
        times=TIMESTEP * np.arange(frames),
        positions=positions * scale,
        cells=EDGE * scale * np.eye(3),
        potential_energy=zero,
        kinetic_energy=zero,
        temperature=np.full(frames, 500.0),
        conserved=zero,
        meta={"settings": {"ensemble": ensemble, "temperature": 500.0}},
    )


def cut(run, first, last):
    """Frames of a run as a run of its own, wrapped at its start and with times from zero."""
    place = run.positions[first:last] @ np.linalg.inv(run.cells[first:last])
    place -= np.floor(place[0])
    series = ("cells", "potential_energy", "kinetic_energy", "temperature", "conserved")
    return replace(
        run,
        steps=run.steps[: last - first],
        times=run.times[: last - first],
        positions=place @ run.cells[first:last],
        **{name: getattr(run, name)[first:last] for name in series},
    )


@pytest.mark.parametrize("ensemble", ["nvt", "npt"])
@pytest.mark.parametrize("again", [0, 1])
def test_parts_of_a_run_give_what_the_run_gives(ensemble, again):
    """again: frames at the end of a part that the next one repeats."""
    run = walk(1, ensemble=ensemble)
    parts = [cut(run, 0, 300), cut(run, 300 - again, 500), cut(run, 500 - again, 800)]
    whole = join(parts, ["a", "b", "c"])
    assert len(whole) == 800
    steps = [np.diff(each.positions @ np.linalg.inv(each.cells), axis=0) for each in (whole, run)]
    np.testing.assert_allclose(*steps, atol=1e-9)
    np.testing.assert_allclose(whole.times, run.times)
    found, expected = (conductivity(each, TransportSettings()) for each in (whole, run))
    assert found.status == "converged"
    assert found.diffusion == pytest.approx(expected.diffusion)


def test_runs_that_do_not_go_together_are_named():
    run = walk(1)
    with pytest.raises(InputError, match=r"second: does not go on where.*--replicas"):
        join([cut(run, 0, 300), cut(run, 400, 800)], ["first", "second"])
    hotter = replace(run, meta={"settings": {"ensemble": "nvt", "temperature": 600.0}})
    with pytest.raises(InputError, match=r"its temperature is 600\.0 K, not 500\.0 K"):
        join([run, hotter], ["first", "second"])
    with pytest.raises(InputError, match="its frames are 40 fs apart, not 20 fs"):
        beside([run, replace(run, times=2 * run.times)], ["first", "second"])
    with pytest.raises(InputError, match="its atoms are others"):
        beside([run, replace(run, numbers=NUMBERS[::-1])], [Path("first"), Path("second")])


def test_independent_runs_are_known_better_than_one():
    runs = [walk(seed) for seed in range(4)]
    one = conductivity(runs[0], TransportSettings())
    all_ = conductivity(beside(runs, list("abcd")), TransportSettings(), replicas=4)
    assert (all_.replicas, all_.ions, len(all_.replica_diffusion)) == (4, 20, 4)
    assert all_.volume == pytest.approx(one.volume)
    truth = 0.1 * STEP**2 / (2 * TIMESTEP)
    assert all_.diffusion_interval[0] < truth < all_.diffusion_interval[1]
    width, alone = (np.log(r.diffusion_interval[1] / r.diffusion_interval[0]) for r in (all_, one))
    assert width < 0.75 * alone
    # four collective paths instead of one
    assert all_.conductivity / all_.diffusion == pytest.approx(one.conductivity / one.diffusion)
    assert all_.collective_conductivity is not None
    assert np.divide(*all_.collective_interval) > 1 / 6


def test_runs_that_differ_have_the_interval_of_their_scatter():
    runs = [walk(seed, step=step) for seed, step in enumerate((0.3, 0.36, 0.4, 0.45, 0.5))]
    found = conductivity(beside(runs, list("abcde")), TransportSettings(), replicas=5)
    assert any("scatter between them" in note for note in found.notes)
    values = np.array(found.replica_diffusion)
    assert found.diffusion == pytest.approx(values.mean())
    half = 2.776 * values.std(ddof=1) / np.sqrt(5)  # Student's t with four degrees of freedom
    assert found.diffusion_interval[1] == pytest.approx(values.mean() + half, rel=1e-3)


def test_two_runs_that_contradict_each_other_give_no_value():
    found = conductivity(
        beside([walk(0, step=0.3), walk(1, step=0.6)], ["a", "b"]), TransportSettings(), replicas=2
    )
    assert found.status == "upper bound only"
    assert "differ by more than their own errors" in found.reason
