"""Paths in coordinates in which a random walk is uncorrelated, and how many of these are independent."""

from __future__ import annotations

import numpy as np

Array = np.ndarray
FEWEST_MODES = 10
OVERLAPPING = 64
"""So many of the slowest modes tell how many ions are independent."""


def cosine_modes(positions: Array, count: int) -> Array:
    """The slowest modes (count, N, 3) of paths (F, N, 3): 2 sin(πk/2F) times the cosine transform.

    For a random walk they are independent, each with the variance of one step. The orthonormal
    type-II cosine transform comes from one Fourier transform (Makhoul, IEEE Trans. Acoust. Speech
    Signal Process. 28, 27, 1980).
    """
    frames = len(positions)
    angle = np.pi * np.arange(1, count + 1) / (2 * frames)
    factor = np.sqrt(2 / frames) * 2 * np.sin(angle) * np.exp(-1j * angle)
    modes = np.empty((count, *positions.shape[1:]))
    for atom in range(positions.shape[1]):
        path = positions[:, atom] - positions[:, atom].mean(axis=0)
        folded = np.concatenate([path[::2], path[1::2][::-1]])
        modes[:, atom] = (np.fft.fft(folded, axis=0)[1 : count + 1] * factor[:, None]).real
    return modes


def slow_modes(msd: Array, hop_length: float) -> int:
    """Number of modes slower than one effective hop, at least ten: ω ≤ 1/τ, msd(τ) = hop_length².

    msd: (F,) Å², the mean squared displacement at every lag.
    """
    frames = len(msd)
    hopped = np.flatnonzero(msd[: frames // 2] >= hop_length**2)
    return FEWEST_MODES if not len(hopped) else max(FEWEST_MODES, int(frames / (np.pi * hopped[0])))


def participation(amplitude: Array) -> float:
    """Relative square tr C² / (tr C)² of N ions that share the covariance C (3, 3) and are independent."""
    covariance = np.einsum("kna,knb->ab", amplitude, amplitude)
    return float((covariance**2).sum() / np.trace(covariance) ** 2 / amplitude.shape[1])


def mode_overlap(amplitude: Array) -> float:
    """Mean of (Yₖ·Yₗ)² / |Yₖ|² |Yₗ|² over k ≠ l: tr C² / (tr C)² of all 3N, whatever the spectrum is."""
    flat = amplitude[:OVERLAPPING].reshape(min(len(amplitude), OVERLAPPING), -1)
    flat = flat / np.sqrt((flat * flat).sum(axis=1))[:, None]
    gram = flat @ flat.T
    return float(((gram**2).sum() - len(flat)) / (len(flat) * (len(flat) - 1)))


def counting(positions: Array, blocks: int) -> tuple[float, float]:
    """Excess fourth moment of displacements over blocks: what a finite number of events adds.

    For M rare events of length a the excess itself, the second result, is M a⁴ (Å⁴), and relative to
    the squared sum M a² of square displacements, the first result, it is 1/M: the relative variance of
    a Poisson count. For normal displacements both are zero on average, also when each ion has its own
    covariance, because the normal part of an ion comes from pairs of its different blocks.
    """
    stride = (len(positions) - 1) // blocks
    step = np.diff(positions[::stride], axis=0)
    others = len(step) - 1
    length = np.einsum("bna,bna->bn", step, step)
    fourth = (length**2).sum(axis=0)
    scatter = np.einsum("bna,bnc->nac", step, step)
    normal = (length.sum(axis=0) ** 2 - fourth + 2 * ((scatter**2).sum(axis=(1, 2)) - fourth)) / others
    excess = max(0.0, float((fourth - normal).sum()))
    return excess / float(length.sum()) ** 2 if excess else 0.0, excess


def modes_below(count: int, length: float, start: float | None) -> int:
    """How many of `count` modes of a path of some length (fs) are slower than `start` (fs), at least one."""
    return count if start is None else int(np.clip(length / (np.pi * start), 1, count))
