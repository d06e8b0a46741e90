"""Neighbour pairs within a cutoff (vesin), in the shape all terms share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import vesin
from ase import Atoms

from superion.errors import InputError

Array = np.ndarray

MAX_EXTENT = 1e4  # Å


@dataclass(frozen=True, slots=True)
class Pairs:
    """Directed pairs i → j, sorted by i, so that each pair of atoms appears twice.

    i, j: (P,) int64. vector: (P, 3) Å, r_j − r_i with the periodic image applied.
    distance: (P,) Å. start: (N + 1,) int64, pairs of atom a are `start[a]:start[a + 1]`; only the first C
    atoms and C + 1 starts if the pairs of C centres were asked for.
    """

    i: Array
    j: Array
    vector: Array
    distance: Array
    start: Array


def neighbour_pairs(atoms: Atoms, cutoff: float, centres: int | None = None) -> Pairs:
    """All directed pairs closer than `cutoff` (Å), any cell, any mixture of periodic axes.

    centres: only the pairs that begin at one of the first `centres` atoms.
    Raises InputError for positions that are not finite and for atoms on top of each other.
    """
    positions = np.ascontiguousarray(atoms.positions, dtype=np.float64)
    cell = np.ascontiguousarray(atoms.cell.complete().array, dtype=np.float64)
    if not (np.isfinite(positions).all() and np.isfinite(cell).all()):
        bad = np.flatnonzero(~np.isfinite(positions).all(axis=1))
        raise InputError(
            f"positions or cell are not finite (atoms {bad[:5].tolist()}).",
            remedy="check the structure; a simulation that gave it has exploded.",
        )
    # beyond this the cell list of vesin overflows, which would end the interpreter
    extent = np.abs(np.where(atoms.pbc, 0.0, np.ptp(positions, axis=0) if len(atoms) else 0.0)).max()
    extent = max(extent, np.linalg.norm(cell[np.asarray(atoms.pbc, dtype=bool)], axis=1).max(initial=0.0))
    if extent > MAX_EXTENT:
        raise InputError(
            f"the structure extends over {extent:.1e} Å; at most {MAX_EXTENT:.0e} Å are supported.",
            remedy="check the units of the positions; a simulation that gave it has lost atoms.",
        )
    calculator = vesin.NeighborList(cutoff=float(cutoff), full_list=True, sorted=True)
    i, j, distance, vector = calculator.compute(
        points=positions, box=cell, periodic=np.asarray(atoms.pbc, dtype=bool), quantities="ijdD"
    )
    if len(distance) and distance.min() < 1e-3:
        k = int(distance.argmin())
        raise InputError(
            f"atoms {i[k]} and {j[k]} are {distance[k]:.2e} Å apart: they overlap.",
            remedy="remove one of them, or check the cell and the units of the positions.",
        )
    count = len(atoms) if centres is None else centres
    end = int(np.searchsorted(i, count))
    i, j = i[:end].astype(np.int64), j[:end].astype(np.int64)
    start = np.zeros(count + 1, dtype=np.int64)
    np.cumsum(np.bincount(i, minlength=count), out=start[1:])
    return Pairs(i, j, np.ascontiguousarray(vector[:end]), np.ascontiguousarray(distance[:end]), start)
