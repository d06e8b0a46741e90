"""Leaving out what would spoil a fit: colliding ions, labels that contradict each other or the model.

Labels are not judged by the spread of those that are known: exploration exists to widen it. The rules by
quartiles, on request, and the distance are those of A. Marcolongo, T. Binninger, F. Zipoli, T. Laino,
ChemSystemsChem 2, e1900031 (2020).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, covalent_radii
from pydantic import BaseModel, ConfigDict, Field, field_validator

from superion.neighbours import Pairs, neighbour_pairs
from superion.structures import get_label, is_isolated, trajectory_of
from superion.structures.duplicates import frame_name
from superion.structures.suspicions import suspicions

Array = np.ndarray

FEWEST = 8
"""Labels from which quartiles are taken, at least; with fewer no label is called an outlier."""
MOST = 60_000
"""Atoms whose labels are compared with each other."""
BONDED = 1.2
"""Atoms closer than this multiple of the sum of their covalent radii at the start are bonded."""


class CleanSettings(BaseModel):
    """When a frame is left out."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    min_distance: float = Field(
        0.6, ge=0, description="trajectories in which two ions come closer than this (Å) are left out"
    )
    consistent: bool = Field(
        True,
        description="leave out labels that contradict physics or each other, as `superion census` does",
    )
    surprise: float | None = Field(
        10.0,
        gt=0,
        description="largest error of the forces of a frame, in deviations that the model predicts, "
        "calibrated on the new frames; null: any",
    )
    energy_iqr: float | None = Field(
        None,
        gt=0,
        description="energies per atom further from the median than this many interquartile ranges "
        "(published: 2; leaves out whatever is new); null: any",
    )
    force_iqr: float | None = Field(
        None,
        gt=0,
        description="the same for force components, species by species (published: 10); null: any",
    )
    bonds: list[str] = Field(
        [], description="bonds watched, e.g. [P-S]: those present in the first frame of a trajectory"
    )
    bond_variation: float = Field(
        0.2, gt=0, description="largest relative change of such a bond from the first frame of its trajectory"
    )

    @field_validator("bonds")
    @classmethod
    def _pairs(cls, bonds: list[str]) -> list[str]:
        for bond in bonds:
            parts = re.fullmatch(r"([A-Z][a-z]?)-([A-Z][a-z]?)", bond)
            if not parts or any(symbol not in atomic_numbers for symbol in parts.groups()):
                raise ValueError(f"{bond!r} is not a bond; write two chemical symbols, e.g. P-S")
        return bonds


DEFAULTS = CleanSettings()


@dataclass(frozen=True, slots=True)
class Rejection:
    """Frame `index` (called `frame` in messages) and why it was left out."""

    index: int
    frame: str
    reason: str


@dataclass(frozen=True, slots=True)
class Cleaned:
    """Indices of the frames that are kept, in their order, and the others."""

    kept: list[int]
    rejected: list[Rejection]


def clean(
    frames: Sequence[Atoms],
    settings: CleanSettings = DEFAULTS,
    known: Sequence[Atoms] = (),
    surprises: Sequence[float | None] | None = None,
) -> Cleaned:
    """Judge every frame; `known` frames are not judged, but labels must agree with theirs.

    surprises: for each frame the root-mean-square error of a model's forces over the deviations that it
    predicts (`judge.force_surprises`), None for a frame without forces; None: there is no model yet.

    Quartiles are taken over frames of one composition (energies) and over atoms of one species (forces),
    before anything is left out. Isolated atoms are always kept. Frames need no labels.
    """
    reasons: dict[int, str] = {}
    bulk = [k for k, atoms in enumerate(frames) if not is_isolated(atoms)]
    _distances(frames, bulk, settings, reasons)
    _bonds(frames, bulk, settings, reasons)
    if settings.consistent:
        _contradictions(frames, bulk, known, reasons)
    if surprises is not None and settings.surprise is not None:
        _surprises(bulk, surprises, settings.surprise, reasons)
    _energies(frames, bulk, settings, known, reasons)
    _forces(frames, bulk, settings, known, reasons)
    return Cleaned(
        [k for k in range(len(frames)) if k not in reasons],
        [Rejection(k, frame_name(frames[k], k), reasons[k]) for k in sorted(reasons)],
    )


