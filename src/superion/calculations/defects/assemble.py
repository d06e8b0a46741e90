"""From relaxed structures to energies of defects, and what casts doubt on each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from ase import Atoms

from superion.calculations.defects.arrangement import Arrangement, arrangement
from superion.calculations.defects.attribution import attribution
from superion.calculations.defects.relaxer import Relaxed
from superion.calculations.defects.result import BACK, DefectEnergy, FieldCurve, FieldPoint
from superion.calculations.defects.settings import DefectSettings, Supercell
from superion.calculations.defects.structures import Defect, image_distance

Array = np.ndarray
HOP = 0.8
"""Å; an atom that is farther than this from where it was in the field before has changed its place."""
JUMP = 0.01
"""eV; an energy that differs by more from −∫Δp·dE along the branch (trapezoidal rule) has jumped."""
FEW = 3
"""Empty sites up to which an ion and its neighbours may hop and still be called one pair."""
NOISE = 0.01
"""eV; smaller energies below zero are those that forces below the limit leave."""
UNSURE = 0.05
"""e·Å; a larger error of a dipole that was followed along a path is reported."""
NOTHING = Relaxed(np.zeros((0, 3)), None, failure="not relaxed yet")
Way = tuple[str, int]
"""Cartesian axis and sign of a branch."""


@dataclass
class Cell:
    """One supercell: its relaxed structures, and those in fields by branch, from zero outward (and back).

    start: before relaxation. defects, defect_fields: in the order of the defects.
    """

    supercell: Supercell
    start: Atoms
    crystal: Relaxed = NOTHING
    defects: list[Relaxed] = field(default_factory=list)
    charges: list[float | None] = field(default_factory=list)
    crystal_fields: dict[Way, list[Relaxed]] = field(default_factory=dict)
    defect_fields: list[dict[Way, list[Relaxed]]] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Such as 2x1x1."""
        return "x".join(map(str, self.supercell))

    @property
    def relaxed(self) -> Atoms:
        """The relaxed crystal without field."""
        atoms = self.start.copy()
        atoms.positions[:] = self.crystal.positions
        return atoms

    @property
    def shift(self) -> float:
        """Å, the longest way of an atom of the crystal as it relaxes."""
        way = self.crystal.positions - self.start.positions
        return float(np.linalg.norm(way, axis=1).max(initial=0.0))

    def arrangement(self, defect: Defect, start: Atoms, relaxed: Relaxed) -> Arrangement:
        """Where the atoms of a defect are now, against the relaxed crystal."""
        atoms = start.copy()
        atoms.positions[:] = relaxed.positions
        return arrangement(atoms, self.relaxed, defect.homes(len(self.start)), start.positions)


def sweep(settings: DefectSettings, sign: int) -> list[float]:
    """Fields of a branch in the order in which they are gone through."""
    out = list(settings.branches[0 if sign > 0 else 1])
    return [*out, *out[-2::-1], 0.0] if settings.back and out else out


def defect_energy(
    defect: Defect, k: int, cell: Cell, crystal: Atoms, settings: DefectSettings
) -> DefectEnergy:
    """What is known of defect number `k` in a cell."""
    relaxed, start = cell.defects[k], defect.atoms(crystal, cell.supercell)
    now = None if relaxed.failure else cell.arrangement(defect, start, relaxed)
    energy, why = None, relaxed.failure or None
    flags = list(doubts(relaxed, settings))
    away = image_distance(start.cell.array)
    if away < settings.overlap:
        flags.append(f"small cell: images of the defect are {away:.1f} Å away")
    if now is not None and relaxed.energy is not None and cell.crystal.energy is not None:
        energy = relaxed.energy - cell.crystal.energy
        if defect.kind == "frenkel":
            flags += _of_pair(defect, now, energy)
            if now.perfect:
                why, energy = _back(energy), None
            elif crowd := _crowd(now):
                why, energy = crowd, None
    if relaxed.dipole_error > UNSURE:
        flags.append(f"the dipole is known to ± {relaxed.dipole_error:.2g} eÅ only")
    curves: dict[str, FieldCurve] = {}
    if energy is not None and cell.defect_fields and cell.defect_fields[k]:
        for axis in settings.axes:
            curves[axis] = _curve(axis, defect, k, cell, start, energy, settings)
    return DefectEnergy(
        defect,
        cell.supercell,
        len(start),
        energy,
        why,
        tuple(flags),
        now,
        cell.charges[k],
        relaxed.dipole,
        relaxed.dipole_error,
        relaxed.grade,
        relaxed.deviation,
        relaxed.steps,
        curves,
    )


def doubts(relaxed: Relaxed, settings: DefectSettings) -> Iterator[str]:
    """What makes the energy of a structure doubtful."""
    if not relaxed.failure and not relaxed.converged:
        left = f"{relaxed.force:.2g} eV/Å left, {settings.fmax:g} wanted"
        yield f"not relaxed after {relaxed.steps} steps: {left}"
    if relaxed.grade is not None and relaxed.grade > settings.grade_limit:
        yield f"extrapolation grade {relaxed.grade:.2g} > {settings.grade_limit:g}"
    limit = settings.deviation_limit
    if limit is not None and relaxed.deviation is not None and relaxed.deviation > limit:
        yield f"predicted force deviation {relaxed.deviation:.2g} eV/Å > {limit:g}"


