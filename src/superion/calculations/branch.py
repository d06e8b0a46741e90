"""Energies of a crystal along volumes, its ions clamped or relaxed from volume to volume.

Relaxed ions are a branch only as long as each structure goes over into the next one. On a branch the energy
is what the pressure makes of the volume,

    E(V₂) − E(V₁) = −∫ p dV ≈ −½ (p₁ + p₂)(V₂ − V₁),

which no jump to another minimum can keep: the test needs no knowledge of the structure. Where the
calculator has no stress, an ion that moves farther than others ever do tells a jump.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, PropertyNotImplementedError
from ase.calculators.singlepoint import SinglePointCalculator

from superion.calculations.relaxation import FMAX, STEPS, relaxed
from superion.errors import SimulationError

Array = np.ndarray
LONGEST = 0.1
"""Å, the longest step of an ion in one step of a relaxation, so that ions do not leap over barriers."""
LEAP = 0.5
"""Å that an ion may move between neighbouring volumes, beyond what the cell does, on one branch."""
UNEVEN = 4.0
"""Times the error of the trapezoidal rule that energy and pressure may be apart."""
GIVE = 0.1
"""Å: forces that are left, times so much, are an error of the energy."""
SLIGHT = 0.003
"""Part of the height of a curve that no fit to it would notice."""
ROUNDING = 1e-6
"""Relative error of energies of calculators in single precision."""
PASSES = 3
FEWEST = 5


@dataclass(frozen=True, slots=True)
class Jump:
    """Where neighbouring structures are not of one branch.

    after: number of the structure before the jump. energy: eV by which the energy changes beyond what the
    pressure accounts for, away from where the curve began; NaN without stress. distance: Å moved by the ion
    that moves farthest, `atom`.
    """

    after: int
    energy: float
    distance: float
    atom: int


@dataclass(frozen=True, slots=True)
class Curve:
    """Energies along volumes of one crystal.

    volumes: (n,) Å³. energies: (n,) eV. structures: those evaluated, in the order of the volumes given.
    forces: (n,) eV/Å, the largest on an ion. pressures: (n,) eV/Å³, None without stress. relaxed: whether the
    ions were relaxed, to `fmax` eV/Å. jumps: between neighbours. notes: what else a reader must know.
    """

    volumes: Array
    energies: Array
    structures: list[Atoms]
    forces: Array
    pressures: Array | None = None
    relaxed: bool = False
    fmax: float = 0.0
    jumps: tuple[Jump, ...] = ()
    notes: tuple[str, ...] = ()

    def part(self, chosen: slice) -> Curve:
        """The points of a slice, without the jumps."""
        pressures = None if self.pressures is None else self.pressures[chosen]
        return replace(
            self,
            volumes=self.volumes[chosen],
            energies=self.energies[chosen],
            structures=self.structures[chosen],
            forces=self.forces[chosen],
            pressures=pressures,
            jumps=(),
        )

    def branch(self, k: int) -> slice:
        """The points between jumps that number k belongs to."""
        cuts = [0, *(jump.after + 1 for jump in self.jumps), len(self.volumes)]
        low = max(cut for cut in cuts if cut <= k)
        return slice(low, min(cut for cut in cuts if cut > k))


def energy_curve(
    structures: Sequence[Atoms],
    calculator: Calculator,
    *,
    relax: bool = False,
    fmax: float = FMAX,
    steps: int = STEPS,
    start: int | None = None,
) -> Curve:
    """Energies of structures that differ in their cell, in ascending order of volume with `relax`.

    With `relax` the structure `start` (None: the middle one) is relaxed first, and each of its neighbours
    from the fractional positions of the one before, outward both ways. If the ions leave its branch before
    the minimum of the energy and fall, the lower branch is followed instead, over all volumes; of several
    branches the one with the minimum is returned, and `notes` say so. SimulationError where the
    first structure does not converge.
    """
    if not relax:
        points = [_evaluated(atoms.copy(), calculator) for atoms in structures]
        return _curve(points, False, 0.0)
    order = np.argsort([atoms.get_volume() for atoms in structures], kind="stable")
    cells = [structures[k] for k in order]
    first = len(cells) // 2 if start is None else int(np.flatnonzero(order == start)[0])
    template, notes = cells[first], list[str]()
    for turn in range(PASSES):
        curve, first = _outward(cells, first, template, calculator, fmax, steps)
        own = curve.branch(first)
        if not curve.jumps or _complete(curve.part(own)):
            break
        lowest = int(curve.energies.argmin())
        edge = own.stop - 1 if lowest >= own.stop else own.start - 1
        leap = next((jump for jump in curve.jumps if jump.after == edge), None)
        if turn == PASSES - 1 or leap is None or own.start <= lowest < own.stop or leap.energy > 0:
            break
        notes.append(_fallen(curve, leap))
        cells = _kept(cells, curve)
        first, template = lowest, curve.structures[lowest]
    if curve.jumps:
        notes += [_said(curve, jump) for jump in curve.jumps]
    return replace(curve, notes=(*notes, *curve.notes))


def one_branch(curve: Curve, near: float) -> Curve:
    """The branch of the point nearest to the volume `near` if it has a minimum inside; else all points.

    Its notes say how many points were left out.
    """
    if not curve.jumps:
        return curve
    nearest = int(np.abs(curve.volumes - near).argmin())
    for k in (nearest, int(curve.energies.argmin())):
        part = curve.part(curve.branch(k))
        if _complete(part):
            left = len(curve.volumes) - len(part.volumes)
            kept = f"{part.volumes[0]:.6g} to {part.volumes[-1]:.6g} Å³"
            return replace(
                part, notes=(*part.notes, f"fitted is the branch from {kept}; {left} volumes are left out.")
            )
    return curve


def _complete(part: Curve) -> bool:
    """Whether a branch can be fitted: enough points, the lowest not at an end."""
    return len(part.volumes) >= FEWEST and 0 < int(part.energies.argmin()) < len(part.volumes) - 1


def _outward(
    cells: Sequence[Atoms], first: int, template: Atoms, calculator: Calculator, fmax: float, steps: int
) -> tuple[Curve, int]:
    """Relax from `first` outward; the curve, and where `first` is in it."""
    found: dict[int, Atoms] = {first: _relax_ions(cells[first], template, calculator, fmax, steps)}
    notes = []
    for way in (range(first + 1, len(cells)), range(first - 1, -1, -1)):
        before = found[first]
        for k in way:
            try:
                before = found[k] = _relax_ions(cells[k], before, calculator, fmax, steps)
            except SimulationError as error:
                beyond = "larger" if k > first else "smaller"
                notes.append(
                    f"no rest at {cells[k].get_volume():.6g} Å³, {beyond} volumes are left out: "
                    f"{error.problem}"
                )
                break
    reached = sorted(found)
    curve = _judged(_curve([found[k] for k in reached], True, fmax), reached.index(first))
    return replace(curve, notes=(*curve.notes, *notes)), reached.index(first)


def _relax_ions(cell: Atoms, like: Atoms, calculator: Calculator, fmax: float, steps: int) -> Atoms:
    moved = cell.copy()
    moved.set_scaled_positions(like.get_scaled_positions(wrap=False))
    return _evaluated(relaxed(moved, calculator, fmax=fmax, steps=steps, longest=LONGEST), calculator)


def _evaluated(atoms: Atoms, calculator: Calculator) -> Atoms:
    """The structure with its energy and forces, and its stress if there is one, remembered."""
    atoms.calc = calculator
    values = {"energy": atoms.get_potential_energy(), "forces": atoms.get_forces()}
    with suppress(PropertyNotImplementedError):
        values["stress"] = atoms.get_stress()
    atoms.calc = SinglePointCalculator(atoms, **values)
    return atoms


def _curve(points: list[Atoms], ions: bool, fmax: float) -> Curve:
    volumes = np.array([atoms.get_volume() for atoms in points])
    energies = np.array([atoms.get_potential_energy() for atoms in points])
    stresses = [atoms.calc.results.get("stress") for atoms in points if atoms.calc is not None]
    known = [stress for stress in stresses if stress is not None]
    pressures = -np.array(known)[:, :3].mean(axis=1) if len(known) == len(points) else None
    forces = np.array([np.linalg.norm(atoms.get_forces(), axis=1).max() for atoms in points])
    return Curve(volumes, energies, points, forces, pressures, ions, fmax)


def _judged(curve: Curve, first: int) -> Curve:
    """The curve with its jumps, seen from its structure number `first`."""
    if len(curve.volumes) < 2:
        return curve
    steps, rises = np.diff(curve.volumes), np.diff(curve.energies)
    moves = [farthest(a, b) for a, b in zip(curve.structures, curve.structures[1:], strict=False)]
    distances = np.array([distance for distance, _ in moves])
    miss = np.full(len(steps), np.nan)
    jumped = distances > max(LEAP, UNEVEN * float(np.median(distances)))
    notes: tuple[str, ...] = ()
    if curve.pressures is not None:
        p = curve.pressures
        miss = rises + 0.5 * (p[1:] + p[:-1]) * steps
        middle = 0.5 * (curve.volumes[1:] + curve.volumes[:-1])
        # p″ = B₀(B₀' + 1)/V² with B₀' = 5; the error of the rule is p″ΔV³/12
        rule = np.abs(np.diff(p)) * steps**2 / (2 * middle)
        allowed = (
            UNEVEN * rule
            + len(curve.structures[0]) * curve.fmax * GIVE
            + SLIGHT * np.ptp(curve.energies)
            + ROUNDING * np.abs(curve.energies).max()
        )
        off = np.abs(miss) > allowed
        if off.sum() > max(1, len(off) // 2):
            notes = (
                "energy and pressure do not belong together at most volumes: either the stress of the model "
                "is not that of its energy, or every volume is in another minimum.",
            )
        else:
            jumped |= off
    else:
        notes = ("the model gives no stress: only how far ions move tells whether this is one branch.",)
    outward = np.where(np.arange(len(steps)) >= first, 1.0, -1.0)
    jumps = tuple(Jump(int(k), float(outward[k] * miss[k]), *moves[k]) for k in np.flatnonzero(jumped))
    return replace(curve, jumps=jumps, notes=(*curve.notes, *notes))


def farthest(one: Atoms, other: Atoms) -> tuple[float, int]:
    """How far (Å) the ion moves that moves farthest in fractional coordinates, and which it is."""
    moved = other.get_scaled_positions(wrap=False) - one.get_scaled_positions(wrap=False)
    moved -= np.round(moved)
    moved -= moved.mean(axis=0)
    distances = np.linalg.norm(moved @ other.cell.array, axis=1)
    return float(distances.max()), int(distances.argmax())


def _kept(cells: Sequence[Atoms], curve: Curve) -> list[Atoms]:
    """The cells that a curve has points of."""
    return [cell for cell in cells if (np.abs(curve.volumes - cell.get_volume()) < 1e-6).any()]


def _said(curve: Curve, jump: Jump) -> str:
    low, high = curve.volumes[jump.after], curve.volumes[jump.after + 1]
    symbol = curve.structures[0].symbols[jump.atom]
    energy = "" if np.isnan(jump.energy) else f" and the energy is {jump.energy:+.3g} eV off the work done"
    return (
        f"NOT ONE BRANCH: between {low:.6g} and {high:.6g} Å³ {symbol} (atom {jump.atom}) moves by "
        f"{jump.distance:.2g} Å{energy}: another minimum."
    )


def _fallen(curve: Curve, jump: Jump) -> str:
    low, high = curve.volumes[jump.after], curve.volumes[jump.after + 1]
    symbol = curve.structures[0].symbols[jump.atom]
    energy = "" if np.isnan(jump.energy) else f" and the energy falls by {-jump.energy:.3g} eV"
    return (
        f"the structure as given ends between {low:.6g} and {high:.6g} Å³, where {symbol} (atom {jump.atom}) "
        f"moves by {jump.distance:.2g} Å{energy}; the lower branch was followed from there instead."
    )
