"""Charges of least energy within bounds: no atom gives or takes more electrons than its shell has room for.

Rappé and Goddard, J. Phys. Chem. 95, 3358, 1991, keep charges between those of the empty and of the filled
valence shell, such as −7 and +1 e of lithium. As the energy is convex, its minimum within bounds is one
point, and it is found by an active set: atoms beyond a bound are held there, each as a group of its own, the
others are solved for anew, and an atom is let go again where the energy would fall by its return (Karush,
Kuhn and Tucker; Júdice and Pires, Comput. Oper. Res. 21, 587, 1994). Forces are those at fixed charges, as
without bounds, and continuous where an atom reaches one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from superion.electrostatics.equilibration import Constraints
from superion.errors import InputError, ModelError

Array = np.ndarray
BEYOND = 1e-9
"""Charge (e) by which a bound may be missed, and slope (V) that counts as none."""
TOGETHER = 20
"""Rounds in which all atoms change sides that should; from then on it is one at a time."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """lower, upper: (N,) e, infinite where there is none."""

    lower: Array
    upper: Array

    @classmethod
    def of(cls, atoms: Atoms, ranges: Mapping[str, tuple[float, float]]) -> Bounds | None:
        """By element; None if no element of the structure has any."""
        if not ranges or ranges.keys().isdisjoint(set(atoms.symbols)):
            return None
        free = (-np.inf, np.inf)
        both = np.array([ranges.get(symbol, free) for symbol in atoms.get_chemical_symbols()])
        return cls(both[:, 0], both[:, 1])

    def check(self, constraints: Constraints) -> None:
        """InputError if the charges of a group cannot add up to its total within the bounds."""
        low, high = constraints.sums(self.lower), constraints.sums(self.upper)
        for group, total in enumerate(constraints.totals.tolist()):
            if not low[group] - BEYOND <= total <= high[group] + BEYOND:
                raise InputError(
                    f"the total charge is {total:+.6g} e, but the bounds of the charges of its atoms allow "
                    f"{low[group]:+.6g} to {high[group]:+.6g} e.",
                    remedy="check the total charge, or widen the bounds of an element.",
                )


def held_at(constraints: Constraints, where: Array, values: Array) -> Constraints:
    """The constraints with atoms `where` (N,) bool held at values (N,) e: each a group of its own."""
    groups, totals = constraints.groups.copy(), constraints.totals.copy()
    chosen = np.flatnonzero(where)
    np.subtract.at(totals, groups[chosen], values[chosen])
    groups[chosen] = len(totals) + np.arange(len(chosen))
    return Constraints(groups, np.concatenate([totals, values[chosen]]))


def levels(slope: Array, constraints: Constraints, held: Array) -> Array:
    """(G,) V, mean slope of the atoms of each group that are not held."""
    free = constraints.sums(np.where(held, 0.0, slope))
    return free / constraints.sums((~held).astype(np.float64))


def within(
    solve: Callable[[Constraints], Array],
    slope: Callable[[Array], Array],
    constraints: Constraints,
    bounds: Bounds,
) -> tuple[Array, Array]:
    """Charges (N,) e of least energy within bounds, and which atoms are held at one (N,) bool.

    solve: charges of least energy under constraints; slope: of the energy by the charges, (N,) V. Raises
    InputError for bounds that no charges obey.
    """
    bounds.check(constraints)
    charges = solve(constraints)
    low = high = np.zeros(len(charges), dtype=bool)
    for _ in range(TOGETHER):
        held = low | high
        under = np.where(held, 0.0, bounds.lower - charges) > BEYOND
        over = np.where(held, 0.0, charges - bounds.upper) > BEYOND
        back = held & (_gain(slope(charges), constraints, low, high) > BEYOND) if held.any() else held
        if not (under | over | back).any():
            return np.clip(charges, bounds.lower, bounds.upper), held
        low, high = (low & ~back) | under, (high & ~back) | over
        _leave_one(low, high, charges, constraints, bounds)
        charges = solve(held_at(constraints, low | high, np.where(high, bounds.upper, bounds.lower)))
    return _one_by_one(solve, slope, constraints, bounds, charges)


def _one_by_one(
    solve: Callable[[Constraints], Array],
    slope: Callable[[Array], Array],
    constraints: Constraints,
    bounds: Bounds,
    near: Array,
) -> tuple[Array, Array]:
    """The same by the primal active-set method: every step is feasible and lowers the energy."""
    charges = _feasible(near, constraints, bounds)
    low, high = charges <= bounds.lower, charges >= bounds.upper
    _leave_one(low, high, charges, constraints, bounds)
    for _ in range(20 * len(charges) + 20):
        held = low | high
        step = np.where(held, 0.0, solve(held_at(constraints, held, charges)) - charges)
        room = np.where(step > 0, bounds.upper - charges, charges - bounds.lower)
        far = np.abs(step) > BEYOND
        share = np.where(far, room / np.where(far, np.abs(step), 1.0), np.inf)
        first = int(share.argmin())
        if share[first] < 1:
            charges = charges + max(float(share[first]), 0.0) * step
            charges[first] = bounds.upper[first] if step[first] > 0 else bounds.lower[first]
            high[first], low[first] = step[first] > 0, step[first] < 0
            continue
        charges = charges + step
        gain = np.where(held, _gain(slope(charges), constraints, low, high), 0.0)
        worst = int(gain.argmax())
        if gain[worst] <= BEYOND:
            return np.clip(charges, bounds.lower, bounds.upper), held
        low[worst] = high[worst] = False
    raise ModelError(
        "no charges of least energy were found within the bounds.",
        remedy="check the structure, or widen the bounds.",
    )


def _gain(slope: Array, constraints: Constraints, low: Array, high: Array) -> Array:
    """(N,) V by which the energy falls where an atom that is held is let go; zero for all others."""
    above = slope - levels(slope, constraints, low | high)[constraints.groups]
    return np.where(high, above, np.where(low, -above, 0.0))


def _feasible(charges: Array, constraints: Constraints, bounds: Bounds) -> Array:
    """Charges within the bounds that obey the constraints: those given, shifted alike in each group."""
    found = charges.copy()
    for group, total in enumerate(constraints.totals.tolist()):
        mine = constraints.groups == group
        low, high, own = bounds.lower[mine], bounds.upper[mine], charges[mine]
        finite = np.concatenate([(low - own)[np.isfinite(low)], (high - own)[np.isfinite(high)], [0.0]])
        reach = np.abs(finite).max() + abs(total - own.sum()) + 1.0
        ends = [-reach, reach]
        for _ in range(200):
            middle = 0.5 * (ends[0] + ends[1])
            ends[int(np.clip(own + middle, low, high).sum() > total)] = middle
        found[mine] = np.clip(own + ends[0], low, high)
    return found


def _leave_one(low: Array, high: Array, charges: Array, constraints: Constraints, bounds: Bounds) -> None:
    """Let go of one atom of each group of which all are held: it takes what is left of the total."""
    for group in np.flatnonzero(constraints.sums((~(low | high)).astype(np.float64)) == 0):
        members = np.flatnonzero(constraints.groups == group)
        beyond = np.maximum(charges - bounds.upper, bounds.lower - charges)[members]
        atom = members[beyond.argmin()]
        low[atom] = high[atom] = False
