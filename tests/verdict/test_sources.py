import numpy as np
import pytest

from superion.verdict.uncertain import Uncertain, fit_part, frames_part, other_part


def test_the_spread_of_resampled_fits_is_the_standard_error_of_one():
    """The "fit" is the mean of 40 numbers, whose standard error is known."""
    rng = np.random.default_rng(0)
    data = rng.normal(size=40)
    means = rng.choice(data, size=(4000, 40)).mean(axis=1)
    part = fit_part(means)
    assert np.sqrt(part.variance) == pytest.approx(data.std() / np.sqrt(40), rel=0.04)
    assert part.freedom == 3999


@pytest.mark.parametrize("fits", [3, 5, 10])
def test_intervals_from_a_few_resampled_fits_hold_the_truth(fits):
    """4000 times data, a fit to them, and a few to resampled data; 95 % within three binomial errors."""
    rng, count = np.random.default_rng(fits), 4000
    data = rng.normal(1.0, 2.0, size=(count, 100))
    drawn = rng.integers(100, size=(fits, count, 100))
    fitted = data.mean(axis=1)
    resampled = np.take_along_axis(data[None], drawn, axis=2).mean(axis=2)
    inside = 0
    for k in range(count):
        low, high = Uncertain(fitted[k], {"fit": fit_part(resampled[:, k])}).interval()
        inside += low < 1.0 < high
    assert inside / count == pytest.approx(0.95, abs=3 * np.sqrt(0.05 * 0.95 / count))


def test_errors_that_resampled_values_have_too_are_not_counted_twice():
    assert other_part([0.3, 0.4], [[0.3, 0.4]] * 3).variance == 0
    assert other_part([0.3, 0.4], [[0.9, 0.4]] * 3).variance == 0
    assert other_part([0.3, 0.4], [[0.3, None]] * 3).variance == pytest.approx(0.16)
    assert other_part([None, 0.4], [[None, None]] * 3).variance == pytest.approx(0.16)
    assert other_part([None, None], []).variance == 0


def test_what_test_frames_have_in_common_cancels():
    rng = np.random.default_rng(1)
    hard = rng.chisquare(3, size=200)

    def gain(means):
        return np.sqrt(means[0]) - np.sqrt(means[1])

    assert frames_part([hard, 0.81 * hard], gain).variance < 0.02 * frames_part([hard], np.sqrt).variance


@pytest.mark.parametrize("memory", [0.0, 0.6])
def test_intervals_from_test_frames_hold_the_truth(memory):
    """800 test sets of 300 frames, with and without memory from frame to frame."""
    rng, count, frames = np.random.default_rng(2), 800, 300
    noise = rng.normal(size=(count, 2, frames))
    for k in range(1, frames):
        noise[:, :, k] = memory * noise[:, :, k - 1] + np.sqrt(1 - memory**2) * noise[:, :, k]
    squares = np.exp(noise - 0.5) * np.array([1.0, 0.5])[:, None]  # of mean 1 and 0.5

    def gain(means):
        return float(np.sqrt(means[0]) - np.sqrt(means[1]))

    inside = 0
    for samples in squares:
        part = frames_part(samples, gain)
        assert 1 <= part.freedom <= 9
        low, high = Uncertain(gain(samples.mean(axis=1)), {"test frames": part}).interval()
        inside += low < 1 - np.sqrt(0.5) < high
    assert 0.93 < inside / count < 0.97


def test_too_few_frames_do_not_tell():
    assert frames_part([np.ones(9)], float) is None
    assert frames_part([np.eye(30)[4], np.ones(30)], lambda means: float(means[0])) is None