def mostly_rejected(found: Cleaned) -> str:
    """What to say where more than half of the frames were left out; empty where they were not."""
    count, bad = len(found.kept) + len(found.rejected), len(found.rejected)
    if 2 * bad <= count:
        return ""
    first = found.rejected[0]
    return f"{bad} of {count} new labels were left out ({first.frame}: {first.reason})."


def _contradictions(
    frames: Sequence[Atoms], bulk: Sequence[int], known: Sequence[Atoms], reasons: dict[int, str]
) -> None:
    copies = [atoms.copy() for atoms in (*(frames[k] for k in bulk), *known)]
    for k, atoms in enumerate(copies):
        atoms.info["frame_id"] = str(k)
    for suspect in suspicions(copies, MOST).suspects:
        if (k := int(suspect.frame)) < len(bulk):
            where = "" if suspect.atom is None else f" of atom {suspect.atom}"
            reasons.setdefault(bulk[k], f"{suspect.label}{where}: {suspect.reason}")


def _surprises(
    bulk: Sequence[int], surprises: Sequence[float | None], most: float, reasons: dict[int, str]
) -> None:
    """Errors beyond what the model expects, enlarged by the factor that is usual in these frames."""
    found = {k: value for k in bulk if (value := surprises[k]) is not None}
    usual = max(1.0, float(np.median(list(found.values())))) if found else 1.0
    for k, value in found.items():
        if value > most * usual:
            text = f"forces are off by {value:.3g} predicted deviations, where {usual:.3g} are usual"
            reasons.setdefault(k, f"{text} (clean.surprise: {most:g} times that)")


def _distances(
    frames: Sequence[Atoms], bulk: Sequence[int], settings: CleanSettings, reasons: dict[int, str]
) -> None:
    guilty: dict[str, str] = {}
    for k in bulk:
        pairs = neighbour_pairs(frames[k], settings.min_distance) if settings.min_distance else None
        if pairs is not None and len(pairs.distance):
            found = _named(frames[k], pairs, int(pairs.distance.argmin()))
            text = f"ions closer than {settings.min_distance:g} Å in {frame_name(frames[k], k)}: {found}"
            guilty.setdefault(trajectory_of(frames[k]), text)
    for k in bulk:
        name = trajectory_of(frames[k])
        if name in guilty:
            reasons[k] = f"trajectory {name}: {guilty[name]}"


def _bonds(
    frames: Sequence[Atoms], bulk: Sequence[int], settings: CleanSettings, reasons: dict[int, str]
) -> None:
    if not settings.bonds:
        return
    kinds = {tuple(sorted(atomic_numbers[s] for s in bond.split("-"))) for bond in settings.bonds}
    first: dict[str, tuple[Atoms, list[tuple[int, int, float]]]] = {}
    for k in bulk:
        atoms, name = frames[k], trajectory_of(frames[k])
        if name not in first:
            first[name] = (atoms, _bonded(atoms, kinds))
        start, bonds = first[name]
        if not np.array_equal(start.numbers, atoms.numbers):
            reasons.setdefault(k, f"other atoms than in the first frame of trajectory {name}")
            continue
        for i, j, length in bonds:
            now = float(atoms.get_distance(i, j, mic=bool(atoms.pbc.any())))
            if abs(now / length - 1) > settings.bond_variation:
                text = f"bond {atoms.symbols[i]}{i}-{atoms.symbols[j]}{j} is {now:.2f} Å, was {length:.2f} Å"
                reasons.setdefault(k, text)
                break


