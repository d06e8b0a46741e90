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
is D by Green and Kubo, and it is even in the frequency, so that fast caging, back-and-forth hops and a
ballistic start enter as c, too. D is the intercept of a straight line through the K slowest modes.

How many modes: all that are slower than one effective hop, angular frequency below 1/τ with
MSD(τ) = (hop length)², but at least ten; or those slower than a given start of the diffusive regime.

Whether it is a line: the spectrum is fitted by a line and by a walk in cages of all relaxation times
(see `spectrum`). Where cages fit better than chance allows, D is that of the fit with cages. The lower
end of every interval is the lowest D that is left if there are cages nobody can see in a path of this
length, with plateaus of the mean squared displacement up to twice the squared hop length. That end is
what tells a walk from ions in cages.

How sure: for normal Y the relative variance of D is 2 q Σ wₖ² mₖ², with w the weights of the intercept,
m the fitted spectrum and 1/q the number of independent coordinates, at most 3N. Ions that move together
have fewer; they show in the products of *different* modes, mean (Yₖ·Yₗ)² / (|Yₖ|² |Yₗ|²) = q, an
estimate that needs no model of the correlation. Rare hops are not normal; the excess fourth moment of
displacements over T/K adds what counting a finite number of events costs. The interval is that of a
χ² variable with the same relative variance. The upper bound for few hops adds what counted events
(Poisson) and normal modes leave open.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import chi2

from superion.analysis.displacement import mean_squared_displacement
from superion.analysis.modes import (
    cosine_modes,
    counting,
    mode_overlap,
    modes_below,
    participation,
    slow_modes,
)
from superion.analysis.spectrum import Fit, Spectrum
from superion.errors import InputError
from superion.structures.paths import check_positions

Array = np.ndarray
FEWEST_FRAMES = 100
LEAST_MODES = 3
FEWEST_HOPS = 10.0
"""Independent hops that a value needs."""
MISFIT = 4.0
"""Deviance by which cages must fit better than a line to be believed."""
BELOW, ABOVE, BOUND = 3.84, 6.63, 2.71
"""Rises of the deviance at the ends of an interval and at an upper bound. Relaxations are never negative,
which draws D down, by half a standard error in walks among cages: hence more above than below."""
KNOWN = 1 / 4
"""Least ratio of the lower end of an interval to the value."""
SMALLEST = 1e-9
"""Of quantiles of χ², relative to the mean: nothing is known."""
FLAT = 1.25
"""Motion is diffusive at frequencies where the spectrum is at most so many times D."""


@dataclass(frozen=True, slots=True)
class DiffusionEstimate:
    """A diffusion coefficient in Å²/fs and what is known about it.

    value: best estimate; without cages it is unbiased, so that it may be negative where nothing moves.
    variance: relative variance of the value (inf where the value is not positive).
    interval: 95 % interval. bound: 95 % upper bound that also counts the events not seen.
    tensor: (3, 3). modes: number K of modes used. hops: effective hops of all ions together,
    6 D T N / (hop length)². independent_hops: the same, less what ions did together and for
    events longer than the hop length: where cages are seen, at least twice their plateau is the square of
    the way from one to the next. apparent_hops: those of the line, also where it does not fit.

    misfit: deviance by which cages fit better than the line. caged: they do by more than chance.
    plateau: Å², 6 Σ σ² of the cages. relaxation: fs, their mean time, weighted by plateau (None without).
    diffusive_from: fs, 1/ω of the fastest motion that is diffusive, None where there is none.
    """

    value: float
    variance: float
    interval: tuple[float, float]
    bound: float
    tensor: Array
    modes: int
    hops: float
    independent_hops: float
    apparent_hops: float = 0.0
    misfit: float = 0.0
    caged: bool = False
    plateau: float = 0.0
    relaxation: float | None = None
    diffusive_from: float | None = None

    @property
    def known(self) -> bool:
        """Whether the value can be determined: enough hops, and more than cages alone would give."""
        return self.independent_hops >= FEWEST_HOPS and self.interval[0] >= KNOWN * self.value

    @property
    def diffusive(self) -> bool:
        """False where ions move much, in cages that are seen, and no value is known."""
        return self.known or not self.caged or self.apparent_hops < FEWEST_HOPS


