"""Fragments of a structure, such as molecules, put together across the boundaries of its cell."""

from __future__ import annotations

import numpy as np
from ase import Atoms

Array = np.ndarray
LARGEST = 0.5
"""Extent along a periodic axis, over that of the cell, from which a fragment may be endless."""


def whole_fragments(fractional: Array, cell: Array, atoms: Atoms) -> Array | None:
    """Fractional positions (N, 3) with each fragment of `atoms.arrays["fragment"]` in one piece.

    Each atom is put beside the nearest one that has its place already. None if a fragment extends over
    half the cell along a periodic axis or more, as one that goes on without end does.
    """
    labels, periodic = np.asarray(atoms.arrays["fragment"]), np.asarray(atoms.pbc, dtype=float)
    placed = fractional.copy()
    for label in np.unique(labels):
        left = np.flatnonzero(labels == label).tolist()
        done = [left.pop(0)]
        nearest = {k: (np.inf, done[0]) for k in left}
        while left:
            for k in left:
                distance = float(np.linalg.norm(_apart(placed[k] - placed[done[-1]], periodic) @ cell))
                if distance < nearest[k][0]:
                    nearest[k] = distance, done[-1]
            following = min(left, key=lambda k: nearest[k][0])
            beside = placed[nearest[following][1]]
            placed[following] = beside + _apart(placed[following] - beside, periodic)
            left.remove(following)
            done.append(following)
        if (np.ptp(placed[done], axis=0) * periodic).max() >= LARGEST:
            return None
        placed[done] -= placed[done[0]]
    return placed


def _apart(difference: Array, periodic: Array) -> Array:
    return difference - periodic * np.round(difference)