def _bonded(atoms: Atoms, kinds: set[tuple[int, ...]]) -> list[tuple[int, int, float]]:
    pairs = neighbour_pairs(atoms, 2 * BONDED * float(covalent_radii[atoms.numbers].max()))
    i, j = pairs.i, pairs.j
    reach = BONDED * (covalent_radii[atoms.numbers[i]] + covalent_radii[atoms.numbers[j]])
    return [
        (int(i[p]), int(j[p]), float(pairs.distance[p]))
        for p in np.flatnonzero((i < j) & (pairs.distance < reach))
        if tuple(sorted((int(atoms.numbers[i[p]]), int(atoms.numbers[j[p]])))) in kinds
    ]


def _energies(
    frames: Sequence[Atoms],
    bulk: Sequence[int],
    settings: CleanSettings,
    known: Sequence[Atoms],
    reasons: dict[int, str],
) -> None:
    if settings.energy_iqr is None:
        return
    groups: dict[str, list[float]] = {}
    everything = [*(frames[k] for k in bulk), *(atoms for atoms in known if not is_isolated(atoms))]
    for atoms in everything:
        if (energy := get_label(atoms, "energy")) is not None:
            groups.setdefault(atoms.get_chemical_formula(empirical=True), []).append(energy / len(atoms))
    limits = {name: _limits(np.array(values), settings.energy_iqr) for name, values in groups.items()}
    for k in bulk:
        energy = get_label(frames[k], "energy")
        bounds = limits.get(frames[k].get_chemical_formula(empirical=True))
        if energy is None or bounds is None:
            continue
        value = energy / len(frames[k])
        if not bounds[0] <= value <= bounds[1]:
            text = f"energy {value:.4f} eV/atom outside {bounds[0]:.4f} to {bounds[1]:.4f}"
            reasons.setdefault(k, f"{text} (median ± {settings.energy_iqr:g} interquartile ranges)")


def _forces(
    frames: Sequence[Atoms],
    bulk: Sequence[int],
    settings: CleanSettings,
    known: Sequence[Atoms],
    reasons: dict[int, str],
) -> None:
    if settings.force_iqr is None:
        return
    groups: dict[int, list[Array]] = {}
    everything = [*(frames[k] for k in bulk), *(atoms for atoms in known if not is_isolated(atoms))]
    for atoms in everything:
        if (forces := get_label(atoms, "forces")) is not None:
            for z in np.unique(atoms.numbers):
                groups.setdefault(int(z), []).append(forces[atoms.numbers == z].ravel())
    limits = {z: _limits(np.concatenate(parts), settings.force_iqr) for z, parts in groups.items()}
    for k in bulk:
        forces = get_label(frames[k], "forces")
        for atom, z in enumerate(frames[k].numbers if forces is not None else ()):
            bounds = limits[int(z)]
            if bounds is None or ((forces[atom] >= bounds[0]) & (forces[atom] <= bounds[1])).all():
                continue
            worst = forces[atom][np.abs(forces[atom]).argmax()]
            reasons.setdefault(
                k,
                f"force {worst:.2f} eV/Å on {frames[k].symbols[atom]}{atom} outside {bounds[0]:.2f} to "
                f"{bounds[1]:.2f} (median ± {settings.force_iqr:g} interquartile ranges)",
            )
            break


def _limits(values: Array, ranges: float) -> tuple[float, float] | None:
    """Median ± `ranges` interquartile ranges, or None for too few values."""
    if len(values) < FEWEST:
        return None
    low, median, high = np.percentile(values, (25, 50, 75))
    return float(median - ranges * (high - low)), float(median + ranges * (high - low))


def _named(atoms: Atoms, pairs: Pairs, k: int) -> str:
    i, j = int(pairs.i[k]), int(pairs.j[k])
    return f"{atoms.symbols[i]}{i}-{atoms.symbols[j]}{j} {pairs.distance[k]:.3f} Å"