def diffusion_coefficient(
    positions: Array,
    timestep: float,
    *,
    hop_length: float = 3.0,
    modes: int | None = None,
    diffusive_from: float | None = None,
) -> DiffusionEstimate:
    """Diffusion coefficient of N ions from their paths; see the head of this module for the method.

    positions: (F, N, 3) Å, unwrapped, drift removed. timestep: fs between frames. hop_length: Å,
    the distance between neighbouring sites; it decides what is slow, and how large a cage may be.
    diffusive_from: fs, only motion slower than this is used; modes: K, instead of the rule.
    Raises InputError for fewer than 100 frames, or fewer than 3 modes.
    """
    positions = check_positions(positions)
    modes = _modes(len(positions), timestep, hop_length, modes, diffusive_from)
    msd = mean_squared_displacement(positions)
    count = slow_modes(msd, hop_length) if modes is None else modes
    walk, amplitude, shape = _walk(positions, timestep, hop_length, count)
    return _in_cages(msd, timestep, hop_length, walk, amplitude, shape) if amplitude.any() else walk


def walk_coefficient(
    positions: Array, timestep: float, *, hop_length: float = 3.0, modes: int
) -> DiffusionEstimate:
    """The line alone, for a path of few coordinates whose motion is known to be diffusive in K modes."""
    return _walk(check_positions(positions), timestep, hop_length, modes)[0]


def _modes(
    frames: int, timestep: float, hop_length: float, modes: int | None, diffusive_from: float | None
) -> int | None:
    """The number of modes that is asked for, if any; InputError for what cannot be."""
    if frames < FEWEST_FRAMES:
        raise InputError(
            f"a diffusion coefficient needs at least {FEWEST_FRAMES} frames, found {frames}.",
            remedy="write frames more often (--sample-every, in YAML sample_every), or run longer (steps).",
        )
    if not (timestep > 0 and hop_length > 0):
        raise InputError(f"timestep and hop length must be positive, found {timestep} fs, {hop_length} Å.")
    if modes is None and diffusive_from is not None:
        if not diffusive_from > 0:
            raise InputError(
                f"the start of the diffusive regime must be positive, found {diffusive_from} fs."
            )
        modes = min(frames - 1, int(frames * timestep / (np.pi * diffusive_from)))
        if modes < LEAST_MODES:
            raise InputError(
                f"a run of {frames * timestep / 1000:.4g} ps says nothing of motion slower than "
                f"{diffusive_from / 1000:.4g} ps.",
                remedy=f"run at least {LEAST_MODES * np.pi * diffusive_from / 1000:.4g} ps, or let the "
                "diffusive regime start earlier.",
            )
    if modes is not None and not LEAST_MODES <= modes < frames:
        raise InputError(f"modes must be between {LEAST_MODES} and {frames - 1}, found {modes}.")
    return modes


@dataclass(frozen=True, slots=True)
class _Shape:
    """Of the fluctuations of a spectrum: q, ions per independent mover, excess of rare events."""

    q: float
    together: float
    excess: float


def _walk(
    positions: Array, timestep: float, hop_length: float, count: int
) -> tuple[DiffusionEstimate, Array, _Shape]:
    """The intercept of a line through the powers of the slowest modes, these modes (K, N, 3)."""
    frames, ions, _ = positions.shape
    amplitude = cosine_modes(positions, count) / np.sqrt(2 * timestep)  # variance D
    power = np.einsum("kna,kna->k", amplitude, amplitude) / (3 * ions)
    scale = 4 * np.sin(np.pi * np.arange(1, count + 1) / (2 * frames)) ** 2
    centred = scale - scale.mean()
    weights = 1 / count - scale.mean() * centred / (centred @ centred)
    value = float(weights @ power)
    fitted = power.mean() + centred * (centred @ power) / (centred @ centred)
    tensor = np.einsum("k,kna,knb->ab", weights, amplitude, amplitude) / ions

    quantum = hop_length**2 / (6 * frames * timestep * ions)  # D of one hop
    hops = max(value, 0.0) / quantum
    if not power.any():
        bound = poisson_upper(0.0) * quantum
        still = DiffusionEstimate(value, float("inf"), (0.0, bound), bound, tensor, count, 0.0, 0.0)
        return still, amplitude, _Shape(1.0, 1.0, 0.0)

    independent = participation(amplitude)
    excess, excess_length = counting(positions, count)
    q = max(independent, mode_overlap(amplitude) - excess)
    together = q / independent  # ions per independent mover, ≥ 1
    shape = _Shape(q, together, excess * together)
    if value <= 0:
        nothing = DiffusionEstimate(value, float("inf"), (0.0, 0.0), 0.0, tensor, count, 0.0, 0.0)
        return nothing, amplitude, shape
    normal = 2 * q * float(weights**2 @ fitted**2) / value**2
    variance = normal + excess * together * (1 + float(weights @ weights) / 2)
    # longer events than the given hop length show in the fourth moment; more than √2 times is noise
    event = together * float(np.clip(excess_length / (hops * hop_length**2), 1.0, 2.0))
    interval = _of_chi_square(value, variance)
    bound = poisson_upper(hops / event) * event * quantum
    walk = DiffusionEstimate(
        value, variance, interval, bound, tensor, count, hops, hops / event, apparent_hops=hops / event
    )
    return walk, amplitude, shape


