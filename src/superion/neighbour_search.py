"""Search for all pairs within a reach: atoms sorted into bins, each compared with those of the bins around.

Bins are about half a reach wide (Allen and Tildesley, Computer Simulation of Liquids, 2017, section 5.3). Any
cell will do, also one much smaller than the reach, and any mixture of periodic axes.
"""

from __future__ import annotations

import math

import numpy as np

from superion.compiled import numba

Array = np.ndarray


def search(
    positions: Array, cell: Array, pbc: Array, reach: float, centres: int
) -> tuple[Array, Array, Array, tuple[float, int, int]]:
    """Pairs closer than `reach` (Å) whose first atom is one of the first `centres`, in order.

    positions: (N, 3) Å, anywhere. cell: (3, 3) Å of rank 3. pbc: (3,) bool. Returns the first pair of each
    centre (C + 1,), second atoms (P,) and their periodic images (P, 3), sorted by first atom, second atom,
    image; and the shortest of all distances (Å) with its two atoms.
    """
    inverse = np.linalg.inv(cell)
    place, wraps, bins, span = _bins(positions @ inverse, inverse, pbc, reach)
    ends, first, image, nearest = _pairs(positions, cell, pbc, reach, place, wraps, bins, span)
    return *_transpose(ends, first, image, centres), nearest


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _bins(scaled: Array, inverse: Array, pbc: Array, reach: float) -> tuple[Array, Array, Array, Array]:
    """Bin of each atom (N, 3), how many cells away it is (N, 3), number of bins (3,), how far to look (3,).

    scaled: (N, 3) fractional coordinates, brought into the cell here.
    """
    count = len(scaled)
    wraps = np.zeros((count, 3), dtype=np.int64)
    bins, span = np.ones(3, dtype=np.int64), np.zeros(3, dtype=np.int64)
    width, room = np.empty(3), 1.0
    for x in range(3):
        low, length = 0.0, 1.0
        if pbc[x]:
            for a in range(count):
                wraps[a, x] = math.floor(scaled[a, x])
                scaled[a, x] -= wraps[a, x]
        elif count > 0:
            low = scaled[:, x].min()
            length = scaled[:, x].max() - low
            for a in range(count):
                scaled[a, x] = (scaled[a, x] - low) / length if length > 0.0 else 0.0
        width[x] = length / math.sqrt(inverse[0, x] ** 2 + inverse[1, x] ** 2 + inverse[2, x] ** 2)
        room *= width[x]
    wanted = max(0.5 * reach, (2.0 * room / max(count, 1)) ** (1.0 / 3.0))
    for x in range(3):
        bins[x] = max(1, int(width[x] / wanted))
    while bins.prod() > 8 * count + 8:
        bins[bins.argmax()] = (bins.max() + 1) // 2
    place = np.empty((count, 3), dtype=np.int64)
    for x in range(3):
        span[x] = math.ceil(reach * bins[x] / width[x]) if pbc[x] or bins[x] > 1 else 0
        for a in range(count):
            place[a, x] = min(int(scaled[a, x] * bins[x]), bins[x] - 1)
    return place, wraps, bins, span


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _pairs(
    positions: Array,
    cell: Array,
    pbc: Array,
    reach: float,
    place: Array,
    wraps: Array,
    bins: Array,
    span: Array,
) -> tuple[Array, Array, Array, tuple[float, int, int]]:
    """Ends of the pairs of each second atom (N,), first atoms, images, and the nearest pair."""
    count = len(positions)
    n1, n2, n3 = bins[0], bins[1], bins[2]
    begin = np.zeros(n1 * n2 * n3 + 1, dtype=np.int64)
    for a in range(count):
        begin[(place[a, 0] * n2 + place[a, 1]) * n3 + place[a, 2] + 1] += 1
    for b in range(len(begin) - 1):
        begin[b + 1] += begin[b]
    order, inside = np.empty(count, dtype=np.int64), np.empty((3, count))
    end = begin[:-1].copy()
    for a in range(count):
        b = (place[a, 0] * n2 + place[a, 1]) * n3 + place[a, 2]
        order[end[b]] = a
        for x in range(3):
            back = wraps[a, 0] * cell[0, x] + wraps[a, 1] * cell[1, x] + wraps[a, 2] * cell[2, x]
            inside[x, end[b]] = positions[a, x] - back
        end[b] += 1
    home = np.empty(count, dtype=np.int64)
    for k in range(count):
        home[order[k]] = k
    xs, ys, zs = inside[0], inside[1], inside[2]
    size = 64 * count + 64
    first, image = np.empty(size, dtype=np.int64), np.empty((size, 3), dtype=np.int32)
    ends = np.empty(count, dtype=np.int64)
    found, squares = np.empty(count, dtype=np.int64), np.empty(count)
    total = 0
    limit, shortest, one, two = reach * reach, math.inf, 0, 0
    for a in range(count):
        b1, b2, b3 = place[a, 0], place[a, 1], place[a, 2]
        for c1 in range(b1 - span[0], b1 + span[0] + 1):
            t1 = c1 // n1
            if t1 != 0 and not pbc[0]:
                continue
            for c2 in range(b2 - span[1], b2 + span[1] + 1):
                t2 = c2 // n2
                if t2 != 0 and not pbc[1]:
                    continue
                row = ((c1 - t1 * n1) * n2 + c2 - t2 * n2) * n3
                low, high = b3 - span[2], b3 + span[2]
                if not pbc[2]:
                    low, high = max(low, 0), min(high, n3 - 1)
                for t3 in range(low // n3, high // n3 + 1):
                    x = xs[home[a]] - (t1 * cell[0, 0] + t2 * cell[1, 0] + t3 * cell[2, 0])
                    y = ys[home[a]] - (t1 * cell[0, 1] + t2 * cell[1, 1] + t3 * cell[2, 1])
                    z = zs[home[a]] - (t1 * cell[0, 2] + t2 * cell[1, 2] + t3 * cell[2, 2])
                    here = begin[row + max(low - t3 * n3, 0)]
                    there = begin[row + min(high - t3 * n3, n3 - 1) + 1]
                    if total + there - here > size:
                        size = 2 * size + there - here
                        more, images = np.empty(size, dtype=np.int64), np.empty((size, 3), dtype=np.int32)
                        more[:total], images[:total] = first[:total], image[:total]
                        first, image = more, images
                    hits = 0
                    for k in range(here, there):
                        dx, dy, dz = xs[k] - x, ys[k] - y, zs[k] - z
                        square = dx * dx + dy * dy + dz * dz
                        found[hits], squares[hits] = k, square
                        hits += square < limit
                    for hit in range(hits):
                        b = order[found[hit]]
                        if a == b and t1 == 0 and t2 == 0 and t3 == 0:
                            continue
                        if squares[hit] < shortest:
                            shortest, one, two = squares[hit], min(a, b), max(a, b)
                        first[total] = b
                        image[total, 0] = wraps[b, 0] - wraps[a, 0] - t1
                        image[total, 1] = wraps[b, 1] - wraps[a, 1] - t2
                        image[total, 2] = wraps[b, 2] - wraps[a, 2] - t3
                        total += 1
        ends[a] = total
    return ends, first[:total], image[:total], (math.sqrt(shortest), one, two)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _transpose(ends: Array, first: Array, image: Array, centres: int) -> tuple[Array, Array, Array]:
    """From pairs sorted by second atom to pairs sorted by first atom, second atom, image."""
    begin = np.zeros(centres + 1, dtype=np.int64)
    for a in first:
        if a < centres:
            begin[a + 1] += 1
    for a in range(centres):
        begin[a + 1] += begin[a]
    end = begin[:-1].copy()
    second = np.empty(begin[-1], dtype=np.int64)
    images = np.empty((begin[-1], 3), dtype=np.int32)
    p = 0
    for b in range(len(ends)):
        for q in range(p, ends[b]):
            a = first[q]
            if a >= centres:
                continue
            k = end[a]
            end[a] += 1
            while k > begin[a] and second[k - 1] == b and _later(images[k - 1], image[q]):
                second[k] = b
                images[k] = images[k - 1]
                k -= 1
            second[k] = b
            images[k, 0], images[k, 1], images[k, 2] = image[q, 0], image[q, 1], image[q, 2]
        p = ends[b]
    return begin, second, images


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _later(one: Array, other: Array) -> bool:
    """Whether an image comes after another."""
    for x in range(3):
        if one[x] != other[x]:
            return bool(one[x] > other[x])
    return False
