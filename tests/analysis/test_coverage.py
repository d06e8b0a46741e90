"""The 95 % interval of a diffusion coefficient covers the truth in at least 90 of 100 repetitions.

Every process here has a diffusion coefficient that is known exactly. Lengths are given as the expected
number of effective hops of 3 Å of all ions together.
"""

import numpy as np
import pytest
from scipy import fft, stats

from superion.analysis.diffusion import diffusion_coefficient, poisson_upper
from superion.analysis.modes import cosine_modes

TIMESTEP = 10.0
HOP = 3.0


def vibration(rng, shape, sigma, memory):
    """Stationary Gaussian process (frames first) with correlation memory^|lag|."""
    noise = rng.normal(size=shape) * sigma * np.sqrt(1 - memory**2)
    noise[0] = rng.normal(size=shape[1:]) * sigma
    for frame in range(1, shape[0]):
        noise[frame] += memory * noise[frame - 1]
    return noise


def brownian(rng, frames, ions, diffusion):
    return np.cumsum(rng.normal(size=(frames, ions, 3)) * np.sqrt(2 * diffusion * TIMESTEP), axis=0)


def ballistic(rng, frames, ions, diffusion, relaxation=20.0):
    """Walkers that keep their velocity for a while (Ornstein-Uhlenbeck velocities)."""
    memory = np.exp(-TIMESTEP / relaxation)
    step = np.sqrt(2 * diffusion * TIMESTEP * (1 - memory) / (1 + memory))
    return np.cumsum(step * vibration(rng, (frames, ions, 3), 1.0, memory), axis=0)


def caged(rng, frames, ions, diffusion):
    """Brownian cages with fast motion inside."""
    return brownian(rng, frames, ions, diffusion) + vibration(rng, (frames, ions, 3), 0.5, 0.8)


def hopping(rng, frames, ions, diffusion, hop=HOP, together=1, back=0.0):
    """Vibrating ions on a cubic lattice; `together` ions hop at once, and a hop is undone by the next
    one with probability `back`, which reduces the diffusion coefficient by (1 - back) / (1 + back)."""
    rate = 6 * diffusion / hop**2 * (1 + back) / (1 - back)
    steps = np.zeros((frames, ions, 3))
    for first in range(0, ions, together):
        count = rng.poisson(rate * frames * TIMESTEP)
        axis = rng.integers(0, 3, count)
        length = hop * rng.choice([-1.0, 1.0], count)
        for k in np.flatnonzero(rng.random(count) < back):
            if k > 0:
                axis[k], length[k] = axis[k - 1], -length[k - 1]
        frame = np.sort(rng.integers(0, frames, count))
        for ion in range(first, min(first + together, ions)):
            np.add.at(steps, (frame, ion, axis), length)
    return np.cumsum(steps, axis=0) + vibration(rng, (frames, ions, 3), 0.3, 0.5)


def coverage(process, hops, frames, ions, repetitions=300, seed=1, **options):
    """Fractions of repetitions whose interval (or bound) holds the truth, and with a value; mean ratio."""
    rng = np.random.default_rng(seed)
    truth = hops * HOP**2 / (6 * frames * TIMESTEP * ions)
    held, known, ratio = 0, 0, []
    for _ in range(repetitions):
        found = diffusion_coefficient(process(rng, frames, ions, truth, **options), TIMESTEP)
        low, high = found.interval if found.known else (0.0, found.bound)
        held += low <= truth <= high
        known += found.known
        ratio.append(found.value / truth)
    return held / repetitions, known / repetitions, float(np.mean(ratio))


@pytest.mark.parametrize(
    ("process", "hops", "frames", "ions", "options"),
    [
        (brownian, 30, 200, 14, {}),
        (brownian, 300, 500, 14, {}),
        (brownian, 3000, 2000, 14, {}),
        (brownian, 150, 500, 1, {}),
        (brownian, 1000, 500, 60, {}),
        (ballistic, 100, 500, 14, {}),
        (caged, 300, 1000, 14, {}),
        (hopping, 20, 500, 14, {}),
        (hopping, 60, 500, 14, {}),
        (hopping, 300, 500, 14, {}),
        (hopping, 2000, 1000, 14, {}),
        (hopping, 60, 500, 3, {}),
        (hopping, 100, 500, 14, {"hop": 4.0}),
        (hopping, 300, 500, 14, {"together": 3}),
        (hopping, 600, 1000, 14, {"back": 0.4}),
    ],
)
def test_interval_covers_the_truth(process, hops, frames, ions, options):
    covered, known, ratio = coverage(process, hops, frames, ions, **options)
    # the lower end leaves room for cages that nobody can see in so short a run
    assert covered >= 0.90
    assert ratio == pytest.approx(1.0, abs=0.06)
    if hops / ions > 12:
        assert known >= 0.75


