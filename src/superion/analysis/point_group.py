"""The rotations that bring a crystal onto itself, as spglib finds them (Togo, Shinohara, Tanaka, 2024)."""

from __future__ import annotations

import warnings

import numpy as np
import spglib
from ase import Atoms

Array = np.ndarray
TOLERANCE = 1e-3
"""How far (Å) a rotated atom may be from the place of another."""


def point_group(atoms: Atoms, tolerance: float = TOLERANCE) -> Array:
    """Rotations (G, 3, 3), proper and improper, of the symmetries of a crystal in the cell it is given in.

    A column vector r goes to R r. Of a supercell that is less symmetric than its crystal, those of the cell.
    The identity alone where spglib finds no symmetry, as for atoms on top of each other.
    """
    cell = (atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # on how spglib will report errors
        found = spglib.get_symmetry(cell, symprec=tolerance)
    if found is None:
        return np.eye(3)[None]
    basis = atoms.cell.array.T
    rotations = basis @ np.unique(found["rotations"], axis=0) @ np.linalg.inv(basis)
    u, _, w = np.linalg.svd(rotations)  # the nearest orthogonal matrices
    return np.asarray(u @ w)
