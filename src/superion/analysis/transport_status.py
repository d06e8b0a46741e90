"""What a transport result is worth: its status, and what it takes for it."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from ase.data import chemical_symbols
from scipy.stats import chi2, t

from superion.analysis.diffusion import FEWEST_FRAMES, FEWEST_HOPS, DiffusionEstimate
from superion.analysis.displacement import remove_drift
from superion.errors import InputError

Array = np.ndarray
Status = Literal["converged", "upper bound only", "not diffusive", "melt"]
Estimate = Callable[[Array], DiffusionEstimate]
"""From paths (F, N, 3) Å to their diffusion coefficient."""

CM2_PER_S = 0.1  # of 1 Å²/fs
MELT: Status = "melt"
VALUED = ("converged", MELT)
"""Statuses of results with values."""
FAR = 2 / 3
"""Of the hop length: farther than vibrations carry an atom."""


@dataclass(frozen=True, slots=True)
class Halves:
    """Diffusion coefficients (cm²/s) of the halves of a run, and the upper bound (Å²/fs) of all."""

    values: tuple[float, float]
    bound: float


def contradiction(paths: Array, found: DiffusionEstimate, estimate: Estimate) -> Halves | None:
    """What the two halves of a run say, if they exclude each other: then its motion is not stationary."""
    middle = len(paths) // 2
    if middle < FEWEST_FRAMES:
        return None
    try:
        halves = [estimate(part) for part in (paths[:middle], paths[middle:])]
    except InputError:  # a given start of the diffusive regime is slower than half a run can show
        return None
    ends = [half.interval if half.known else (0.0, half.bound) for half in halves]
    if max(low for low, _ in ends) <= min(high for _, high in ends):
        return None
    return Halves(
        (CM2_PER_S * halves[0].value, CM2_PER_S * halves[1].value),
        max(found.bound, *(high for _, high in ends)),
    )


def allow_for_scatter(
    found: DiffusionEstimate, alone: list[DiffusionEstimate]
) -> tuple[DiffusionEstimate, tuple[str, ...]]:
    """An estimate of all runs together, its interval widened where they differ by more than chance.

    Then the interval is that of Student's t for the mean of the runs, where that is wider; a note says so.
    """
    values = np.array([each.value for each in alone])
    errors = np.array([each.variance for each in alone]) * values**2
    if len(alone) < 2 or not (np.isfinite(errors).all() and (errors > 0).all()):
        return found, ()
    mean = values @ (1 / errors) / (1 / errors).sum()
    if ((values - mean) ** 2 / errors).sum() < chi2.ppf(0.95, len(alone) - 1):
        return found, ()
    error = float(values.std(ddof=1) / np.sqrt(len(values)))
    half = float(t.ppf(0.975, len(alone) - 1)) * error
    low, high = found.interval
    value = float(values.mean())
    wide = (min(low, max(value - half, 0.0)), max(high, value + half))
    variance = max(found.variance, (error / value) ** 2)
    note = "The runs differ by more than their own errors: the interval is that of the scatter between them."
    return replace(found, value=value, interval=wide, variance=variance, bound=max(found.bound, wide[1])), (
        note,
    )


def moving_framework(
    positions: Array,
    masses: Array,
    numbers: Array,
    mobile: Array,
    estimate: Estimate,
) -> dict[str, float]:
    """Diffusion coefficients (Å²/fs) of other species that are known to diffuse, about the centre of mass."""
    if mobile.all():
        return {}
    seen = remove_drift(positions, masses)
    others = {}
    for number in sorted(set(numbers[~mobile].tolist())):
        found = estimate(seen[:, numbers == number])
        if found.known:
            others[chemical_symbols[number]] = found.value
    return others


def restless_framework(
    positions: Array,
    masses: Array,
    numbers: Array,
    mobile: Array,
    hop_length: float,
    diffusing: Container[str],
) -> tuple[str, ...]:
    """A note for each other species with atoms that leave their sites and are not known to diffuse.

    An atom has left its site if its displacement in half of the run, the root mean square over all starts, is
    more than vibrations are. Sulfur of polyanions that turn does, without an atom that travels.
    """
    seen = remove_drift(positions, masses)
    half = len(seen) // 2
    step = seen[half:] - seen[: len(seen) - half]
    squares = np.einsum("fna,fna->n", step, step) / len(step)
    notes = []
    for number in sorted(set(numbers[~mobile].tolist())):
        symbol, own = chemical_symbols[number], squares[numbers == number]
        gone = np.count_nonzero(own > (FAR * hop_length) ** 2)
        if gone and symbol not in diffusing:
            far = np.sqrt(own.mean())
            notes.append(
                f"{gone} of {len(own)} {symbol} leave their sites (all {len(own)} move {far:.2g} Å, root "
                "mean square in half of the run) and do not diffuse as far as this run can tell: groups of "
                f"atoms turn or change places, or the crystal begins to melt. --species {symbol} tells more."
            )
    return tuple(notes)


def judge(
    found: DiffusionEstimate,
    ions: int,
    hop_length: float,
    halves: Halves | None,
    moving: dict[str, float],
    scatter: tuple[str, ...] = (),
) -> tuple[Status, str]:
    """The status of a result, and the reason for it."""
    hops = f"{found.independent_hops:.1f} independent hops"
    if halves is not None:
        first, second = halves.values
        return "not diffusive", (
            f"the two halves of the run exclude each other: D = {first:.2g} and {second:.2g} cm²/s. "
            "The motion is not stationary: discard the start, or run longer."
        )
    if found.known and moving:
        also = ", ".join(f"D({symbol}) = {CM2_PER_S * value:.2g} cm²/s" for symbol, value in moving.items())
        return MELT, f"the framework diffuses ({also}): a melt, not a solid conductor."
    if found.known:
        return "converged", f"{hops}, {FEWEST_HOPS:.0f} are needed for a value."
    if scatter:
        return "upper bound only", f"{scatter[0]} There are too few of them for a value."
    if not found.diffusive:
        relaxation = "" if found.relaxation is None else f" and relax in {found.relaxation / 1000:.2g} ps"
        return "not diffusive", (
            f"the ions move in cages, whose mean squared displacement levels off at {found.plateau:.2g} Å²"
            f"{relaxation}; diffusion between them is too slow to tell in this run."
        )
    if found.independent_hops < FEWEST_HOPS:
        return "upper bound only", f"{hops}, {FEWEST_HOPS:.0f} are needed for a value."
    return "upper bound only", (
        f"{found.hops / ions:.1f} effective hops per ion: so short a way may be one within cages of up to "
        f"{2 * hop_length**2:.0f} Å² that relax as slowly as the run is long."
    )


def notes_of(found: DiffusionEstimate, slope: float | None) -> tuple[str, ...]:
    """What a reader of a value must know."""
    notes = []
    if found.caged:
        notes.append(
            f"cages are seen, with a plateau of {found.plateau:.2g} Å² in the mean squared displacement; D "
            "is that of the motion between them."
        )
    elif slope is not None and not 0.7 <= slope <= 1.3:
        notes.append(f"the log-log slope of the mean squared displacement is {slope:.2f}, not near 1.")
    return tuple(notes)