def _in_cages(
    msd: Array,
    timestep: float,
    hop_length: float,
    walk: DiffusionEstimate,
    amplitude: Array,
    shape: _Shape,
) -> DiffusionEstimate:
    """The walk again, after cages of all relaxation times were tried beside it."""
    frames, ions = len(msd), amplitude.shape[1]
    power = np.einsum("kna,kna->k", amplitude, amplitude) / (3 * ions)
    freedom = 2 / (2 * shape.q + shape.excess / 2)
    spectrum = Spectrum(power, freedom, frames, timestep)
    best, largest = spectrum.best_up_to(hop_length**2 / 3)
    misfit = spectrum.line().deviance - best.deviance
    caged = misfit > MISFIT
    value = best.diffusion if caged else walk.value

    quantum = hop_length**2 / (6 * frames * timestep * ions)
    plateau = _plateau(msd, timestep, spectrum, best, value)
    # cages do not overlap: the centres of two spheres of radius r, plateau 2 r², are 2 r apart
    event = shape.together * max(1.0, 2 * plateau / hop_length**2)
    if not caged and walk.hops > 0:
        event = max(event, walk.hops / walk.independent_hops)
    hops = max(value, 0.0) / quantum
    count = hops / event
    # in D events are rarer than in all that moves: each adds 1/2M to the variance of a mode
    rarity = freedom / 4 * event * quantum if caged else 0.0
    found = replace(
        walk,
        value=value,
        hops=hops,
        independent_hops=count,
        misfit=float(misfit),
        caged=caged,
        plateau=plateau,
        relaxation=spectrum.mean_time(best) if caged else None,
        diffusive_from=spectrum.flat_from(best if caged else spectrum.line(), FLAT),
    )
    if value > 0 and best.diffusion > 0:
        fewer, more = _of_chi_square(1.0, max(shape.excess, 1 / count) if caged else shape.excess)
        lowest = spectrum.lowest(best, largest, BELOW * (1 + rarity / best.diffusion)) / best.diffusion
        low = best.diffusion * max(0.0, 1 - float(np.hypot(1 - lowest, 1 - fewer)))
        if caged:
            highest = spectrum.highest(best, largest, ABOVE, rarity) / value
            high = value * (1 + float(np.hypot(highest - 1, more - 1)))
            found = replace(
                found, interval=(low, high), variance=(np.log(high / max(low, 1e-3 * value)) / 3.92) ** 2
            )
            slow = amplitude[: modes_below(len(amplitude), frames * timestep, found.diffusive_from)]
            tensor = np.einsum("kna,knb->ab", slow, slow)
            found = replace(found, tensor=tensor * (3 * value / np.trace(tensor)))
        else:
            found = replace(found, interval=(min(walk.interval[0], low), walk.interval[1]))
        if found.known:
            return replace(found, bound=found.interval[1])
    highest = spectrum.highest(best, largest, BOUND, rarity)
    seen = highest / (event * quantum)
    bound = max(
        poisson_upper(count) * event * quantum,
        best.diffusion
        + float(np.hypot(highest - best.diffusion, (poisson_upper(seen) - seen) * event * quantum)),
    )
    if value <= 0 or best.diffusion <= 0:
        return replace(found, variance=float("inf"), interval=(0.0, bound), bound=bound)
    return replace(found, bound=bound)


def _plateau(msd: Array, timestep: float, spectrum: Spectrum, best: Fit, value: float) -> float:
    """Plateau (Å²) of all cages: those in the fit, and what is left of motion faster than its modes."""
    lag = max(1, round(len(msd) / (np.pi * spectrum.modes[-1])))
    passed = -np.expm1(-lag * timestep / spectrum.times)
    fast = msd[lag] - 6 * max(value, 0.0) * lag * timestep - 6 * float(best.variances @ passed)
    return max(0.0, float(fast)) + 6 * float(best.variances.sum())


def _of_chi_square(value: float, variance: float) -> tuple[float, float]:
    """95 % interval of a value whose relative variance is that of χ²/ν."""
    if variance <= 0:
        return value, value
    freedom = 2 / variance
    low, high = np.maximum(chi2.ppf([0.975, 0.025], freedom), SMALLEST * freedom)
    return float(value * freedom / low), float(value * freedom / high)


def poisson_upper(events: float) -> float:
    """95 % upper bound of the mean of a Poisson count; 3.0 for none seen (the rule of three)."""
    return float(chi2.ppf(0.95, 2 * (events + 1))) / 2
