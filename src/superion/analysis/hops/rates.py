"""Rates of hops with intervals, how hops of one ion are correlated, and how often ions try.

Counts of independent hops are Poisson distributed (Garwood, Biometrika 28, 437, 1936). Hops that come
together count less: the interval is that of as many independent ones as explain how the counts of blocks
of time spread.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import chi2, norm

from superion.analysis.hops.frames import Frames
from superion.analysis.hops.visits import Hops

Array = np.ndarray
FEWEST = 5
"""Hops below which a rate is a bound alone."""
BLOCKS = 20
LEVEL = 0.95
PAIRS = 30
"""Pairs of hops from which on the mean of their products is taken."""
MEMORY = 20
"""Hops of an ion over which their directions may be correlated."""
FASTEST = 0.02
"""ps from frame to frame above which vibrations are not resolved."""
ALIASED = 0.1
"""Part of the vibrational spectrum in the uppermost quarter above which vibrations are not resolved."""


def dispersion(times: Array, frames: int) -> float:
    """How many times more than Poisson's counts of blocks of time spread, at least 1.

    times: of events in frames. Few events tell nothing: 1.
    """
    if len(times) < BLOCKS:
        return 1.0
    counts = np.histogram(times, bins=BLOCKS, range=(0, frames))[0]
    return max(1.0, float(counts.var(ddof=1) / counts.mean()))


def rate(count: int, exposure: float, spread: float = 1.0) -> tuple[float | None, list[float] | None, float]:
    """Rate, 95 % interval and one-sided 95 % upper bound of `count` hops in `exposure` (ion ps), in 1/ps.

    spread: from `dispersion`. Fewer than five hops give a bound alone.
    """
    if exposure <= 0:
        return None, None, float("inf")
    effective = count / spread
    bound = float(chi2.ppf(LEVEL, 2 * (effective + 1)) / 2) * spread / exposure
    if count < FEWEST:
        return None, None, bound
    low = float(chi2.ppf((1 - LEVEL) / 2, 2 * effective) / 2)
    high = float(chi2.ppf((1 + LEVEL) / 2, 2 * (effective + 1)) / 2)
    return count / exposure, [low * spread / exposure, high * spread / exposure], bound


def correlation(hops: Hops) -> tuple[float | None, list[float] | None]:
    """Correlation factor f = 1 + 2 Σ_j ⟨r_k·r_{k+j}⟩/⟨r²⟩ of the hops of one ion, with a 95 % interval.

    1: every hop forgets the one before; below 1: hops go back (Bardeen, Herring, 1952). Over up to 20 hops;
    the error is that of leaving out one ion after another. None of fewer than three ions that hopped twice.
    """
    order = np.lexsort((hops.time, hops.ion))
    ion, vector = hops.ion[order], hops.vector[order]
    parts = [vector[ion == one] for one in np.unique(ion)]
    parts = [part for part in parts if len(part) > 1]
    if len(parts) < 3:
        return None, None
    squares = np.array([(part**2).sum() for part in parts])
    counts = np.array([len(part) for part in parts])
    products = np.zeros((len(parts), MEMORY))
    pairs = np.zeros((len(parts), MEMORY))
    for k, part in enumerate(parts):
        for lag in range(1, min(MEMORY, len(part) - 1) + 1):
            products[k, lag - 1] = (part[lag:] * part[:-lag]).sum()
            pairs[k, lag - 1] = len(part) - lag

    def estimate(use: Array) -> float:
        square = squares[use].sum() / counts[use].sum()
        known = pairs[use].sum(axis=0)
        mean = products[use].sum(axis=0) / np.maximum(known, 1)
        enough = known >= PAIRS
        return float(1 + 2 * (mean * enough).sum() / square)

    everyone = np.ones(len(parts), dtype=bool)
    left = []
    for k in range(len(parts)):
        use = everyone.copy()
        use[k] = False
        left.append(estimate(use))
    spread = np.array(left) - np.mean(left)
    error = float(np.sqrt((len(parts) - 1) / len(parts) * (spread**2).sum()))
    value, half = estimate(everyone), float(norm.ppf((1 + LEVEL) / 2)) * error
    return value, [value - half, value + half]


def attempts(frames: Frames) -> tuple[float | None, str | None]:
    """Attempt frequency in THz: the mean of the spectrum of velocities of mobile ions; or why there is none.

    As in A. K. de Klerk, E. van der Maas, M. Wagemaker, ACS Appl. Energy Mater. 1, 3230 (2018).
    """
    if frames.step > FASTEST:
        return None, (
            f"no attempt frequency: frames are {1000 * frames.step:g} fs apart, vibrations need "
            f"{1000 * FASTEST:g} fs or less"
        )
    power, count = 0.0, 0
    length = 0
    for _, scaled in frames.blocks(frames.mobile):
        velocity = np.diff(scaled @ frames.cell, axis=0)
        if length and len(velocity) != length:
            continue  # the last block is shorter
        length = len(velocity)
        window = np.hanning(length)[:, None, None]
        power = power + (np.abs(np.fft.rfft(velocity * window, axis=0)) ** 2).sum(axis=(1, 2))
        count += 1
    if length < 50:
        return None, "no attempt frequency: too few frames"
    spectrum = np.asarray(power)
    frequency = np.fft.rfftfreq(length, frames.step)
    spectrum = spectrum / np.sinc(frequency * frames.step) ** 2  # differences are not derivatives
    if spectrum[3 * len(spectrum) // 4 :].sum() > ALIASED * spectrum.sum():
        return None, "no attempt frequency: vibrations are faster than frames are written"
    return float((frequency * spectrum).sum() / spectrum.sum()), None
