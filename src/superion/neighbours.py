"""Neighbour pairs within a cutoff, in the shape all terms share, and lists that last while atoms move."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numba
import numpy as np
import vesin
from ase import Atoms

from superion.errors import InputError

Array = np.ndarray

MAX_EXTENT = 1e4  # Å
OVERLAP = 1e-3  # Å
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
        nearest, distance = _measure(
            positions, cell, self._first, self._j, self._image, self._longest,
            room.i, room.j, room.vector, room.distance, room.start,
        )  # fmt: skip
        if distance < OVERLAP:
            raise _overlap(int(room.i[nearest]), int(room.j[nearest]), distance)
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
            _select(
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
        if not np.array_equal(cell, self._cell):
            if np.linalg.det(self._cell) == 0:
                return False
            strain = np.linalg.solve(self._cell, cell)
            shrink = float(np.linalg.svd(strain, compute_uv=False)[-1])
        moved = _two_longest_moves(positions, self._positions, strain)
        return shrink * (self._longest + self.skin) - moved >= self._longest

    def _search(self, positions: Array, cell: Array, pbc: Array, centres: int) -> None:
        """Find and sort all pairs within cutoff and skin."""
        self.searches += 1
        reach = (self._longest + self.skin) * (1 + ROUNDING)
        search = vesin.NeighborList(cutoff=reach, full_list=True)
        both, image, distance = search.compute(
            points=positions, box=cell, periodic=pbc, quantities="PSd", copy=False
        )
        if distance.min(initial=math.inf) < OVERLAP:  # of all atoms, not of the centres alone
            nearest = int(distance.argmin())
            i, j = sorted(both[nearest].tolist())
            raise _overlap(i, j, float(distance[nearest]))
        self._first, self._j, self._image = _sort(both, image, len(positions), centres)
        self._positions, self._cell = positions.copy(), cell


def _check(positions: Array, cell: Array, pbc: Array) -> None:
    """Raise InputError for a structure that cannot be searched."""
    extent = _extent(positions, cell, pbc)
    if math.isnan(extent):
        bad = np.flatnonzero(~np.isfinite(positions).all(axis=1))
        raise InputError(
            f"positions or cell are not finite (atoms {bad[:5].tolist()}).",
            remedy="check the structure; a simulation that gave it has exploded.",
        )
    # beyond this the cell list of vesin overflows, which would end the interpreter
    if extent > MAX_EXTENT:
        raise InputError(
            f"the structure extends over {extent:.1e} Å; at most {MAX_EXTENT:.0e} Å are supported.",
            remedy="check the units of the positions; a simulation that gave it has lost atoms.",
        )


def _overlap(i: int, j: int, distance: float) -> InputError:
    return InputError(
        f"atoms {i} and {j} are {distance:.2e} Å apart: they overlap.",
        remedy="remove one of them, or check the cell and the units of the positions.",
    )


@numba.njit(cache=True, nogil=True)
def _extent(positions: Array, cell: Array, pbc: Array) -> float:
    """Longest periodic cell vector or spread along another axis in Å; NaN if any number is not finite."""
    longest = 0.0
    for axis in range(3):
        low, high, square = math.inf, -math.inf, 0.0
        for k in range(len(positions)):
            x = positions[k, axis]
            if not math.isfinite(x):
                return math.nan
            low, high = min(low, x), max(high, x)
        for k in range(3):
            if not math.isfinite(cell[axis, k]):
                return math.nan
            square += cell[axis, k] ** 2
        longest = max(longest, math.sqrt(square) if pbc[axis] else high - low)
    return longest


@numba.njit(cache=True, nogil=True)
def _two_longest_moves(positions: Array, before: Array, strain: Array) -> float:
    """Sum in Å of the two longest moves from where the strain alone would have brought the atoms."""
    first = second = 0.0
    for a in range(len(positions)):
        square = 0.0
        for x in range(3):
            place = before[a, 0] * strain[0, x] + before[a, 1] * strain[1, x] + before[a, 2] * strain[2, x]
            square += (positions[a, x] - place) ** 2
        if square > first:
            first, second = square, first
        elif square > second:
            second = square
    return math.sqrt(first) + math.sqrt(second)


@numba.njit(cache=True, nogil=True)
def _sort(both: Array, image: Array, atoms: int, centres: int) -> tuple[Array, Array, Array]:
    """First pair of each centre, second atoms and images, sorted by first atom, second atom, image."""
    count = len(both)
    order = np.empty(count, dtype=np.int64)
    begin = np.zeros(atoms + 1, dtype=np.int64)
    for p in range(count):
        begin[both[p, 1] + 1] += 1
    for a in range(atoms):
        begin[a + 1] += begin[a]
    for p in range(count):
        b = both[p, 1]
        order[begin[b]] = p
        begin[b] += 1
    first = np.zeros(centres + 1, dtype=np.int64)
    for p in range(count):
        if both[p, 0] < centres:
            first[both[p, 0] + 1] += 1
    for a in range(centres):
        first[a + 1] += first[a]
    end = first[:-1].copy()
    j = np.empty(first[-1], dtype=np.int64)
    images = np.empty((first[-1], 3), dtype=np.int32)
    for q in order:
        a, b = both[q, 0], both[q, 1]
        if a >= centres:
            continue
        k = end[a]
        end[a] += 1
        while k > first[a] and j[k - 1] == b and _later(images[k - 1], image[q]):
            j[k] = j[k - 1]
            images[k] = images[k - 1]
            k -= 1
        j[k] = b
        images[k] = image[q]
    return first, j, images


@numba.njit(cache=True, nogil=True)
def _later(one: Array, other: Array) -> bool:
    """Whether an image comes after another."""
    for x in range(3):
        if one[x] != other[x]:
            return bool(one[x] > other[x])
    return False


@numba.njit(cache=True, nogil=True)
def _measure(
    positions: Array, cell: Array, first: Array, second: Array, image: Array, cutoff: float,
    i: Array, j: Array, vector: Array, distance: Array, start: Array,
) -> tuple[int, float]:  # fmt: skip
    """Fill i, j, vector, distance, start with the pairs within the cutoff; the nearest, its distance."""
    count, nearest, shortest = 0, 0, math.inf
    for a in range(len(first) - 1):
        start[a] = count
        for p in range(first[a], first[a + 1]):
            b = second[p]
            s, t, u = image[p, 0], image[p, 1], image[p, 2]
            x = positions[b, 0] - positions[a, 0] + (s * cell[0, 0] + t * cell[1, 0] + u * cell[2, 0])
            y = positions[b, 1] - positions[a, 1] + (s * cell[0, 1] + t * cell[1, 1] + u * cell[2, 1])
            z = positions[b, 2] - positions[a, 2] + (s * cell[0, 2] + t * cell[1, 2] + u * cell[2, 2])
            r = math.sqrt(x * x + y * y + z * z)
            if r < cutoff:
                i[count], j[count], distance[count] = a, b, r
                vector[count, 0], vector[count, 1], vector[count, 2] = x, y, z
                if r < shortest:
                    nearest, shortest = count, r
                count += 1
    start[len(first) - 1] = count
    return nearest, shortest


@numba.njit(cache=True, nogil=True)
def _select(
    first: Array, second: Array, vectors: Array, distances: Array, cutoff: float,
    i: Array, j: Array, vector: Array, distance: Array, start: Array,
) -> None:  # fmt: skip
    """Fill i, j, vector, distance and start with those of the given pairs that are within the cutoff."""
    count = 0
    for a in range(len(first) - 1):
        start[a] = count
        for p in range(first[a], first[a + 1]):
            if distances[p] < cutoff:
                i[count], j[count], distance[count] = a, second[p], distances[p]
                vector[count, 0], vector[count, 1] = vectors[p, 0], vectors[p, 1]
                vector[count, 2] = vectors[p, 2]
                count += 1
    start[len(first) - 1] = count
