"""Coulomb forces of a locality test as a bilinear form in the charges, for any screening.

The force on atom i of element a is COULOMB · q_a Σ_b q_b E_ib, where E_ib is the field at i of unit charges
on all atoms of element b and their images. 1s Slater densities of one screening s (x = s·r, Rosen, Phys. Rev.
38, 255, 1931) change the interaction of two unit charges by −p(x)/r with

    p(x) = (1 + 11x/16 + 3x²/16 + x³/48) exp(−x).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from ase import Atoms

from superion.calculations.locality.samples import Samples
from superion.electrostatics import COULOMB, CoulombTerm, FixedCharges, Point
from superion.errors import InputError
from superion.neighbours import neighbour_pairs

Array = np.ndarray
SCREENING = 1.2, 10.0
"""1/Å, between which screenings are physical: wider densities are no atoms, narrower ones are points."""
TAIL = 26.0
"""x beyond which p(x) is nothing (3e-9)."""


@dataclass(frozen=True, slots=True)
class Fields:
    """Changes of forces and of fields at M rows, each an atom of a perturbed structure.

    elements: the n symbols. count: (n,) atoms of each in the cell. own: (M,) element of each row. atom: (M,)
    its index. change: (M, 3) eV/Å, perturbed minus
    unperturbed force. points: (M, n, 3) 1/Å², the same of the field of point charges. place, distance,
    direction: (K,), (K,) Å, (K, 3), pairs for the screening in order of distance: row · n + element of the
    other, and unit vectors with the sign of perturbed or unperturbed.
    """

    elements: list[str]
    count: Array
    own: Array
    atom: Array
    change: Array
    points: Array
    place: Array
    distance: Array
    direction: Array

    def fields(self, screening: float) -> tuple[Array, Array]:
        """(M, n, 3) field changes in 1/Å² and their derivative with respect to the screening (1/Å)."""
        near = slice(int(np.searchsorted(self.distance, TAIL / screening)))
        value, slope = _screened(self.distance[near], screening)
        return self.points + self._sum(value), self._sum(slope)

    def screened(self, screening: float) -> Fields:
        """The same with this screening (1/Å) in place of point charges, and no other any more."""
        field, _ = self.fields(screening)
        place, distance, direction = self.place[:0], self.distance[:0], self.direction[:0]
        return replace(self, points=field, place=place, distance=distance, direction=direction)

    def part(self, rows: Array) -> Fields:
        """Some rows, in any order and number; of screened fields only."""
        assert not len(self.distance), "pairs belong to rows"
        return replace(
            self,
            own=self.own[rows],
            atom=self.atom[rows],
            change=self.change[rows],
            points=self.points[rows],
        )

    def forces(self, charges: Array, screening: float) -> tuple[Array, Array, Array]:
        """Changes of the Coulomb force (M, 3) eV/Å, and their derivatives.

        charges: (n,) e. The derivatives are (M, 3, n) with respect to the charges and (M, 3) with respect to
        the screening.
        """
        field, slope = self.fields(screening)
        felt = np.einsum("b,mbk->mk", charges, field)
        own = charges[self.own][:, None]
        by_charge = own[:, :, None] * field.transpose(0, 2, 1)
        by_charge[np.arange(len(felt)), :, self.own] += felt
        by_screening = own * np.einsum("b,mbk->mk", charges, slope)
        return COULOMB * own * felt, COULOMB * by_charge, COULOMB * by_screening

    def _sum(self, pull: Array) -> Array:
        """Sum of K pulls along their directions, (M, n, 3)."""
        size, place = self.points.size // 3, self.place[: len(pull)]
        columns = [np.bincount(place, pull * self.direction[: len(pull), k], size) for k in range(3)]
        return np.stack(columns, axis=1).reshape(self.points.shape)


def field_changes(samples: Samples, radius: float) -> Fields:
    """All atoms of all samples that have nothing displaced within `radius` (Å).

    Raises InputError, naming the largest radius that would do, where there is none.
    """
    start = samples.start
    elements = sorted(set(start.get_chemical_symbols()))
    kind = np.array([elements.index(symbol) for symbol in start.get_chemical_symbols()])
    clear = samples.clearances()
    chosen = [np.flatnonzero(c >= radius) for c in clear]
    if not any(len(rows) for rows in chosen):
        largest = max(float(c.max()) for c in clear)
        raise InputError(
            f"no atom has nothing displaced within {radius:g} Å.",
            remedy=f"choose --radius up to {np.floor(100 * largest) / 100:.2f} Å, or make samples of larger "
            "radii (--radii of superion locality).",
        )
    rest = _point_fields(start, elements, kind)
    parts, pairs, first = [], [], 0
    for atoms, force, rows, k in zip(samples.frames, samples.forces, chosen, range(len(chosen)), strict=True):
        if not len(rows):
            continue
        parts.append(
            (
                rows,
                force[rows] - samples.start_forces[rows],
                _point_fields(atoms, elements, kind)[rows] - rest[rows],
            )
        )
        moved = samples.moved(k)
        for structure, sign in ((atoms, 1.0), (start, -1.0)):
            pairs.append(_pairs(structure, rows, moved, first, sign))
        first += len(rows)
    atom, change, points = (np.concatenate(found) for found in zip(*parts, strict=True))
    row, j, distance, direction = (np.concatenate(found) for found in zip(*pairs, strict=True))
    order = np.argsort(distance)
    place = (row * len(elements) + kind[j])[order]
    count = np.bincount(kind, minlength=len(elements))
    return Fields(elements, count, kind[atom], atom, change, points, place, distance[order], direction[order])


def _point_fields(atoms: Atoms, elements: list[str], kind: Array) -> Array:
    """(N, n, 3) 1/Å², fields at every atom of unit point charges on the atoms of each element.

    From forces for unit charges on one element or two, which a uniform background neutralises.
    """

    def forces(*charged: str) -> Array:
        charges = FixedCharges({symbol: float(symbol in charged) for symbol in elements})
        return CoulombTerm(charges, Point(), background=True).evaluate(atoms).forces / COULOMB

    alone = [forces(symbol) for symbol in elements]
    fields = np.empty((len(atoms), len(elements), 3))
    for b, symbol in enumerate(elements):
        for a, own in enumerate(elements):
            here = kind == a
            both = alone[a] if a == b else forces(symbol, own) - alone[a]
            fields[here, b] = both[here]
    return fields


def _pairs(
    atoms: Atoms, rows: Array, moved: Array, first: int, sign: float
) -> tuple[Array, Array, Array, Array]:
    """Pairs of the atoms `rows`, numbered from `first`, with displaced atoms, for the screening."""
    order = np.concatenate([rows, np.setdiff1d(np.arange(len(atoms)), rows)])
    found = neighbour_pairs(atoms[order], TAIL / SCREENING[0], centres=len(rows))
    keep = moved[order[found.j]]
    direction = -sign * found.vector[keep] / found.distance[keep, None]
    return found.i[keep] + first, order[found.j[keep]], found.distance[keep], direction


def _screened(r: Array, screening: float) -> tuple[Array, Array]:
    """d(p(s·r)/r)/dr in 1/Å² and its derivative with respect to s, for distances r (Å)."""
    x = screening * r
    decay = np.exp(-x)
    value = (1 + x * (11 / 16 + x * (3 / 16 + x / 48))) * decay
    first = -(5 / 16 + x * (5 / 16 + x * (1 / 8 + x / 48))) * decay
    second = x * (1 / 16 + x * (1 / 16 + x / 48)) * decay
    return screening * first / r - value / r**2, screening * second
