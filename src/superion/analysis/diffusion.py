"""Diffusion coefficient of a set of ions, with an interval that covers the truth.

Neighbouring points of a mean squared displacement are strongly correlated, so that a straight line
through it has no honest error bar (Bullerjahn, von Bülow, Hummer, J. Chem. Phys. 153, 024116, 2020;
McCluskey et al., J. Chem. Theory Comput. 21, 79, 2025). The coordinates in which a random walk is
*uncorrelated* are the cosine modes of the whole path: with the orthonormal discrete cosine transform
Xₖ of F frames, spaced Δt, the quantities

    Yₖ = 2 sin(πk / 2F) Xₖ / √(2Δt),   k = 1 … F − 1,

are independent and normal with variance D + c sₖ, sₖ = 4 sin²(πk / 2F), for a random walk of diffusion
coefficient D whose every frame carries independent noise (a vibration): the discrete cosine transform
diagonalises both covariances. This is the power spectrum of the velocity, whose limit at zero frequency
is D by Green and Kubo, and it is even in the frequency, so that caging, back-and-forth hops and a
ballistic start enter as c, too. D is the intercept of a straight line through the K slowest modes.

How many modes: all that are slower than one effective hop, angular frequency below 1/τ with
MSD(τ) = (hop length)², but at least ten.

How sure: for normal Y the relative variance of D is 2 q Σ wₖ² mₖ², with w the weights of the intercept,
m the fitted spectrum and 1/q the number of independent coordinates, at most 3N. Ions that move together
have fewer; they show in the products of *different* modes, mean (Yₖ·Yₗ)² / (mean |Yₖ|²)² = q, an
estimate that needs no model of the correlation. Rare hops are not normal; the excess fourth moment of
displacements over T/K adds what counting a finite number of events costs. The interval is that of a
χ² variable with the same relative variance. The upper bound for few hops is the larger of two: that of
counted events (Poisson), and the D of a random walk (χ²) that the noise of c sₖ (normal) could hide.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from superion.analysis.displacement import check_positions, mean_squared_displacement
from superion.errors import InputError

Array = np.ndarray
FEWEST_FRAMES = 100
FEWEST_MODES = 10
SIDED = NormalDist().inv_cdf(0.95)


@dataclass(frozen=True, slots=True)
class DiffusionEstimate:
    """A diffusion coefficient in Å²/fs and what is known about it.

    value: best estimate; unbiased, so that it may be negative where nothing moves.
    variance: relative variance of the value (inf where the value is not positive).
    interval: 95 % interval. bound: 95 % upper bound that also counts the events not seen.
    tensor: (3, 3). modes: number K of modes used. hops: effective hops of all ions together,
    6 D T N / (hop length)². independent_hops: the same, less what ions did together and for
    events longer than the hop length.
    """

    value: float
    variance: float
    interval: tuple[float, float]
    bound: float
    tensor: Array
    modes: int
    hops: float
    independent_hops: float


def diffusion_coefficient(
    positions: Array, timestep: float, *, hop_length: float = 3.0, modes: int | None = None
) -> DiffusionEstimate:
    """Diffusion coefficient of N ions from their paths; see the head of this module for the method.

    positions: (F, N, 3) Å, unwrapped, drift removed. timestep: fs between frames. hop_length: Å,
    the distance between neighbouring sites; it decides what is slow. modes: K, instead of the rule.
    Raises InputError for fewer than 100 frames.
    """
    positions = check_positions(positions)
    frames, ions, _ = positions.shape
    if frames < FEWEST_FRAMES:
        raise InputError(
            f"a diffusion coefficient needs at least {FEWEST_FRAMES} frames, found {frames}.",
            remedy="write frames more often, or run longer.",
        )
    if not (timestep > 0 and hop_length > 0):
        raise InputError(f"timestep and hop length must be positive, found {timestep} fs, {hop_length} Å.")
    count = slow_modes(positions, hop_length) if modes is None else modes
    if not 3 <= count < frames:
        raise InputError(f"modes must be between 3 and {frames - 1}, found {count}.")

    amplitude = cosine_modes(positions, count) / np.sqrt(2 * timestep)  # (K, N, 3), variance D
    power = np.einsum("kna,kna->k", amplitude, amplitude) / (3 * ions)
    scale = 4 * np.sin(np.pi * np.arange(1, count + 1) / (2 * frames)) ** 2
    centred = scale - scale.mean()
    weights = 1 / count - scale.mean() * centred / (centred @ centred)
    value = float(weights @ power)
    fitted = power.mean() + centred * (centred @ power) / (centred @ centred)
    tensor = np.einsum("k,kna,knb->ab", weights, amplitude, amplitude) / ions

    duration = frames * timestep
    quantum = hop_length**2 / (6 * duration * ions)  # D of one hop
    hops = max(value, 0.0) / quantum
    if not power.any():
        bound = poisson_upper(0.0) * quantum
        return DiffusionEstimate(value, float("inf"), (0.0, bound), bound, tensor, count, 0.0, 0.0)

    independent = _participation(amplitude)
    excess, excess_length = _counting(positions, count)
    q = max(independent, _mode_overlap(amplitude) - excess)
    noise = np.sqrt(2 * q * float(weights**2 @ (fitted - value) ** 2))
    walk = 1 / (q * float(weights @ weights))
    largest = (value + SIDED * noise) / (_chi_square(0.05, walk) / walk)
    if value <= 0:
        bound = max(poisson_upper(0.0) * quantum, largest)
        return DiffusionEstimate(value, float("inf"), (0.0, bound), bound, tensor, count, 0.0, 0.0)
    together = q / independent  # ions per independent mover, ≥ 1
    normal = 2 * q * float(weights**2 @ fitted**2) / value**2
    counting = excess * together * (1 + float(weights @ weights) / 2)
    variance = normal + counting
    # longer events than the given hop length show in the fourth moment; more than √2 times is noise
    event = together * float(np.clip(excess_length / (hops * hop_length**2), 1.0, 2.0))
    freedom = 2 / variance
    low = value / (_chi_square(0.975, freedom) / freedom)
    high = value / (_chi_square(0.025, freedom) / freedom)
    bound = max(poisson_upper(hops / event) * event * quantum, largest)
    return DiffusionEstimate(value, variance, (low, high), bound, tensor, count, hops, hops / event)


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


def slow_modes(positions: Array, hop_length: float) -> int:
    """Number of modes slower than one effective hop, at least ten: ω ≤ 1/τ, MSD(τ) = hop_length²."""
    frames = len(positions)
    msd = mean_squared_displacement(positions)[: frames // 2]
    hopped = np.flatnonzero(msd >= hop_length**2)
    return FEWEST_MODES if not len(hopped) else max(FEWEST_MODES, int(frames / (np.pi * hopped[0])))


def poisson_upper(events: float) -> float:
    """95 % upper bound of the mean of a Poisson count; 3.0 for none seen (the rule of three)."""
    return _chi_square(0.95, 2 * (events + 1)) / 2


def _chi_square(probability: float, freedom: float) -> float:
    """Quantile of χ² for any positive real number of degrees of freedom.

    Wilson, Hilferty, Proc. Natl. Acad. Sci. 17, 684 (1931): the cube root is nearly normal.
    """
    spread = 2 / (9 * freedom)
    root = 1 - spread + NormalDist().inv_cdf(probability) * np.sqrt(spread)
    return float(freedom * max(root, 0.01) ** 3)


def _participation(amplitude: Array) -> float:
    """Relative square tr C² / (tr C)² of N ions that share the covariance C (3, 3) and are independent."""
    covariance = np.einsum("kna,knb->ab", amplitude, amplitude)
    return float((covariance**2).sum() / np.trace(covariance) ** 2 / amplitude.shape[1])


def _mode_overlap(amplitude: Array) -> float:
    """Mean of (Yₖ·Yₗ)² over k ≠ l relative to the squared mean of |Yₖ|²: tr C² / (tr C)² of all 3N."""
    flat = amplitude.reshape(len(amplitude), -1)
    squares = (flat * flat).sum(axis=1)
    gram = flat @ flat.T if flat.shape[0] < flat.shape[1] else flat.T @ flat
    pairs = len(flat) * (len(flat) - 1)
    return float(((gram**2).sum() - (squares**2).sum()) / pairs / squares.mean() ** 2)


def _counting(positions: Array, blocks: int) -> tuple[float, float]:
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
