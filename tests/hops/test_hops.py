"""Hops of walkers on lattices: rates, correlation, networks, free energies, strings, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from ase import units
from ase.io import write
from lattice import KELVIN, SIDE, crystal, trajectory, walk

from superion.analysis.hops import HopSettings, exported, find_hops, hops, isolated
from superion.analysis.hops.network import percolation
from superion.analysis.hops.rates import correlation, dispersion, rate
from superion.analysis.hops.visits import Hops
from superion.calculations.barriers import hops_in
from superion.errors import InputError

STEP = 0.1
EXACT = {"residence": 0.0}


@pytest.fixture(scope="module")
def sites(tmp_path_factory):
    file = tmp_path_factory.mktemp("sites") / "crystal.extxyz"
    moved = crystal()
    moved.positions += 1.0  # another origin
    write(file, moved)
    return str(file)


def apart(rng, ions, **how):
    """Walkers that begin at different sites."""
    grid = np.stack(np.meshgrid(*3 * [np.arange(3)], indexing="ij"), -1).reshape(-1, 3)
    places, total = walk(rng, ions, **how)
    return places + grid[:ions], total


def test_every_hop_is_found_in_a_cell_that_breathes_drifts_and_rattles(sites):
    rng = np.random.default_rng(0)
    places, total = apart(rng, 12, frames=800, step=STEP, rate=0.05)
    run = trajectory(places, STEP, rng, vibration=0.1, breathing=0.02, drift=0.004)
    found = {how: hops(run, HopSettings(sites=how, occupied=0.01, **EXACT)) for how in (sites, "density")}
    for how, result in found.items():
        assert result.hops == pytest.approx(total, abs=2), how  # two hops in one frame are one, or none
        assert len(result.site_places) == 27 or how == "density"  # which knows visited sites alone
        assert result.percolation == 3
        assert result.jumps[0].length_A == pytest.approx(SIDE, abs=0.15)
    by_crystal = found[sites]
    assert by_crystal.kinds[0].name.startswith("Li1(")
    low, high = by_crystal.rate_interval_per_ps
    assert low < 0.05 < high
    d = SIDE**2 / 6 * 0.05 * 1e-4
    low, high = by_crystal.jump_diffusion_interval_cm2_per_s
    assert low < d < high
    assert by_crystal.kinds[0].occupation == pytest.approx(12 / 27, rel=1e-6)
    assert by_crystal.kinds[0].residence_ps == pytest.approx(1 / by_crystal.rate_per_ps, rel=1e-6)


def test_rattling_is_no_hop(sites):
    places = np.zeros((400, 6, 3), dtype=int)
    places[:, :, 0] = np.arange(6) % 3
    places[:, 3:, 1] = 1
    places[50::40, 0, 2] += 1  # for one frame
    places[200:, 1, 2] += 1  # for good
    run = trajectory(places, STEP)
    counted = {
        residence: hops(run, HopSettings(sites=sites, residence=residence)) for residence in (0.0, 0.2)
    }
    assert counted[0.0].hops == 2 * len(range(50, 400, 40)) + 1
    assert counted[0.2].hops == 1
    assert counted[0.2].brief == len(range(50, 400, 40))
    assert counted[0.2].status == "few hops"
    assert counted[0.2].rate_per_ps is None
    assert any("rates depend on --residence" in note for note in counted[0.2].notes)


def test_ions_that_never_leave_give_a_bound(sites):
    rng = np.random.default_rng(1)
    places, _ = apart(rng, 9, frames=300, step=STEP, rate=0.0)
    result = hops(trajectory(places, STEP, rng, vibration=0.1), HopSettings(sites=sites))
    assert result.status == "no hops"
    assert result.rate_per_ps is None
    assert result.rate_bound_per_ps == pytest.approx(-np.log(0.05) / (9 * 30.0))
    assert result.jumps == []
    assert result.percolation == 0
    assert result.kinds[0].empty == 18
    assert any("18 sites are never visited" in note for note in result.notes)


@pytest.mark.parametrize("doubled", [False, True])
def test_intervals_of_rates_cover(doubled):
    """Also where every hop brings another, so that counts spread twice as much."""
    rng = np.random.default_rng(2)
    held, tries, true = 0, 1500, 0.02
    for _ in range(tries):
        times = rng.uniform(0, 1000, rng.poisson(100))
        times = np.repeat(times, 2) if doubled else times
        _, interval, bound = rate(len(times), 100 / true * (1 + doubled), dispersion(times, 1000))
        held += interval[0] <= true <= interval[1]
        assert bound > 0
    assert 0.90 < held / tries < 0.99
    few = [rate(int(n), 100.0)[2] >= 0.04 for n in rng.poisson(4.0, tries)]
    assert 0.90 < np.mean(few) < 0.99


def test_the_correlation_factor_of_hops_that_turn_back_is_known():
    """Steps that reverse with probability p, else forget: f = (1 − p)/(1 + p)."""
    for turning in (0.0, 0.4):
        truth = (1 - turning) / (1 + turning)
        rng, held = np.random.default_rng(3), 0
        for _ in range(40):
            value, interval = correlation(chains(rng, 20, 60, turning))
            held += interval[0] <= truth <= interval[1]
        assert held >= 36  # 95 % of 40, less three standard errors
        value, _ = correlation(chains(rng, 200, 200, turning))
        assert value == pytest.approx(truth, abs=0.02 + 0.03 * truth)


def chains(rng, ions, length, turning) -> Hops:
    vectors = np.zeros((ions, length, 3))
    vectors[np.arange(ions)[:, None], np.arange(length), rng.integers(3, size=(ions, length))] = rng.choice(
        [-1.0, 1.0], (ions, length)
    )
    back = rng.random((ions, length)) < turning
    for k in range(1, length):
        vectors[back[:, k], k] = -vectors[back[:, k], k - 1]
    ion, time = (values.ravel() for values in np.mgrid[:ions, :length])
    none = np.zeros(ions * length, dtype=int)
    return Hops(ion, none, none, vectors.reshape(-1, 3), time, time, none, none)


def test_rings_do_not_percolate_and_rows_do():
    ring = np.array([[0, 1, 0, 0, 0], [1, 2, 0, 0, 0], [0, 2, 0, 0, 0]])
    assert percolation(ring, 3) == 0
    row = np.array([[0, 1, 0, 0, 0], [0, 1, -1, 0, 0]])
    assert percolation(row, 2) == 1
    assert percolation(np.concatenate([row, [[0, 0, 0, 1, 1]]]), 2) == 2


def test_the_free_energy_of_a_bottleneck_is_that_of_boltzmann(sites):
    """Ions along x in U = ½ h (1 − cos 2πx/a), harmonic across."""
    rng, height = np.random.default_rng(4), 0.15
    kt = units.kB * KELVIN
    x = rng.uniform(-1.5, 1.5, (1500, 27, 3))
    weight = np.exp(-height * (1 - np.cos(2 * np.pi * x[..., 0] / SIDE)) / 2 / kt)
    x[..., 1:] = rng.normal(0, 0.2, x[..., 1:].shape)
    taken = rng.random(weight.shape) < weight
    grid = np.stack(np.meshgrid(*3 * [np.arange(3)], indexing="ij"), -1).reshape(-1, 3)
    last = np.zeros((27, 3))
    path = np.empty_like(x)
    for k in range(len(x)):  # independent draws, the last one again where none was taken
        last = np.where(taken[k][:, None], x[k], last)
        path[k] = last
    path[1::2, :9, 0] += SIDE  # some hop, so that there is a connection
    run = trajectory((path + grid * SIDE) / SIDE, 1.0)
    result = hops(run, HopSettings(sites=sites, **EXACT))
    jump = max(result.jumps, key=lambda one: one.hops)
    assert not jump.bottleneck_is_bound
    assert jump.bottleneck_eV == pytest.approx(height, abs=0.015)


def test_ions_that_follow_each_other_are_told_from_chance():
    rng = np.random.default_rng(5)
    places = np.zeros((2000, 6, 3), dtype=int)
    places[:, :, 1] = np.array([0, 0, 1, 1, 2, 2])
    places[:, 1::2, 0] = 1
    for at in np.sort(rng.choice(np.arange(20, 1980, 24), 30, replace=False)).tolist():
        row = 2 * int(rng.integers(3))
        places[at:, row + 1, 0] += 1  # the one in front
        places[at + 2 :, row, 0] += 1  # and the one behind it
    result = hops(trajectory(places, STEP), HopSettings(**EXACT))
    assert result.hops == 60
    assert result.strings == {"2": 30}
    assert result.followed == 30
    assert result.followed_p < 0.01
    alone = np.zeros((2000, 6, 3), dtype=int)
    alone[:, :, 1:] = np.stack(np.divmod(np.arange(6), 3), 1)
    moves, _ = walk(rng, 6, 2000, STEP, 0.04, axes=1)
    result = hops(trajectory(alone + moves, STEP), HopSettings(**EXACT))
    assert result.followed_p > 0.05


def test_a_hop_alone_is_exported_for_neb():
    places = np.zeros((300, 2, 3), dtype=int)
    places[:, 1] = (1, 1, 1)
    places[100:, 0, 0] += 1
    places[200:, 0, 1] += 1
    places[205:, 1, 1] += 1  # not alone
    rng = np.random.default_rng(6)
    found = find_hops(trajectory(places, STEP, rng, vibration=0.05), HopSettings())
    frames = exported(found, isolated(found, 6.0, 10, 5))
    (hop,) = hops_in(frames)
    assert hop.mover == 0
    np.testing.assert_allclose(hop.final.positions[0] - hop.initial.positions[0], [SIDE, 0, 0], atol=0.2)
    assert frames[0].info["time_ps"] == pytest.approx(10.0, abs=0.1)
    assert np.sort(hop.way)[-2] < 0.3


def test_what_cannot_be_analysed_is_refused(sites, tmp_path):
    run = trajectory(np.zeros((50, 1, 3), dtype=int), STEP)
    with pytest.raises(InputError, match=r"1 sites of Li were found.*--sites FILE"):
        hops(run, HopSettings())
    with pytest.raises(InputError, match="there is no Na"):
        hops(run, HopSettings(species="Na"))
    with pytest.raises(InputError, match="there is no Cl"):
        hops(run, HopSettings(framework=("Cl",)))
    other = crystal()
    other.set_cell(other.cell * 1.3)
    write(tmp_path / "other.extxyz", other)
    with pytest.raises(InputError, match="differs from that of the run"):
        hops(run, HopSettings(sites=str(tmp_path / "other.extxyz")))
    twice = crystal()
    twice += twice[:3]
    twice.positions[-3:] += 0.25
    write(tmp_path / "twice.extxyz", twice)
    result = hops(run, HopSettings(sites=str(tmp_path / "twice.extxyz")))
    assert any("sites overlap: 0, 1, 2, 27, 28 and 1 others are closer" in note for note in result.notes)


def test_frames_too_far_apart_are_said(sites):
    rng = np.random.default_rng(7)
    places, _ = apart(rng, 9, frames=400, step=STEP, rate=8.0)
    result = hops(trajectory(places, STEP), HopSettings(sites=sites, **EXACT))
    assert any("hops are missed; write frames more often" in note for note in result.notes)
    assert any("no attempt frequency: frames are 100 fs apart" in note for note in result.notes)


def test_the_attempt_frequency_is_that_of_the_vibration(sites):
    """A harmonic ion at 5 THz, frames every 10 fs."""
    rng, step = np.random.default_rng(8), 0.01
    time = np.arange(1000) * step
    wave = 0.1 * np.sin(2 * np.pi * 5 * time[:, None, None] + rng.uniform(0, 6, (1, 9, 3)))
    grid = np.stack(np.meshgrid(*3 * [np.arange(3)], indexing="ij"), -1).reshape(-1, 3)[:9]
    result = hops(trajectory(grid + wave / SIDE, step), HopSettings(sites=sites))
    assert result.attempt_frequency_THz == pytest.approx(5, abs=0.1)
