"""Energies that do not belong to their forces: outliers, levels of two settings, other units."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from ase import Atoms

from superion.structures.consistency import Evidence
from superion.structures.energy_levels import FEWEST, far_out, levels
from superion.structures.labels import get_label, is_isolated
from superion.structures.slips import known_slip
from superion.structures.spool import Part
from superion.structures.suspects import Suspect, Suspicions, say

Array = np.ndarray

AGREE = 0.8
"""Correlation from which a slope means something."""
ALIKE = (1 / 3, 3.0)
"""Slope of energies against the work of the forces that the quick model may be wrong by."""
SURE = 3.0
"""A deviation is this many times as large as the model itself is unsure, at least."""


def work_of_forces(
    known: Evidence, frames: Sequence[Atoms], names: Sequence[str], found: Suspicions
) -> tuple[float, bool]:
    """Energies against the work of the forces, within each composition.

    Returns the sign of the forces that it implies, and whether one of both is in another unit.
    """
    found_slopes = []
    labels = [get_label(frames[k], "energy") for k in known.index]
    groups: dict[str, list[int]] = {}
    for i, k in enumerate(known.index):
        if labels[i] is not None and known.correlation[i] > 0.5:
            groups.setdefault(frames[k].get_chemical_formula(), []).append(i)
    sizes = [len(frames[known.index[group[0]]]) for group in groups.values()]
    for energies in known.energy.T:
        x, y = _within(energies, labels, list(groups.values()), sizes)
        if len(x) < 5 or (scale := float(np.sqrt((x @ x) * (y @ y)))) == 0:
            return 1.0, False
        found_slopes.append((float(x @ y) / scale, float(x @ y / (x @ x))))
    correlation, slope = found_slopes[0]
    if any(c * correlation <= 0 or not 0.5 < m / slope < 2 for c, m in found_slopes):
        return 1.0, False  # it depends on which frames are fitted
    if correlation < -0.7 and slope < -0.2:
        found.warnings.append(
            f"energies rise along the forces (slope {slope:.2f} of energies against work, expected 1): the "
            "forces are gradients; map them with --key 'forces=KEY:-eV/A'."
        )
        found.suspects.extend(
            Suspect(names[k], "forces", "energies rise along them")
            for i, k in enumerate(known.index)
            if known.correlation[i] > 0
        )
        return -1.0, False
    if correlation > AGREE and not ALIKE[0] < slope < ALIKE[1]:
        found.warnings.append(
            f"energy differences are {slope:.3g} times the work of the forces, expected 1{known_slip(slope)}."
        )
        return 1.0, True
    return 1.0, False


def _within(
    values: Array, labels: Sequence[float | None], groups: Sequence[Sequence[int]], sizes: Sequence[int]
) -> tuple[Array, Array]:
    """Model and label in eV relative to the mean of their composition; levels and far frames left out.

    groups: indices into both of each composition, of so many atoms (`sizes`).
    """
    x: list[float] = []
    y: list[float] = []
    for group, atoms in zip(groups, sizes, strict=True):
        label = np.array([labels[i] for i in group]) / atoms
        model = values[list(group)] / atoms
        for part in levels(label, gap=0.3):
            keep = part[~far_out(label[part], floor=0.3)]
            if len(keep) > 2:
                x += list(atoms * (model[keep] - model[keep].mean()))
                y += list(atoms * (label[keep] - label[keep].mean()))
    return np.array(x), np.array(y)


def zero_energies(frames: Sequence[Atoms], names: Sequence[str], found: Suspicions) -> None:
    """Energies that are exactly zero among others that are not."""
    have = _with_energy(frames)
    zero = [k for k in have if get_label(frames[k], "energy") == 0]
    if len(zero) < len(have):
        say(
            found,
            [Suspect(names[k], "energy", "exactly 0") for k in zero],
            "the energy of {n} is 0, but not that of the others: {who}; label again, or leave out.",
        )


def _with_energy(frames: Sequence[Atoms]) -> list[int]:
    return [
        k
        for k, atoms in enumerate(frames)
        if get_label(atoms, "energy") is not None and not is_isolated(atoms) and len(atoms) > 1
    ]


def suspect_energies(
    known: Evidence, frames: Sequence[Atoms], names: Sequence[str], sign: float, found: Suspicions
) -> None:
    """Energies far from what the forces imply, and several levels. sign: of the forces fitted to."""
    place = {int(k): i for i, k in enumerate(known.index)}
    used = [k for k in _with_energy(frames) if k in place and get_label(frames[k], "energy") != 0]
    if len(used) < FEWEST:
        return
    labels = np.array([get_label(frames[k], "energy") for k in used])
    model = sign * known.energy[[place[k] for k in used]]
    groups: dict[str, list[int]] = {}
    for i, k in enumerate(used):
        groups.setdefault(frames[k].get_chemical_formula(), []).append(i)
    sizes = np.array([len(frames[k]) for k in used])
    baselines = _compositions(Part(frames, used))
    left = baselines(labels - model[:, 0])
    doubt = np.ptp([baselines(-one) for one in model[:, 1:].T], axis=0)
    for formula, group in groups.items():
        if len(group) < FEWEST:
            continue
        here = np.array(group)
        parts = levels(left[here])
        if np.ptp([np.median(left[here[p]]) for p in parts]) < SURE * doubt[here].max():
            parts = [np.arange(len(here))]
        if len(parts) > 1:
            _levels(formula, [here[p] for p in parts], left, [names[k] for k in used], found)
        for part in parts:
            left[here[part]] -= np.median(left[here[part]])
    out = np.flatnonzero(far_out(left) & (np.abs(left) > SURE * doubt))
    say(
        found,
        [Suspect(names[used[i]], "energy", f"{sizes[i] * left[i]:+.3g} eV") for i in out],
        "energies of {n} are far from what forces and the other energies imply: {who}; label again, or leave "
        "out.",
    )


def _levels(formula: str, parts: list[Array], left: Array, names: Sequence[str], found: Suspicions) -> None:
    """Warn of the parts (indices) of one composition beside the largest of them."""
    largest = max(parts, key=len)
    base = float(np.median(left[largest]))
    for part in parts:
        if part is largest:
            continue
        shift = float(np.median(left[part])) - base
        say(
            found,
            [Suspect(names[i], "energy", f"{shift:+.4g} eV/atom") for i in part],
            f"energies of {formula} lie on {len(parts)} levels, {{n}} {shift:+.4g} eV/atom beside the other "
            f"{len(largest)}: {{who}}; they come from two settings or codes. Label one part again, or "
            "leave it out.",
        )


def _compositions(frames: Sequence[Atoms]) -> Callable[[Array], Array]:
    """What takes the sum of one energy for each species from energies (n,) eV, by least absolute deviations.

    It gives eV per atom.
    """
    species = sorted({int(z) for atoms in frames for z in atoms.numbers})
    counts = np.array([[(atoms.numbers == z).sum() for z in species] for atoms in frames], dtype=np.float64)
    sizes = counts.sum(axis=1)
    x = counts / sizes[:, None]

    def left(energies: Array) -> Array:
        y, weights = energies / sizes, np.ones(len(energies))
        for _ in range(50):
            solution = np.linalg.lstsq(x * weights[:, None], y * weights, rcond=None)[0]
            weights = 1 / np.sqrt(np.maximum(np.abs(y - x @ solution), 1e-4))
        return np.asarray(y - x @ solution)

    return left
