"""Neighbour pairs within a cutoff, in the shape all terms share, and lists that last while atoms move."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from superion.compiled import MISSING
from superion.errors import InputError

if MISSING:
    from superion.neighbour_arrays import extent, measure, search, select, two_longest_moves
else:
    from superion.neighbour_loops import extent, measure, select, two_longest_moves
    from superion.neighbour_search import search

Array = np.ndarray

MAX_EXTENT = 1e4  # Å
OVERLAP = 1e-3  # Å
FLAT = 1e-5  # least volume of a cell of which that of a rectangular one with the same lengths is 1
ROUNDING = 1e-9  # a search looks further by this fraction, so that rounding cannot lose a pair


@dataclass(frozen=True, slots=True)
class Pairs:
    """Directed pairs i → j, sorted by i, then j, then periodic image, so that each pair appears twice.

    i, j: (P,) int64. vector: (P, 3) Å, r_j − r_i with the periodic image applied.
    distance: (P,) Å. start: (N + 1,) int64, pairs of atom a are `start[a]:start[a + 1]`; only the first C
    atoms and C + 1 starts if the pairs of C centres were asked for.
    """

    i: Array
    j: Array
    vector: Array
    distance: Array
    start: Array

    @classmethod
    def room(cls, pairs: int, centres: int) -> Pairs:
        """Arrays for so many pairs, not filled yet."""
        i, j = np.empty(pairs, dtype=np.int64), np.empty(pairs, dtype=np.int64)
        return cls(i, j, np.empty((pairs, 3)), np.empty(pairs), np.zeros(centres + 1, dtype=np.int64))

    def filled(self) -> Pairs:
        """The part of these arrays that `start` counts."""
        end = int(self.start[-1])
        return Pairs(self.i[:end], self.j[:end], self.vector[:end], self.distance[:end], self.start)


def neighbour_pairs(atoms: Atoms, cutoff: float, centres: int | None = None) -> Pairs:
    """All directed pairs closer than `cutoff` (Å), any cell, any mixture of periodic axes.

    centres: only the pairs that begin at one of the first `centres` atoms.
    Raises InputError for positions that are not finite and for atoms on top of each other.
    """
    return NeighbourList().update(atoms, cutoff, centres)


class NeighbourList:
    """The pairs of one moving structure, searched for again only when one could have been missed.

    A search looks further than the cutoff by `skin` (Å) and keeps what it finds; while that lasts, only
    vectors and distances are computed (Verlet, Phys. Rev. 159, 98 (1967)). Pairs, their order and their
    vectors are those of a new list, bit for bit. They lie in memory that the next `update` overwrites.
    """

    def __init__(self, skin: float = 0.0) -> None:
        if not 0 <= skin < math.inf:
            raise InputError(f"the skin of a neighbour list must be at least 0 Å, found {skin}.")
        self.skin = float(skin)
        self.searches = 0
        self._longest = 0.0
        self._rooms: dict[float, Pairs] = {}
        self._ready: dict[float, Pairs] = {}
        self.forget()

    def forget(self) -> None:
        """Search again at the next `update`."""
        self._key: tuple[object, ...] | None = None

    def update(self, atoms: Atoms, cutoff: float, centres: int | None = None) -> Pairs:
        """The pairs of `atoms` closer than `cutoff` (Å); arguments and errors of `neighbour_pairs`."""
        known, self._key = self._key, None  # an error below leaves a list that searches again
        self._ready.clear()
        self._longest = float(cutoff)
        positions = np.ascontiguousarray(atoms.positions, dtype=np.float64)
        cell = np.array(atoms.cell.array, dtype=np.float64)
        if not cell.any(axis=1).all():
            cell = atoms.cell.complete().array
        pbc = np.asarray(atoms.pbc, dtype=bool)
        _check(positions, cell, pbc)
        key = (len(atoms), self._longest, centres, *pbc.tolist())
        if key != known:
            self._rooms.clear()
        if key != known or not self._lasts(positions, cell):
            self._search(positions, cell, pbc, len(atoms) if centres is None else centres)
        room = self._room(self._longest, len(self._j))
        nearest, distance = measure(
            positions, cell, self._first, self._j, self._image, self._longest,
            room.i, room.j, room.vector, room.distance, room.start,
        )  # fmt: skip
        if distance < OVERLAP:
            raise _overlap(distance, int(room.i[nearest]), int(room.j[nearest]))
        self._ready[self._longest] = pairs = room.filled()
        self._key = key
        return pairs

    def pairs(self, cutoff: float) -> Pairs:
        """The pairs of the last `update` closer than `cutoff` (Å), which is no longer than the one there."""
        if cutoff not in self._ready:
            if not cutoff <= self._longest or self._longest not in self._ready:
                raise InputError(f"pairs are known up to {self._longest} Å, asked for up to {cutoff} Å.")
            every = self._ready[self._longest]
            room = self._room(cutoff, len(every.j))
            select(
                every.start, every.j, every.vector, every.distance, cutoff,
                room.i, room.j, room.vector, room.distance, room.start,
            )  # fmt: skip
            self._ready[cutoff] = room.filled()
        return self._ready[cutoff]

    def _room(self, cutoff: float, pairs: int) -> Pairs:
        """Memory for the pairs within a cutoff, the same each time as long as it is large enough."""
        room = self._rooms.get(cutoff)
        if room is None or len(room.j) < pairs:
            room = self._rooms[cutoff] = Pairs.room(pairs, len(self._first) - 1)
        return room

    def _lasts(self, positions: Array, cell: Array) -> bool:
        """Whether all pairs within the cutoff are among those of the last search.

        The strain of the cell, applied to all atoms, shortens no distance by more than its smallest singular
        value, and what an atom moved besides brings it closer to another by no more than that.
        """
        strain, shrink = np.eye(3), 1.0
        if not (cell == self._cell).all():
            strain = np.linalg.solve(self._cell, cell)
            shrink = float(np.linalg.svd(strain, compute_uv=False)[-1])
        moved = two_longest_moves(positions, self._positions, strain)
        return shrink * (self._longest + self.skin) - moved >= self._longest

    def _search(self, positions: Array, cell: Array, pbc: Array, centres: int) -> None:
        """Find and sort all pairs within cutoff and skin."""
        lengths = np.linalg.norm(cell, axis=1)
        if abs(np.linalg.det(cell)) < FLAT * lengths.prod():
            raise InputError(
                f"the cell vectors, {lengths.round(2).tolist()} Å long, lie in a plane.",
                remedy="check the cell; along axes that are not periodic, its vectors may be zero.",
            )
        self.searches += 1
        reach = (self._longest + self.skin) * (1 + ROUNDING)
        self._first, self._j, self._image, nearest = search(positions, cell, pbc, reach, centres)
        if nearest[0] < OVERLAP:  # of all atoms, not of the centres alone
            raise _overlap(*nearest)
        self._positions, self._cell = positions.copy(), cell


def _check(positions: Array, cell: Array, pbc: Array) -> None:
    """Raise InputError for a structure that cannot be searched."""
    longest = extent(positions, cell, pbc)
    if math.isnan(longest):
        bad = np.flatnonzero(~np.isfinite(positions).all(axis=1))
        raise InputError(
            f"positions or cell are not finite (atoms {bad[:5].tolist()}).",
            remedy="check the structure; a simulation that gave it has exploded.",
        )
    if longest > MAX_EXTENT:
        raise InputError(
            f"the structure extends over {longest:.1e} Å; at most {MAX_EXTENT:.0e} Å are supported.",
            remedy="check the units of the positions; a simulation that gave it has lost atoms.",
        )


def _overlap(distance: float, i: int, j: int) -> InputError:
    return InputError(
        f"atoms {i} and {j} are {distance:.2e} Å apart: they overlap.",
        remedy="remove one of them, or check the cell and the units of the positions.",
    )
