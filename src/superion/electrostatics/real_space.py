"""The short-range part of an Ewald sum: pairs within a cutoff, visited as they are found.

    Σ_pairs q_i q_j [K_ij(r) − K_ij(R)]/r,   K_ij(r) = erfc(αr) − (1 − r·φ_ij(r)),   r < R

Atoms are sorted into bins half a cutoff wide (Allen and Tildesley, Computer Simulation of Liquids, 2017,
section 5.3); each pair of an atom and an image is met once. Nothing is stored per pair, which takes a fifth
of the time of making a list and going through it. Any cell will do, also one much smaller than the cutoff.
"""

from __future__ import annotations

from math import erfc, sqrt

import numpy as np

from superion.compiled import numba
from superion.electrostatics.images import OVERLAP, overlap
from superion.electrostatics.lattice import Lattice, Sums
from superion.electrostatics.tables import ERFC_END, ERFC_STEPS, PenetrationTables, erfc_rows, look_up
from superion.errors import InputError

Array = np.ndarray


def real_space_sum(
    lattice: Lattice,
    charges: Array,
    kinds: Array,
    tables: PenetrationTables,
    alpha: float,
    cutoff: float,
) -> Sums:
    """The sum over pairs closer than the cutoff (Å); alpha in 1/Å.

    charges: (N,) e. kinds: (N,) int64, the density of each atom in `tables`. Raises InputError for atoms on
    top of each other, and for alpha times cutoff beyond the table of erfc.
    """
    check_splitting(alpha, cutoff)
    count = len(charges)
    order, start, bins, span = sort_into_bins(lattice, cutoff)
    potential, forces, virial, closest = _pair_loop(
        np.ascontiguousarray(lattice.positions[order].T),
        charges[order],
        kinds[order],
        lattice.axes,
        start,
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
    check_closest(closest, order)
    back = np.empty_like(order)
    back[order] = np.arange(count)
    return Sums(potential[back], forces[back], virial)


def check_splitting(alpha: float, cutoff: float) -> None:
    """Raise InputError for alpha (1/Å) times cutoff (Å) beyond the table of erfc."""
    if not 0 < alpha * cutoff < ERFC_END:
        raise InputError(
            f"alpha times cutoff must lie between 0 and {ERFC_END}, found {alpha * cutoff:.3g}.",
            remedy="shorten the cutoff: beyond, erfc is zero in double precision.",
        )


def check_closest(closest: Array, order: Array) -> None:
    """Raise InputError if the closest pair (r², i, j) is of atoms on top of each other."""
    distance = sqrt(closest[0])
    if distance < OVERLAP:
        i, j = sorted(int(order[int(k)]) for k in closest[1:])
        raise overlap(i, j, distance)


def sort_into_bins(lattice: Lattice, cutoff: float) -> tuple[Array, Array, Array, Array]:
    """Atoms in the order of their bins (N,), the first of each bin, bins (3,) and how many a cutoff spans."""
    count = len(lattice.fractional)
    width = max(cutoff / 2, (2 * lattice.volume / max(count, 1)) ** (1 / 3))
    bins = np.clip(lattice.heights / width, 1, max(count, 1)).astype(np.int64)
    span = np.ceil(cutoff * bins / lattice.heights * (1 + 1e-12)).astype(np.int64)
    place = np.minimum((lattice.fractional * bins).astype(np.int64), bins - 1)
    place = (place[:, 0] * bins[1] + place[:, 1]) * bins[2] + place[:, 2]
    order = np.argsort(place, kind="stable")
    start = np.zeros(int(bins.prod()) + 1, dtype=np.int64)
    np.cumsum(np.bincount(place, minlength=len(start) - 1), out=start[1:])
    return order, start, bins, span


def at_cutoff(tables: PenetrationTables, alpha: float, cutoff: float) -> Array:
    """(D, D) the K of each pair of densities at the cutoff, without unit."""
    shift = np.full(tables.ends.shape, erfc(alpha * cutoff))
    for pair in np.ndindex(shift.shape):
        if cutoff < tables.ends[pair]:
            x = cutoff * tables.steps[pair]
            shift[pair] -= tables.rows[tables.first[pair] + int(x)] @ (x - int(x)) ** np.arange(6)
    return shift


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "reassoc"})
def _pair_loop(
    xyz: Array,
    charges: Array,
    kinds: Array,
    axes: Array,
    start: Array,
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
) -> tuple[Array, Array, Array, Array]:
    """Potential, forces, virial, and the closest pair as (r², i, j); all arrays sorted by bin."""
    count = len(charges)
    xs, ys, zs = xyz[0], xyz[1], xyz[2]
    potential = np.zeros(count)
    forces = np.zeros((count, 3))
    virial = np.zeros((3, 3))
    closest = np.array([np.inf, 0.0, 0.0])
    found = np.empty(count, dtype=np.int64)
    limit = cutoff * cutoff
    n1, n2, n3 = bins
    m1, m2, m3 = span
    vxx = vyy = vzz = vyz = vxz = vxy = 0.0
    for b1 in range(n1):
        for b2 in range(n2):
            for b3 in range(n3):
                home = (b1 * n2 + b2) * n3 + b3
                if start[home] == start[home + 1]:
                    continue
                for o1 in range(m1 + 1):
                    t1 = (b1 + o1) // n1
                    for o2 in range(-m2 if o1 > 0 else 0, m2 + 1):
                        t2 = (b2 + o2) // n2
                        row = ((b1 + o1 - t1 * n1) * n2 + b2 + o2 - t2 * n2) * n3
                        own_row = o1 == 0 and o2 == 0
                        low = b3 if own_row else b3 - m3
                        high = b3 + m3
                        for t3 in range(low // n3, high // n3 + 1):
                            begin = start[row + max(low - t3 * n3, 0)]
                            end = start[row + min(high - t3 * n3, n3 - 1) + 1]
                            if begin == end:
                                continue
                            sx = t1 * axes[0, 0] + t2 * axes[1, 0] + t3 * axes[2, 0]
                            sy = t1 * axes[0, 1] + t2 * axes[1, 1] + t3 * axes[2, 1]
                            sz = t1 * axes[0, 2] + t2 * axes[1, 2] + t3 * axes[2, 2]
                            for i in range(start[home], start[home + 1]):
                                if own_row and t3 == 0:
                                    begin = i + 1
                                x, y, z = xs[i] - sx, ys[i] - sy, zs[i] - sz
                                hits = 0
                                for j in range(begin, end):
                                    dx, dy, dz = xs[j] - x, ys[j] - y, zs[j] - z
                                    found[hits] = j
                                    hits += dx * dx + dy * dy + dz * dz < limit
                                fx = fy = fz = felt = 0.0
                                for h in range(hits):
                                    j = found[h]
                                    dx, dy, dz = xs[j] - x, ys[j] - y, zs[j] - z
                                    square = dx * dx + dy * dy + dz * dz
                                    if square < closest[0]:
                                        closest[0], closest[1], closest[2] = square, i, j
                                    r = np.sqrt(square)
                                    inverse = 1 / r
                                    value, slope = look_up(erfc_table, 0, alpha * r * ERFC_STEPS)
                                    slope *= alpha * ERFC_STEPS
                                    a, b = kinds[i], kinds[j]
                                    if r < ends[a, b]:
                                        step = steps[a, b]
                                        value_b, slope_b = look_up(rows, first[a, b], r * step)
                                        value -= value_b
                                        slope -= slope_b * step
                                    value = (value - shift[a, b]) * inverse
                                    felt += charges[j] * value
                                    potential[j] += charges[i] * value
                                    pull = charges[i] * charges[j] * (slope - value) * inverse * inverse
                                    px, py, pz = pull * dx, pull * dy, pull * dz
                                    fx += px
                                    fy += py
                                    fz += pz
                                    forces[j, 0] -= px
                                    forces[j, 1] -= py
                                    forces[j, 2] -= pz
                                    vxx -= px * dx
                                    vyy -= py * dy
                                    vzz -= pz * dz
                                    vyz -= py * dz
                                    vxz -= px * dz
                                    vxy -= px * dy
                                potential[i] += felt
                                forces[i, 0] += fx
                                forces[i, 1] += fy
                                forces[i, 2] += fz
    virial[0, 0], virial[1, 1], virial[2, 2] = vxx, vyy, vzz
    virial[1, 2] = virial[2, 1] = vyz
    virial[0, 2] = virial[2, 0] = vxz
    virial[0, 1] = virial[1, 0] = vxy
    return potential, forces, virial, closest
