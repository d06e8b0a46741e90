"""Suspicions that a label is in another unit than eV, Å and e.

Energies have no absolute scale, so a slip shows only where labels disagree with each other or
with what matter does. Each check is a heuristic that warns and never refuses.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from itertools import combinations, pairwise

import numpy as np
from ase import Atoms, units
from ase.geometry import find_mic

from superion.structures.labels import get_label, is_isolated
from superion.structures.split import trajectory_of
from superion.structures.spool import Part

HARTREE = units.Hartree
ATOMIC_FORCE = units.Hartree / units.Bohr
_SLOPES = {
    ATOMIC_FORCE: "forces in Ha/bohr beside energies in eV",
    HARTREE: "forces in Ha/Å beside energies in eV",
    1 / HARTREE: "energies in Ha beside forces in eV/Å",
    1 / units.Bohr: "forces per bohr instead of per Å (as in Ha and Ha/bohr)",
    units.Bohr: "positions in bohr read as Å",
    1000.0: "energies in meV, or forces in keV/Å",
    0.001: "forces in meV/Å beside energies in eV",
    units.mol / units.kcal: "energies in kcal/mol beside forces in eV/Å",
    units.kcal / units.mol: "forces in kcal/mol/Å beside energies in eV",
}


def unit_slips(groups: Mapping[str, Sequence[Atoms]]) -> list[str]:
    """Warnings about groups of frames whose labels look like other units."""
    free = {
        symbol: float(energy)
        for frames in groups.values()
        for atoms in frames
        if is_isolated(atoms) and (energy := get_label(atoms, "energy")) is not None
        for symbol in atoms.get_chemical_symbols()
    }
    bulk = {
        name: kept
        for name, frames in groups.items()
        if (kept := Part(frames, (k for k, a in enumerate(frames) if not is_isolated(a))))
    }
    warnings = []
    for name, frames in bulk.items():
        found = [_force_scale(frames), _stress_scale(frames), _cohesion(frames, free), *_trajectories(frames)]
        warnings += [f"{name}: {text}" for text in found if text]
    for (one, a), (two, b) in combinations(bulk.items(), 2):
        warnings += [f"{one} and {two}: {text}" for text in _between(a, b)]
    return warnings


def _force_rms(frames: Sequence[Atoms]) -> float | None:
    """Of the median frame, so that one absurd force does not blame the unit of all."""
    found = [
        np.sqrt(np.mean(f**2)) for a in frames if len(a) > 1 and (f := get_label(a, "forces")) is not None
    ]
    return float(np.median(found)) if found else None


def _force_scale(frames: Sequence[Atoms]) -> str:
    rms = _force_rms(frames)
    if rms is None or 1e-3 <= rms <= 20:
        return ""
    if rms > 20:
        return (
            f"the rms force component is {rms:.3g} eV/Å, more than condensed matter has; are forces in meV/Å?"
        )
    if not _moves_cost_energy(frames, 100 * rms):
        return ""  # relaxed, symmetric or far apart
    return f"the rms force component is {rms:.3g} eV/Å, close to nothing; are forces labelled, and in eV/Å?"


def _moves_cost_energy(frames: Sequence[Atoms], least: float) -> bool:
    """Whether energies of one cell differ by more than `least` eV/atom, for which forces are needed."""
    ranges: dict[bytes, tuple[float, float]] = {}
    for a in frames:
        if (energy := get_label(a, "energy")) is not None:
            cell = np.round(a.cell.array, 6) + 0.0
            kind = hashlib.sha256(a.numbers.tobytes() + b"|" + cell.tobytes()).digest()
            low, high = ranges.get(kind, (np.inf, -np.inf))
            ranges[kind] = min(low, energy / len(a)), max(high, energy / len(a))
    return any(high - low > max(least, 1e-3) for low, high in ranges.values())


def _stress_scale(frames: Sequence[Atoms]) -> str:
    stresses = [np.abs(s).max() for a in frames if (s := get_label(a, "stress")) is not None]
    largest = float(np.median(stresses)) if stresses else 0.0
    if largest <= 1:
        return ""
    return f"a stress of {largest:.3g} eV/Å³ is {largest / units.GPa:.0f} GPa; is stress in GPa or kbar?"


def _cohesion(frames: Sequence[Atoms], free: Mapping[str, float]) -> str:
    """Energy per atom relative to isolated atoms; bound matter has about −0.3 … −9 eV."""
    values = [
        (energy - sum(free[s] for s in a.symbols)) / len(a)
        for a in frames
        if (energy := get_label(a, "energy")) is not None and set(a.symbols) <= set(free)
    ]
    if not values or -12 <= (median := float(np.median(values))) <= -0.3:
        return ""
    return (
        f"the energy relative to the isolated atoms is {median:.3g} eV/atom, but bound matter has "
        f"-9 to -0.3; are all energies in eV (1 Ha = {HARTREE:.4g} eV) and computed alike?"
    )


def _trajectories(frames: Sequence[Atoms]) -> list[str]:
    by_name: dict[str, list[int]] = {}
    for k, atoms in enumerate(frames):
        if get_label(atoms, "energy") is not None and get_label(atoms, "forces") is not None:
            by_name.setdefault(trajectory_of(atoms), []).append(k)
    return [_work(name, Part(frames, path)) for name, path in by_name.items()]


def _same_cell(a: Atoms, b: Atoms) -> bool:
    return np.array_equal(a.numbers, b.numbers) and np.allclose(a.cell.array, b.cell.array, atol=1e-6)


def work_slope(frames: Sequence[Atoms]) -> float | None:
    """Slope of energy differences of neighbouring frames against the work of their forces.

    The work is the trapezoid rule, −½ Σ (F₁ + F₂)·(r₂ − r₁), over pairs of consecutive frames in
    one cell that differ by less than 0.25 Å. The slope is 1 where units agree. None with fewer
    than three such pairs, or where energy and work do not correlate.
    """
    work, rise = [], []
    for a, b in pairwise(frames):
        if not _same_cell(a, b):
            continue
        step, length = find_mic(b.positions - a.positions, a.cell, a.pbc)
        if 0 < length.max() < 0.25:
            work.append(-0.5 * float(((get_label(a, "forces") + get_label(b, "forces")) * step).sum()))
            rise.append(get_label(b, "energy") - get_label(a, "energy"))
    x, y = np.array(work), np.array(rise)
    scale = float(np.sqrt((x @ x) * (y @ y)))
    if len(work) < 3 or scale == 0 or abs(x @ y) < 0.9 * scale:
        return None
    return float(x @ y / (x @ x))


def _work(name: str, frames: Sequence[Atoms]) -> str:
    slope = work_slope(frames)
    if slope is None or 0.7 < slope < 1.4:
        return ""
    if slope < 0:
        return f"in {name} energies rise along the forces; are the forces gradients (map with ':-eV/A')?"
    said = known_slip(slope, 0.15)
    return f"in {name} energy differences are {slope:.3g} times the work of the forces, expected 1{said}."


def known_slip(slope: float, within: float = 0.35) -> str:
    """What a slope of energies against the work of forces comes from, as the end of a sentence.

    within: of the logarithm of the factor.
    """
    near = min(_SLOPES, key=lambda factor: abs(np.log(slope / factor)))
    return f": {_SLOPES[near]}" if abs(np.log(slope / near)) < within else ""


def _steady(group: Sequence[Atoms]) -> bool:
    """Whether energies per atom vary much less than their size; those of a dissociation curve go to 0."""
    known = [(get_label(atoms, "energy"), len(atoms)) for atoms in group if not is_isolated(atoms)]
    values = [float(energy) / size for energy, size in known if energy is not None]
    return bool(values) and float(np.ptp(values)) < 0.3 * abs(float(np.median(values)))


def _between(a: Sequence[Atoms], b: Sequence[Atoms]) -> list[str]:
    """Groups of one composition that differ by a factor of 27.2 or 51.4."""
    composition = [{x.symbols.formula.reduce()[0].format("hill") for x in group} for group in (a, b)]
    if composition[0] != composition[1]:
        return []
    found = []
    energies = [_median_energy(group) for group in (a, b)]
    if all(energies) and (ratio := energies[0] / energies[1]) > 0:  # type: ignore[operator]
        ratio = max(ratio, 1 / ratio)
        if abs(np.log(ratio / HARTREE)) < 0.15 and all(_steady(group) for group in (a, b)):
            found.append(f"energies per atom differ by a factor of {ratio:.3g}; is one group in Ha?")
    forces = [_force_rms(group) for group in (a, b)]
    if all(forces):
        low, high = sorted(range(2), key=lambda k: forces[k] or 0.0)
        big, small = forces[high] or 0.0, forces[low] or 0.0
        depth = 0.03 * big**2  # eV/atom; relaxed frames lie lower than frames with such forces
        relaxed = all(energies) and energies[low] < energies[high] - depth  # type: ignore[operator]
        near = min(abs(np.log(big / small / factor)) for factor in (HARTREE, ATOMIC_FORCE))
        if not relaxed and near < np.log(1.25):
            found.append(
                f"rms forces differ by a factor of {big / small:.3g}; is one group in Ha/bohr or Ha/Å "
                f"(factors {ATOMIC_FORCE:.4g} and {HARTREE:.4g})?"
            )
    return found


def _median_energy(frames: Sequence[Atoms]) -> float | None:
    values = [e / len(a) for a in frames if (e := get_label(a, "energy")) is not None]
    return float(np.median(values)) if values else None
