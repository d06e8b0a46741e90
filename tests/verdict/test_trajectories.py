"""Few trajectories, frames that remember each other: intervals hold the truth, claims err as they say."""

import numpy as np
import pytest

from superion.structures.clusters import Stratum
from superion.study.resample import _drawn
from superion.verdict.uncertain import Uncertain, fit_part, frames_part, memory

ALL = [1, 2, 3, 5, 10, 20]


def remembering(rng, memory, shape):
    noise = rng.normal(size=shape)
    for k in range(1, shape[-1]):
        noise[..., k] = memory * noise[..., k - 1] + np.sqrt(1 - memory**2) * noise[..., k]
    return noise


def gain(means):
    return float(np.log(means[0] / means[1]) / 2)


def made_sets(trajectories, tables, seed=0, frames=60, between=0.2, memory=0.8):
    """Squares (2, F) of two potentials on frames of trajectories, and the logarithm of the true ratio.

    The second errs less by exp(w), w of the trajectory and of the frame; both find the same frames hard.
    """
    rng = np.random.default_rng(seed)
    between = between if trajectories > 1 else 0.0
    for _ in range(tables):
        noise = remembering(rng, memory, (2, trajectories, frames))
        hard = np.exp(0.3 * noise[0])
        other = hard * np.exp(0.2 * noise[1] + between * rng.normal(size=(trajectories, 1)))
        yield np.array([hard.ravel(), other.ravel()]), -(0.2**2 + between**2) / 4


def covered(trajectories, tables, **more):
    """Shares of tables whose 95 % interval holds the truth, and that claim 5 % the truth is above it."""
    names = [str(t) for t in range(trajectories) for _ in range(more.get("frames", 60))]
    inside = false = 0
    for samples, truth in made_sets(trajectories, tables, **more):
        part = frames_part(samples, gain, names)
        found = Uncertain(gain(samples.mean(axis=1)), {"test frames": part})
        low, high = found.interval()
        inside += low < truth < high
        false += found.above(truth) <= 0.05
    return inside / tables, false / tables


@pytest.mark.parametrize("trajectories", ALL)
def test_intervals_from_few_test_trajectories_hold_the_truth(trajectories):
    tables = 250
    frames = 300 if trajectories == 1 else 60
    inside, false = covered(trajectories, tables, frames=frames)
    assert inside > 0.95 - 3 * np.sqrt(0.05 * 0.95 / tables)
    assert false < 0.05 + 3 * np.sqrt(0.05 * 0.95 / tables)


def test_frames_taken_for_independent_tell_less_than_half_of_the_error():
    ratios = []
    for samples, _ in made_sets(5, 40):
        names = np.repeat(list("abcde"), 60)
        whole, single = (
            frames_part(samples, gain, own) for own in (names.tolist(), list(map(str, range(300))))
        )
        ratios.append(np.sqrt(whole.variance / single.variance))
    assert np.median(ratios) > 2


@pytest.mark.physics
@pytest.mark.parametrize("trajectories", ALL)
def test_intervals_and_error_rates_in_many_tables(trajectories):
    tables = 3000
    frames = 300 if trajectories == 1 else 60
    inside, false = covered(trajectories, tables, frames=frames, seed=1)
    assert inside > 0.93
    assert false < 0.07


def test_a_trajectory_that_rules_leaves_few_degrees_of_freedom():
    rng = np.random.default_rng(0)
    long = np.ones((2, 100)) * np.exp(0.1 * rng.normal(size=(2, 100)))
    names = ["a"] * 91 + [f"b{k}" for k in range(9)]
    assert frames_part(long, gain, names).freedom == 0.5
    even = [str(k // 10) for k in range(100)]
    assert frames_part(long, gain, even).freedom == pytest.approx(9, abs=0.1)


def test_a_trajectory_within_its_memory_tells_nothing():
    rng = np.random.default_rng(1)
    walk = np.exp(0.1 * np.cumsum(rng.normal(size=(2, 12)), axis=1))
    assert memory(walk[0] - walk[1]) > 2.4
    assert frames_part(walk, gain, ["a"] * 12) is None
    assert memory(rng.normal(size=4000)) == pytest.approx(1, abs=0.2)
    course = remembering(rng, 0.8, (40000,))
    assert memory(course) == pytest.approx(1.8 / 0.2, rel=0.15)  # (1 + ρ)/(1 − ρ)


def drawn_means(values, fits, seed):
    """Means over the units of each draw; values (N, n)."""
    count = values.shape[1]
    unit = [Stratum("trajectory", "", tuple((k,) for k in range(count)))]
    weights = [np.bincount(_drawn(unit, seed, k, 0), minlength=count) for k in range(1, fits + 1)]
    return np.array([values @ w / w.sum() for w in weights])


@pytest.mark.parametrize("fits", [3, 5, 10])
@pytest.mark.parametrize("trajectories", [2, 3, 5, 10, 20])
def test_intervals_from_fits_to_resampled_trajectories_hold_the_truth(trajectories, fits):
    """The "fit" is a mean over trajectories; 20 designs of 100 tables each."""
    rng, inside, tables = np.random.default_rng(trajectories), 0, 0
    for seed in range(20):
        values = rng.normal(size=(100, trajectories))
        main, resampled = values.mean(axis=1), drawn_means(values, fits, seed)
        for k in range(100):
            part = fit_part(resampled[:, k], trajectories - 1)
            low, high = Uncertain(main[k], {"fit": part}).interval()
            inside += low < 0 < high
            tables += 1
    assert inside / tables > 0.95 - 3 * np.sqrt(0.05 * 0.95 / tables)


def test_the_spread_over_whole_rounds_is_that_of_a_mean():
    """s²/n; times n/(n − 1) for n draws without chance in common, less what they share of n(n − 1) places."""
    rng, n = np.random.default_rng(2), 4
    values = rng.normal(size=(1, n))
    spreads = [drawn_means(values, n, seed).var(axis=0, ddof=1)[0] for seed in range(1000)]
    expected = values.var(ddof=1) / n * n / (n - 1) * (1 - (n - 2) / (n * (n - 1) - 1))
    assert np.mean(spreads) == pytest.approx(expected, rel=0.06)
