"""Search for all pairs within a reach: atoms compared with the atoms and images in the bins around them.

Bins are about half a reach wide (Allen and Tildesley, Computer Simulation of Liquids, 2017, section 5.3) and
hold the images that can be met from the cell, so that any cell will do, also one much smaller than the reach,
and any mixture of periodic axes.

vesin finds the same pairs, with the same distances bit for bit, in another order. It takes 0.17, 2.2 and
29 ms for 84, 1008 and 10584 atoms of Li7P3S11 within 5 Å, with its pairs put in order 0.32, 5.6 and 62 ms;
this search takes 0.15, 2.2 and 20 ms in order, so it stays. Without numba vesin does the work
(`neighbour_arrays.py`).
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
    scaled = positions @ inverse
    wraps = np.where(pbc, np.floor(scaled), 0.0)
    scaled -= wraps
    heights = 1.0 / np.sqrt((inverse * inverse).sum(axis=0))
    atom, image, place, bins, span = _bins(scaled, pbc, heights, reach)
    ends, first, images, nearest = _pairs(
        positions - wraps @ cell, cell, wraps.astype(np.int32), reach, atom, image, place, bins, span
    )
    return *_transpose(ends, first, images, centres), nearest


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _bins(
    scaled: Array, pbc: Array, heights: Array, reach: float
) -> tuple[Array, Array, Array, Array, Array]:
    """Atoms and images that can be met from the cell: atom (G,), image (G, 3), bin (G, 3); the atoms first.

    scaled: (N, 3) fractional coordinates, inside the cell along periodic axes. Also returns the numbers of
    bins (3,) and how many of them to look to either side (3,).
    """
    count, total = len(scaled), len(scaled)
    margin = reach / heights
    low, length = np.zeros(3), np.ones(3)
    for x in range(3):
        if pbc[x]:
            low[x], length[x] = -margin[x], 1.0 + 2.0 * margin[x]
        elif count > 0:
            low[x] = scaled[:, x].min()
            length[x] = scaled[:, x].max() - low[x]
    least, most = np.zeros((count, 3), dtype=np.int32), np.zeros((count, 3), dtype=np.int32)
    for a in range(count):
        images = 1
        for x in range(3):
            if pbc[x]:
                least[a, x] = math.ceil(-margin[x] - scaled[a, x])
                most[a, x] = math.floor(1.0 + margin[x] - scaled[a, x])
            images *= most[a, x] - least[a, x] + 1
        total += images - 1
    atom, image = np.empty(total, dtype=np.int64), np.zeros((total, 3), dtype=np.int32)
    g = count
    for a in range(count):
        atom[a] = a
        for s in range(least[a, 0], most[a, 0] + 1):
            for t in range(least[a, 1], most[a, 1] + 1):
                for u in range(least[a, 2], most[a, 2] + 1):
                    if s != 0 or t != 0 or u != 0:
                        atom[g], image[g, 0], image[g, 1], image[g, 2] = a, s, t, u
                        g += 1
    extent = length * heights
    width = max(0.5 * reach, (2.0 * extent[0] * extent[1] * extent[2] / max(total, 1)) ** (1.0 / 3.0))
    bins, span = np.ones(3, dtype=np.int64), np.zeros(3, dtype=np.int64)
    for x in range(3):
        bins[x] = max(1, int(extent[x] / width))
    while bins[0] * bins[1] * bins[2] > 8 * total + 8:
        bins[bins.argmax()] = (bins.max() + 1) // 2
    place = np.empty((total, 3), dtype=np.int64)
    for x in range(3):
        if bins[x] > 1:
            span[x] = math.ceil(reach * bins[x] / extent[x])
        scale = bins[x] / length[x] if bins[x] > 1 else 0.0
        for k in range(total):
            place[k, x] = min(int((scaled[atom[k], x] + image[k, x] - low[x]) * scale), bins[x] - 1)
    return atom, image, place, bins, span


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _pairs(
    inside: Array,
    cell: Array,
    wraps: Array,
    reach: float,
    atom: Array,
    image: Array,
    place: Array,
    bins: Array,
    span: Array,
) -> tuple[Array, Array, Array, tuple[float, int, int]]:
    """Ends of the pairs of each second atom (N,), first atoms, images, and the nearest pair."""
    count, total = len(inside), len(atom)
    n1, n2, n3 = bins[0], bins[1], bins[2]
    begin = np.zeros(n1 * n2 * n3 + 1, dtype=np.int64)
    for g in range(total):
        begin[(place[g, 0] * n2 + place[g, 1]) * n3 + place[g, 2] + 1] += 1
    for b in range(n1 * n2 * n3):
        begin[b + 1] += begin[b]
    order, end = np.empty(total, dtype=np.int64), begin[:-1].copy()
    xs, ys, zs = np.empty(total), np.empty(total), np.empty(total)
    for g in range(total):
        b = (place[g, 0] * n2 + place[g, 1]) * n3 + place[g, 2]
        k, a = end[b], atom[g]
        end[b] += 1
        order[k] = g
        s, t, u = image[g, 0], image[g, 1], image[g, 2]
        xs[k] = inside[a, 0] + (s * cell[0, 0] + t * cell[1, 0] + u * cell[2, 0])
        ys[k] = inside[a, 1] + (s * cell[0, 1] + t * cell[1, 1] + u * cell[2, 1])
        zs[k] = inside[a, 2] + (s * cell[0, 2] + t * cell[1, 2] + u * cell[2, 2])
    size, filled = 64 * count + 64, 0
    first, images = np.empty(size, dtype=np.int64), np.empty((size, 3), dtype=np.int32)
    ends = np.empty(count, dtype=np.int64)
    found, squares = np.empty(total, dtype=np.int64), np.empty(total)
    limit, shortest, one, two = reach * reach, math.inf, 0, 0
    for a in range(count):
        x, y, z = inside[a, 0], inside[a, 1], inside[a, 2]
        hits = 0
        low, high = max(place[a, 2] - span[2], 0), min(place[a, 2] + span[2], n3 - 1)
        for c1 in range(max(place[a, 0] - span[0], 0), min(place[a, 0] + span[0], n1 - 1) + 1):
            for c2 in range(max(place[a, 1] - span[1], 0), min(place[a, 1] + span[1], n2 - 1) + 1):
                row = (c1 * n2 + c2) * n3
                for k in range(begin[row + low], begin[row + high + 1]):
                    dx, dy, dz = xs[k] - x, ys[k] - y, zs[k] - z
                    square = dx * dx + dy * dy + dz * dz
                    found[hits], squares[hits] = order[k], square
                    hits += square < limit
        if filled + hits > size:
            size = 2 * size + hits
            more, others = np.empty(size, dtype=np.int64), np.empty((size, 3), dtype=np.int32)
            more[:filled], others[:filled] = first[:filled], images[:filled]
            first, images = more, others
        for k in range(hits):
            g = found[k]
            if g == a:
                continue
            b = atom[g]
            if squares[k] < shortest:
                shortest, one, two = squares[k], min(a, b), max(a, b)
            first[filled] = b
            for v in range(3):
                images[filled, v] = wraps[b, v] - wraps[a, v] - image[g, v]
            filled += 1
        ends[a] = filled
    return ends, first[:filled], images[:filled], (math.sqrt(shortest), one, two)


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


@numba.njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _later(one: Array, other: Array) -> bool:
    """Whether an image comes after another."""
    for x in range(3):
        if one[x] != other[x]:
            return bool(one[x] > other[x])
    return False