def _of_pair(defect: Defect, now: Arrangement, energy: float) -> Iterator[str]:
    if energy < -NOISE:
        yield f"the crystal is not the ground state: {-energy:.3g} eV below it there is a lower structure"
    if not now.perfect and now.vacancies != (defect.vacancy,):
        places = ", ".join(map(str, now.vacancies))
        yield f"moved to another arrangement: vacancy {places} instead of {defect.vacancy}"


def _crowd(now: Arrangement) -> str | None:
    """The reason why a pair is none any more if many ions have left their sites."""
    if len(now.vacancies) <= FEW:
        return None
    return f"the crystal around it rearranges: {len(now.vacancies)} sites are empty"


def _back(energy: float) -> str:
    if energy > NOISE:
        return f"{BACK}, but for a distortion that costs {energy:.3g} eV"
    return BACK


def _curve(
    axis: str, defect: Defect, k: int, cell: Cell, start: Atoms, energy: float, settings: DefectSettings
) -> FieldCurve:
    out: list[FieldPoint] = []
    back: list[FieldPoint] = []
    dipole = cell.defects[k].dipole
    assert dipole is not None
    for sign in (1, -1):
        fields = sweep(settings, sign)
        count = len(settings.branches[0 if sign > 0 else 1])
        points = list(_points(axis, sign, fields, defect, k, cell, start, energy, settings))
        out += points[:count]
        back += points[count:]
    zero = FieldPoint(0.0, energy, None, (), dipole, 0.0, 0.0)
    points = sorted([*out, zero], key=lambda point: point.field)
    steady = {p.field: p for p in points if p.energy is not None and not p.hopped and p.dipole is not None}
    number = "xyz".index(axis)
    found = attribution(
        {f: p.energy for f, p in steady.items() if p.energy is not None},
        {f: float(p.dipole[number]) for f, p in steady.items() if p.dipole is not None},
    )
    known = {p.field: p.energy for p in points if p.energy is not None}
    gaps = [abs(p.energy - known[p.field]) for p in back if p.energy is not None and p.field in known]
    return FieldCurve(
        axis,
        tuple(points),
        tuple(sorted(back, key=lambda point: point.field)),
        max(gaps, default=None),
        None if isinstance(found, str) else found,
        found if isinstance(found, str) else None,
    )


def _points(
    axis: str,
    sign: int,
    fields: Sequence[float],
    defect: Defect,
    k: int,
    cell: Cell,
    start: Atoms,
    energy: float,
    settings: DefectSettings,
) -> Iterator[FieldPoint]:
    """The points of one branch; an ion that hops is noticed and the rest of the branch marked."""
    first, number = cell.defects[k], "xyz".index(axis)
    relaxed = cell.relaxed
    here = np.arange(len(relaxed))
    assert first.dipole is not None
    before, energy_before, field_before = first.positions, energy, 0.0
    dipole_before = float(first.dipole[number])
    hops: list[str] = []
    broken = ""
    pairs = zip(fields, cell.defect_fields[k][axis, sign], cell.crystal_fields[axis, sign], strict=True)
    for value, mine, theirs in pairs:
        if failure := mine.failure or theirs.failure:
            yield FieldPoint(value, None, failure, tuple(hops), hopped=bool(hops))
            continue
        perfect = start.copy() if len(start) == len(relaxed) else relaxed.copy()
        perfect.positions[:] = theirs.positions
        lattice = arrangement(perfect, relaxed, here, relaxed.positions)
        if lattice.exchanged or not lattice.perfect or lattice.moved > HOP:
            broken = broken or f"the crystal itself rearranges at {value:g} V/Å along {axis}"
        now = cell.arrangement(defect, start, mine)
        way = float(np.linalg.norm(mine.positions - before, axis=1).max())
        if way > HOP:  # sites alone do not tell: an atom half-way between two changes its site without moving
            places = ", ".join(map(str, now.vacancies)) or "none"
            hops.append(f"an ion hops at {value:g} V/Å along {axis}: {way:.2g} Å, vacancy {places}")
        before = mine.positions
        assert mine.energy is not None
        assert theirs.energy is not None
        assert mine.dipole is not None
        assert theirs.dipole is not None
        change = mine.dipole - theirs.dipole
        total = mine.energy - theirs.energy - value * float(change[number])
        why = broken or (BACK if now.perfect else _crowd(now))
        if not why:
            steady = energy_before - 0.5 * (dipole_before + float(change[number])) * (value - field_before)
            if abs(total - steady) > JUMP and way <= HOP:
                hops.append(f"the energy jumps by {total - steady:+.2g} eV at {value:g} V/Å along {axis}")
            energy_before, dipole_before, field_before = total, float(change[number]), value
        flags = (*hops, *doubts(mine, settings))
        if why:
            yield FieldPoint(value, None, why, flags, hopped=bool(hops))
            continue
        rigid = -value * float(first.dipole[number])
        yield FieldPoint(value, total, None, flags, change, rigid, total - energy - rigid, bool(hops))
