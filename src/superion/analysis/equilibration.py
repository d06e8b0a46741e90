"""Where a run has forgotten its start, and whether it is stationary after that.

The start is the one that leaves the most independent samples of the slowest component (Chodera, J. Chem.
Theory Comput. 12, 1799, 2016). How many frames make an independent one is the statistical inefficiency, one
plus twice the sum of the autocorrelation, summed while pairs of neighbours are positive (Geyer, Stat. Sci. 7,
473, 1992). Averages over the two halves of what is left must then agree.

A start may also be louder than what follows: after a field was switched on a crystal swings about its new
mean, which neither that mean nor the correlation of near frames tells. So the square distance from the late
mean, averaged over a twentieth of the run, is followed: if it is at first much larger than it ever is in the
second half, frames are left out until it comes down to the late average.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft

Array = np.ndarray
STARTS = 60
"""Starts that are tried, evenly over the first `LATEST` of the run."""
LATEST = 0.8
GAIN = 1.2
"""How many times more samples a start must leave than the whole run for frames to be left out."""
FEWEST = 20
"""Independent samples below which nothing can be said."""
BLOCKS = 5
"""Of a half."""
WINDOWS = 20
"""Windows in a run, over which swings are averaged."""
LOUD = 1.5
"""Times the loudest window of the second half above which the first one is no chance."""
ENDURING = 0.4
"""Part of a run after which swings of its start must have died away."""
FAR = 4.0
"""Standard errors by which halves may differ."""


@dataclass(frozen=True, slots=True)
class Stationary:
    """What is stationary of a series.

    start: number of the first frame that counts. samples: independent ones of its slowest component.
    status: "stationary", "not stationary" or "too short". reason: why it is not, or "".
    """

    start: int
    samples: float
    status: str
    reason: str = ""


def inefficiency(series: Array) -> float:
    """Frames for each independent one of a series (F,): at least 1; F for a constant."""
    x = np.asarray(series, dtype=np.float64)
    count = len(x)
    x = x - x.mean()
    if count < 4 or not x.any():
        return float(max(count, 1))
    power = np.abs(fft.rfft(x, fft.next_fast_len(2 * count))) ** 2
    correlation = fft.irfft(power, fft.next_fast_len(2 * count))[:count]
    correlation /= correlation[
        0
    ]  # each lag over all frames: the last ones count less, as they are known less
    pairs = correlation[: count // 2 * 2].reshape(-1, 2).sum(axis=1)
    falls = np.flatnonzero(pairs <= 0)
    end = int(falls[0]) if len(falls) else len(pairs)
    return float(np.clip(2 * np.minimum.accumulate(pairs[:end]).sum() - 1, 1.0, count))


def equilibrated(series: Array, start: int | None = None) -> Stationary:
    """Start and state of a series (F, K), its components along K; start: given, or None to find it.

    Constant components do not count.
    """
    x = np.asarray(series, dtype=np.float64).reshape(len(series), -1)
    x = x[:, np.ptp(x, axis=0) > 0]
    swinging = _swings(x)
    if start is None:
        found = _found(x)
        start = max(found, swinging)
        lasting = swinging > max(ENDURING * len(x), GAIN * found)  # a drift is judged by the halves
    else:
        lasting = swinging > start
    left = x[start:]
    if left.shape[1] == 0 or len(left) < 4:
        return Stationary(start, float(len(left)), "stationary" if len(left) >= FEWEST else "too short")
    samples = min(len(left) / inefficiency(column) for column in left.T)
    reason = _differs(left)
    if lasting and not reason:
        reason = f"its swings at the start take {100 * swinging / len(x):.0f} % of the run to die away."
    if reason:
        return Stationary(start, samples, "not stationary", reason)
    if samples < FEWEST:
        return Stationary(
            start,
            samples,
            "too short",
            f"the run has {samples:.2g} independent samples, and {FEWEST} are the fewest for an average.",
        )
    return Stationary(start, samples, "stationary")


def _found(x: Array) -> int:
    """The start that leaves the most samples; 0 unless it leaves many more than the whole."""
    if x.shape[1] == 0 or len(x) < 2 * FEWEST:
        return 0
    starts = np.unique((LATEST * len(x) * np.arange(STARTS) / STARTS).astype(int))
    samples = [min((len(x) - k) / inefficiency(column[k:]) for column in x.T) for k in starts]
    best = int(np.argmax(samples))
    return int(starts[best]) if samples[best] > GAIN * samples[0] else 0


def _swings(x: Array) -> int:
    """The frame after which swings are as in the second half, where the first are louder; otherwise 0."""
    length, half = len(x) // WINDOWS, len(x) // 2
    if x.shape[1] == 0 or length < 2:
        return 0
    found = 0
    for column in x.T:
        square = (column - column[half:].mean()) ** 2
        loudness = np.convolve(square, np.full(length, 1 / length), "valid")
        if loudness[0] > LOUD * loudness[half:].max():
            quiet = np.flatnonzero(loudness[:half] <= square[half:].mean())
            found = max(found, int(quiet[0]) if len(quiet) else half)
    return found


def _differs(x: Array) -> str:
    """How means or variances of the two halves differ, or ""."""
    halves = np.array_split(x, 2)
    for what, change in (("mean", lambda part: part), ("variance", _squared)):
        centred = [change(part) for part in halves]
        means = [part.mean(axis=0) for part in centred]
        squares = [_standard_error(part) ** 2 for part in centred]
        apart = np.abs(means[1] - means[0]) / np.sqrt(squares[0] + squares[1])
        if apart.max() > FAR:
            return (
                f"its {what} in the first half differs from that in the second by {apart.max():.2g} errors."
            )
    return ""


def _squared(part: Array) -> Array:
    return np.asarray((part - part.mean(axis=0)) ** 2)


def _standard_error(part: Array) -> Array:
    """(K,) of the mean: by the inefficiency or by blocks, whichever is larger.

    What swings, such as a vibration that is hardly damped, has a correlation that changes its sign long
    before it ends, which the inefficiency does not see.
    """
    each = np.array([inefficiency(column) for column in part.T])
    single = part.var(axis=0, ddof=1) * each / len(part)
    means = np.array([block.mean(axis=0) for block in np.array_split(part, BLOCKS)])
    return np.asarray(np.sqrt(np.maximum(single, means.var(axis=0, ddof=1) / BLOCKS)) + 1e-300)
