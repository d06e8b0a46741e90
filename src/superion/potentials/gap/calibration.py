"""Predicted force deviations held against the errors of models that lack a trajectory, from one fit.

A Gaussian process whose kernel is not that of nature is too sure of itself: what it cannot represent does
not shrink with data. The errors that it makes on a trajectory left out say by how much. They follow from the
design matrix of the whole fit, without another one. With F the factor of all equations, A the rows of a
trajectory, Z = F⁻ᵀAᵀ and H = ZᵀZ, its errors without it are (1 − H)⁻¹ (y − A·w): the block form of
leave-one-out residuals (D. M. Allen, Technometrics 16, 125 (1974)). Deviations are those of the model with
all data at the same atoms. They are a little smaller than at new ones, so that calibrated intervals are
rather too wide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from ase import Atoms
from scipy.linalg import LinAlgError, cholesky, solve_triangular

from superion.structures.split import trajectory_of

Array = np.ndarray

HELD = 6
"""Rows held for the calibration, at most, per unknown: time and memory do not grow with the data."""
FEW = 4000
"""Rows that are always held: they cost next to nothing."""
BLOCKS = 4
"""Parts that a single trajectory is divided into."""
DIGITS = 4
NORMAL_95 = 1.959964
SMALLEST = 1e-6
"""Deviations below it, over the largest, are of forces that symmetry forbids: they are left out."""


@dataclass(frozen=True, slots=True)
class ForceCalibration:
    """By how much predicted force deviations are too small.

    factors: by species, without unit; the root mean square of errors over deviations on trajectories left
    out. coverage: of their errors, the fraction within 95 % intervals after calibration. left_out: how many.
    """

    factors: dict[str, float]
    coverage: float
    left_out: int

    def __str__(self) -> str:
        shown = ", ".join(f"{symbol} {value:.3g}" for symbol, value in self.factors.items())
        return (
            f"times {shown}, by {self.left_out} trajectories or blocks left out; 95 % intervals hold "
            f"{100 * self.coverage:.1f} % of their forces"
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)


def left_out(frames: Sequence[Atoms], unknowns: int) -> list[list[int]]:
    """Indices of the frames with forces that are left out together: trajectories, as many as are held.

    A single trajectory is divided into consecutive blocks, and so is one of more rows than are held.
    """
    groups: dict[str, list[int]] = {}
    for k, atoms in enumerate(frames):
        if "REF_forces" in atoms.arrays and len(atoms) > 1:
            groups.setdefault(trajectory_of(atoms), []).append(k)
    budget = most_held(unknowns)
    folds: list[list[int]] = []
    for members in groups.values():
        rows = sum(_rows(frames[k]) for k in members)
        parts = max(BLOCKS if len(groups) == 1 else 1, -(-rows * BLOCKS // budget) if rows > budget else 1)
        folds += [part.tolist() for part in np.array_split(members, min(parts, len(members)))]
    chosen, used = [], 0
    for j in np.random.default_rng(0).permutation(len(folds)):
        rows = sum(_rows(frames[k]) for k in folds[j])
        if used + rows <= budget:
            chosen.append(folds[j])
            used += rows
    return chosen if len(folds) > 1 else []


def most_held(unknowns: int) -> int:
    """Rows that are held, at most."""
    return max(HELD * unknowns, FEW)


def _rows(atoms: Atoms) -> int:
    return 3 * len(atoms) + 7


def calibrated(
    folds: Sequence[Sequence[int]],
    frames: Sequence[Atoms],
    equations: dict[int, tuple[Array, Array]],
    weights: Array,
    factor: Array,
) -> list[ForceCalibration | None]:
    """The calibration of each column of `weights` (M, K); None where no trajectory could be left out.

    equations: of each frame that is left out, rows (R, M) and labels (R, K) over their sigmas, energies
    first, forces next. factor: (M, M), upper triangular, of all equations.
    """
    found = []
    for fold in folds:
        parts = [equations[k] for k in fold]
        rows, right = (np.concatenate(group) for group in zip(*parts, strict=True))
        half = solve_triangular(factor, rows.T, trans="T", check_finite=False)
        try:
            errors = _without(half, right - rows @ weights)
        except LinAlgError:  # nothing else determines some unknowns
            continue
        spread = np.sqrt((half**2).sum(axis=0))[:, None]
        known = spread > SMALLEST * spread.max()
        ratios = np.divide(errors, spread, out=np.full_like(errors, np.nan), where=known)
        ends = np.cumsum([len(one) for one, _ in parts])
        for k, part in zip(fold, np.split(ratios, ends[:-1]), strict=True):
            first = int("REF_energy" in frames[k].info)
            found.append((frames[k].symbols, part[first : first + 3 * len(frames[k])]))
    if not found:
        return [None] * weights.shape[1]
    symbols = np.repeat(np.concatenate([np.asarray(names) for names, _ in found]), 3)
    every = np.concatenate([part for _, part in found])
    return [_calibration(symbols, every[:, k], len(folds)) for k in range(weights.shape[1])]


def _without(half: Array, errors: Array) -> Array:
    """(1 − H)⁻¹ times the errors (R, K) of the whole fit; half: Z (M, R), with H = ZᵀZ."""
    unknowns, rows = half.shape
    if rows <= unknowns:
        lower = cholesky(np.eye(rows) - half.T @ half, lower=True, check_finite=False)
        return _solved(lower, errors)
    lower = cholesky(np.eye(unknowns) - half @ half.T, lower=True, check_finite=False)
    return errors + half.T @ _solved(lower, half @ errors)


def _solved(lower: Array, right: Array) -> Array:
    middle = solve_triangular(lower, right, lower=True, check_finite=False)
    found: Array = solve_triangular(lower, middle, lower=True, trans="T", check_finite=False)
    return found


def _calibration(symbols: Array, ratios: Array, count: int) -> ForceCalibration | None:
    known = ~np.isnan(ratios)
    symbols, ratios = symbols[known], ratios[known]
    if not len(ratios) or not np.isfinite(ratios).all():
        return None
    factors = {
        str(name): float(f"{np.sqrt(np.mean(ratios[symbols == name] ** 2)):.{DIGITS}g}")
        for name in np.unique(symbols)
    }
    if not all(value > 0 for value in factors.values()):
        return None
    scaled = np.abs(ratios) / np.array([factors[str(name)] for name in symbols])
    return ForceCalibration(factors, float(np.round(np.mean(scaled < NORMAL_95), DIGITS)), count)
