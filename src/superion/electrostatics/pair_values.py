"""The short-range part of an Ewald sum as numbers that are kept, one for each pair within the cutoff.

Where many sums differ in the charges alone, as in the iterations of a charge equilibration, distances and
tables are looked at once: the value of a pair is [K_ij(r) − K_ij(R)]/r of `real_space`. A sum is then one
pass over the numbers, of 12 bytes for each pair.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from superion.compiled import numba
from superion.electrostatics.lattice import Lattice
from superion.electrostatics.real_space import at_cutoff, check_closest, check_splitting, sort_into_bins
from superion.electrostatics.tables import ERFC_STEPS, PenetrationTables, erfc_rows, look_up

Array = np.ndarray


@dataclass(frozen=True, slots=True)
class PairValues:
    """Pairs of N atoms, each once, in the order of their bins.

    order: (N,) int64, the atom at each place. start: (N + 1,) int64, the pairs that begin at each place.
    neighbour: (P,) int32, place of the other atom. value: (P,) 1/Å.
    """

    order: Array
    start: Array
    neighbour: Array
    value: Array

    @classmethod
    def of(
        cls, lattice: Lattice, kinds: Array, tables: PenetrationTables, alpha: float, cutoff: float
    ) -> PairValues:
        """The pairs closer than the cutoff (Å); arguments and errors of `real_space_sum`."""
        check_splitting(alpha, cutoff)
        order, first, bins, span = sort_into_bins(lattice, cutoff)
        places = (
            np.ascontiguousarray(lattice.positions[order].T),
            kinds[order],
            lattice.axes,
            first,
            bins,
            span,
            float(alpha),
            float(cutoff),
            erfc_rows(),
            tables.rows,
            tables.first,
            tables.steps,
            tables.ends,
            at_cutoff(tables, alpha, cutoff),
        )
        start = np.zeros(len(order) + 1, dtype=np.int64)
        none = np.empty(0, dtype=np.int32), np.empty(0)
        _walk(*places, False, start, *none)
        start[1:] = np.cumsum(start[1:])
        neighbour, value = np.empty(start[-1], dtype=np.int32), np.empty(start[-1])
        check_closest(_walk(*places, True, start, neighbour, value), order)
        return cls(order, start, neighbour, value)

    def times(self, charges: Array) -> Array:
        """(N,) e/Å potential of charges (N,) e."""
        potential = np.empty_like(charges)
        potential[self.order] = _times(self.start, self.neighbour, self.value, charges[self.order])
        return potential

    def add_to(self, matrix: Array) -> None:
        """Add the interactions to (N, N), 1/Å, twice on the diagonal, where an atom meets its images."""
        _scatter(self.order, self.start, self.neighbour, self.value, matrix)


@numba.njit(cache=True, nogil=True)
def _times(start: Array, neighbour: Array, value: Array, charges: Array) -> Array:
    potential = np.zeros(len(charges))
    for i in range(len(charges)):
        felt, own = 0.0, charges[i]
        for p in range(start[i], start[i + 1]):
            j = neighbour[p]
            felt += value[p] * charges[j]
            potential[j] += value[p] * own
        potential[i] += felt
    return potential


@numba.njit(cache=True, nogil=True)
def _scatter(order: Array, start: Array, neighbour: Array, value: Array, matrix: Array) -> None:
    for i in range(len(order)):
        a = order[i]
        for p in range(start[i], start[i + 1]):
            b = order[neighbour[p]]
            matrix[a, b] += value[p]
            matrix[b, a] += value[p]


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "reassoc"})
def _walk(
    xyz: Array,
    kinds: Array,
    axes: Array,
    first_of: Array,
    bins: Array,
    span: Array,
    alpha: float,
    cutoff: float,
    erfc_table: Array,
    rows: Array,
    first: Array,
    steps: Array,
    ends: Array,
    shift: Array,
    fill: bool,
    start: Array,
    neighbour: Array,
    value: Array,
) -> Array:
    """Count the pairs of place i in start[i + 1], or fill them in from start[i]; the closest (r², i, j)."""
    xs, ys, zs = xyz[0], xyz[1], xyz[2]
    closest = np.array([np.inf, 0.0, 0.0])
    limit = cutoff * cutoff
    n1, n2, n3 = bins
    m1, m2, m3 = span
    for b1 in range(n1):
        for b2 in range(n2):
            for b3 in range(n3):
                home = (b1 * n2 + b2) * n3 + b3
                for i in range(first_of[home], first_of[home + 1]):
                    end_of_i = start[i]
                    count = 0
                    for o1 in range(m1 + 1):
                        t1 = (b1 + o1) // n1
                        for o2 in range(-m2 if o1 > 0 else 0, m2 + 1):
                            t2 = (b2 + o2) // n2
                            row = ((b1 + o1 - t1 * n1) * n2 + b2 + o2 - t2 * n2) * n3
                            own_row = o1 == 0 and o2 == 0
                            low = b3 if own_row else b3 - m3
                            high = b3 + m3
                            for t3 in range(low // n3, high // n3 + 1):
                                begin = first_of[row + max(low - t3 * n3, 0)]
                                end = first_of[row + min(high - t3 * n3, n3 - 1) + 1]
                                if own_row and t3 == 0:
                                    begin = i + 1
                                x = xs[i] - t1 * axes[0, 0] - t2 * axes[1, 0] - t3 * axes[2, 0]
                                y = ys[i] - t1 * axes[0, 1] - t2 * axes[1, 1] - t3 * axes[2, 1]
                                z = zs[i] - t1 * axes[0, 2] - t2 * axes[1, 2] - t3 * axes[2, 2]
                                if not fill:
                                    for j in range(begin, end):
                                        dx, dy, dz = xs[j] - x, ys[j] - y, zs[j] - z
                                        count += dx * dx + dy * dy + dz * dz < limit
                                    continue
                                for j in range(begin, end):
                                    dx, dy, dz = xs[j] - x, ys[j] - y, zs[j] - z
                                    square = dx * dx + dy * dy + dz * dz
                                    if square >= limit:
                                        continue
                                    if square < closest[0]:
                                        closest[0], closest[1], closest[2] = square, i, j
                                    r = np.sqrt(square)
                                    kernel, _ = look_up(erfc_table, 0, alpha * r * ERFC_STEPS)
                                    a, b = kinds[i], kinds[j]
                                    if r < ends[a, b]:
                                        bare, _ = look_up(rows, first[a, b], r * steps[a, b])
                                        kernel -= bare
                                    neighbour[end_of_i] = j
                                    value[end_of_i] = (kernel - shift[a, b]) / r
                                    end_of_i += 1
                    if not fill:
                        start[i + 1] = count
    return closest
