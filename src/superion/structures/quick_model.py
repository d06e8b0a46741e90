"""A cheap linear model of energies, forces and stresses, to ask labels whether they agree with each other.

Per atom: a pair energy by species, and quadratic invariants of its neighbourhood, which know angles. The
forms are those of linear potentials (pairs in the Morse variable: Lindsey, Fried, Goldman, J. Chem. Theory
Comput. 13, 6222 (2017); invariants of tensors: Shapeev, Multiscale Model. Simul. 14, 1153 (2016)). It is no
potential: it is good to some ten per cent of a force, enough to see labels that are not of their atoms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from ase import Atoms

from superion.neighbours import Pairs, neighbour_pairs

Array = np.ndarray

CUTOFF = 5.5
"""Å."""
ORDERS = 8
"""Radial functions of a pair."""
SHELLS = (1.0, 2.0)
"""Decay of the radial functions of a neighbourhood, in multiples of the shortest distance."""
RANKS = 3
"""Scalars, vectors and matrices of a neighbourhood: their products are moments of the cosine of an angle."""
_MATRIX = [(0, 0, 1.0), (1, 1, 1.0), (2, 2, 1.0), (0, 1, 2.0), (0, 2, 2.0), (1, 2, 2.0)]


@dataclass(frozen=True, slots=True)
class Design:
    """What the labels of one frame are in terms of F coefficients, compositions aside.

    energy: (F,). forces: (N, 3, F). virial: (3, 3, F), −dE/dε.
    """

    energy: Array
    forces: Array
    virial: Array


class Basis:
    """Functions of the neighbourhoods of some species; `angles` False leaves the invariants out."""

    def __init__(self, frames: Sequence[Atoms], *, angles: bool = True) -> None:
        self.species = sorted({int(z) for atoms in frames for z in atoms.numbers})
        self._row = np.zeros(max(self.species) + 1, dtype=np.int64)
        self._row[self.species] = np.arange(len(self.species))
        count = len(self.species)
        self._pair = np.zeros((count, count), dtype=np.int64)
        for k, (a, b) in enumerate(combinations_with_replacement(range(count), 2)):
            self._pair[a, b] = self._pair[b, a] = k
        self.pairs = count * (count + 1) // 2
        self.shortest = _shortest(frames, self._row, self._pair, self.pairs)
        self.angles = angles
        self._two_body = self.pairs * ORDERS
        self.size = self._two_body + (count * self.pairs * len(SHELLS) * RANKS if angles else 0)

    def design(self, atoms: Atoms) -> Design:
        """The design of a frame."""
        found = neighbour_pairs(atoms, CUTOFF)
        n, rows = len(atoms), self._row[atoms.numbers]
        unit = found.vector / found.distance[:, None]
        kind = self._pair[rows[found.i], rows[found.j]]
        scale = self.shortest[kind]
        energy = np.zeros(self.size)
        # gradient of the energy of centre i by the position of neighbour j: columns (pair, feature) → vector
        index, gradient, owner = [], [], []
        value, slope = _radial(found.distance, scale)
        for k in range(ORDERS):
            column = kind * ORDERS + k
            energy += 0.5 * np.bincount(column, value[k], self.size)
            index.append(column)
            gradient.append(0.5 * slope[k][:, None] * unit)
            owner.append(np.arange(len(kind)))
        if self.angles:
            self._invariants(found, rows, unit, energy, index, gradient, owner)
        columns, vectors, pair = np.concatenate(index), np.concatenate(gradient), np.concatenate(owner)
        forces = np.empty((n, 3, self.size))
        at_j, at_i = found.j[pair] * self.size + columns, found.i[pair] * self.size + columns
        virial = np.empty((3, 3, self.size))
        arm = found.vector[pair]
        for a in range(3):
            forces[:, a] = (
                np.bincount(at_i, vectors[:, a], n * self.size)
                - np.bincount(at_j, vectors[:, a], n * self.size)
            ).reshape(n, self.size)
            for b in range(a, 3):
                virial[a, b] = virial[b, a] = -np.bincount(columns, vectors[:, a] * arm[:, b], self.size)
        return Design(energy, forces, virial)

    def _invariants(
        self,
        found: Pairs,
        rows: Array,
        unit: Array,
        energy: Array,
        index: list[Array],
        gradient: list[Array],
        owner: list[Array],
    ) -> None:
        """Add products of moments to the energy, and their gradients by neighbour to the lists."""
        n, count = len(rows), len(self.species)
        centre, other = rows[found.i], rows[found.j]
        scale = self.shortest[self._pair[centre, other]]
        slot = found.i * count + other
        everyone = np.arange(len(centre))
        x, y, z = unit.T
        components = [
            [(np.ones_like(x), 1.0)],
            [(x, 1.0), (y, 1.0), (z, 1.0)],
            [(unit[:, a] * unit[:, b], weight) for a, b, weight in _MATRIX],
        ]
        for k, width in enumerate(SHELLS):
            g, dg = _decay(found.distance, scale, width)
            for rank in range(RANKS):
                moments = np.array(
                    [np.bincount(slot, g * c, n * count).reshape(n, count) for c, _ in components[rank]]
                )
                weights = np.array([w for _, w in components[rank]])
                base = self._two_body + (k * RANKS + rank) * count * self.pairs
                for b in range(count):  # partner species
                    m = moments[:, found.i, b]  # (C, P): moment of the partner at the centre of each pair
                    column = base + centre * self.pairs + self._pair[other, b]
                    # d(M_a·M_b)/dr_j of neighbour j of species a; both factors where a = b
                    factor = np.where(other == b, 2.0, 1.0)
                    values = np.array([c for c, _ in components[rank]])
                    along = (weights[:, None] * m * values).sum(axis=0)
                    vector = (dg * along)[:, None] * unit
                    over = g / found.distance
                    if rank == 1:
                        flat = m.T
                        vector += over[:, None] * (flat - (flat * unit).sum(axis=1)[:, None] * unit)
                    elif rank == 2:
                        mx = np.stack(
                            [
                                m[0] * x + m[3] * y + m[4] * z,
                                m[3] * x + m[1] * y + m[5] * z,
                                m[4] * x + m[5] * y + m[2] * z,
                            ],
                            axis=1,
                        )
                        vector += 2 * over[:, None] * (mx - (mx * unit).sum(axis=1)[:, None] * unit)
                    index.append(column)
                    gradient.append(factor[:, None] * vector)
                    owner.append(everyone)
                    for a in range(b + 1):
                        product = (weights[:, None] * moments[:, :, a] * moments[:, :, b]).sum(axis=0)
                        column = base + rows * self.pairs + self._pair[a, b]
                        energy += np.bincount(column, product, self.size)


def _shortest(frames: Sequence[Atoms], row: Array, pair: Array, count: int) -> Array:
    """Shortest distance (Å) of each kind of pair; half the cutoff for those that never meet."""
    found = np.full(count, np.inf)
    for atoms in frames:
        near = neighbour_pairs(atoms, CUTOFF)
        kind = pair[row[atoms.numbers[near.i]], row[atoms.numbers[near.j]]]
        np.minimum.at(found, kind, near.distance)
    return np.where(np.isfinite(found), found, CUTOFF / 2)


def _fade(r: Array) -> tuple[Array, Array]:
    """A factor that ends at the cutoff with two derivatives, and its derivative."""
    t = 1 - r / CUTOFF
    return t**3, -3 * t**2 / CUTOFF


def _radial(r: Array, scale: Array) -> tuple[Array, Array]:
    """Chebyshev polynomials (ORDERS, P) of a Morse variable times the fade, and their derivatives."""
    end = np.exp(-CUTOFF / scale)
    start = np.exp(-1.0)
    e = np.exp(-r / scale)
    x = 2 * (e - end) / (start - end) - 1
    dx = -2 * e / scale / (start - end)
    fade, dfade = _fade(r)
    t, dt = [np.ones_like(x), x], [np.zeros_like(x), np.ones_like(x)]
    while len(t) < ORDERS:
        t.append(2 * x * t[-1] - t[-2])
        dt.append(2 * t[-2] + 2 * x * dt[-1] - dt[-2])
    return np.array(t) * fade, np.array(dt) * dx * fade + np.array(t) * dfade


def _decay(r: Array, scale: Array, width: float) -> tuple[Array, Array]:
    fade, dfade = _fade(r)
    e = np.exp(-((r / (width * scale)) ** 2))
    return e * fade, e * (dfade - 2 * r / (width * scale) ** 2 * fade)