@pytest.mark.parametrize("hops", [0.3, 3.0, 6.0, 10.0])
def test_bound_holds_when_hops_are_few(hops):
    covered, _, _ = coverage(hopping, hops, 500, 14)
    assert covered >= 0.92


@pytest.mark.parametrize(
    ("frames", "ions", "memory"), [(500, 14, 0.0), (500, 14, 0.8), (500, 1, 0.8), (2000, 56, 0.9)]
)
def test_bound_of_ions_that_only_vibrate_is_a_few_hops(frames, ions, memory):
    rng = np.random.default_rng(5)
    hop = HOP**2 / (6 * frames * TIMESTEP * ions)
    for _ in range(40):
        found = diffusion_coefficient(vibration(rng, (frames, ions, 3), 0.3, memory), TIMESTEP)
        assert 2.9 < found.bound / hop < 10


@pytest.mark.physics
@pytest.mark.parametrize(
    ("process", "hops", "frames", "ions", "options"),
    [
        (brownian, 20000, 10000, 14, {}),
        (brownian, 3000, 2000, 200, {}),
        (ballistic, 3000, 5000, 14, {}),
        (caged, 3000, 5000, 14, {}),
        (hopping, 3000, 5000, 14, {}),
        (hopping, 150, 2000, 60, {}),
        (hopping, 3000, 5000, 14, {"together": 5}),
        (hopping, 3000, 5000, 14, {"back": 0.5}),
        (hopping, 150, 2000, 14, {"hop": 2.0}),
    ],
)
def test_interval_covers_the_truth_in_long_trajectories(process, hops, frames, ions, options):
    covered, known, ratio = coverage(process, hops, frames, ions, **options)
    assert covered >= 0.90
    assert ratio == pytest.approx(1.0, abs=0.04)
    if hops / ions > 12:
        assert known >= 0.95


def test_values_of_long_walks_are_known_well():
    """The line alone has ratios of the ends of 1.8 and 1.3."""
    rng = np.random.default_rng(9)
    for process, hops, frames, widest in ((brownian, 300, 500, 2.4), (brownian, 3000, 2000, 1.4)):
        truth = hops * HOP**2 / (6 * frames * TIMESTEP * 14)
        found = [diffusion_coefficient(process(rng, frames, 14, truth), TIMESTEP) for _ in range(40)]
        assert all(each.known for each in found)
        assert np.median([each.interval[1] / each.interval[0] for each in found]) < widest


def test_cosine_modes_are_those_of_scipy():
    for frames in (100, 101):
        path = brownian(np.random.default_rng(2), frames, 3, 0.01)
        k = np.arange(1, frames)
        expected = fft.dct(path, type=2, axis=0, norm="ortho")[1:]
        expected *= 2 * np.sin(np.pi * k / (2 * frames))[:, None, None]
        np.testing.assert_allclose(cosine_modes(path, frames - 1), expected, atol=1e-10)


def test_modes_of_a_random_walk_are_independent_with_the_variance_of_a_step():
    walks = brownian(np.random.default_rng(3), 60, 20000, 0.05)
    modes = cosine_modes(walks, 59).reshape(59, -1)
    covariance = modes @ modes.T / modes.shape[1]
    step = 2 * 0.05 * TIMESTEP
    np.testing.assert_allclose(covariance, step * np.eye(59), atol=6 * step / np.sqrt(modes.shape[1]) * 1.5)


def test_poisson_bound_against_the_exact_one():
    for events in (0.0, 0.4, 1.0, 5.0, 20.0):
        assert poisson_upper(events) == pytest.approx(stats.chi2.ppf(0.95, 2 * (events + 1)) / 2, rel=0.01)


def test_tensor_of_ions_that_move_along_one_direction():
    rng = np.random.default_rng(4)
    direction = np.array([1.0, 2.0, 2.0]) / 3
    path = brownian(rng, 2000, 50, 0.05)[:, :, :1] * direction
    found = diffusion_coefficient(path, TIMESTEP)
    np.testing.assert_allclose(found.tensor, 3 * found.value * np.outer(direction, direction), rtol=1e-8)
    assert found.interval[0] < 0.05 / 3 < found.interval[1]


def test_ions_that_move_together_count_once():
    path = brownian(np.random.default_rng(6), 2000, 5, 0.02)
    alone = diffusion_coefficient(path, TIMESTEP)
    triples = diffusion_coefficient(np.repeat(path, 3, axis=1), TIMESTEP)
    assert triples.value == pytest.approx(alone.value)
    assert triples.hops == pytest.approx(3 * alone.hops)
    assert triples.independent_hops == pytest.approx(alone.independent_hops, rel=0.1)
    assert triples.variance == pytest.approx(alone.variance, rel=0.1)
