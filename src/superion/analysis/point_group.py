"""The rotations that bring a crystal onto itself.

Symmetries of a lattice have only −1, 0 and 1 as integers in a reduced basis, the three shortest vectors
(Grosse-Kunstleve, Sauter, Adams, Acta Cryst. A 60, 1, 2004, on reduced cells), so that all can be tried.
"""

from __future__ import annotations

from functools import cache
from itertools import product

import numpy as np
from ase import Atoms
from ase.geometry import minkowski_reduce

Array = np.ndarray
TOLERANCE = 1e-3
"""How far (Å) a rotated atom may be from the place of another."""


@cache
def _candidates() -> Array:
    """Integer matrices (M, 3, 3) of −1, 0, 1 with determinant ±1."""
    all_of_them = np.array(list(product((-1, 0, 1), repeat=9))).reshape(-1, 3, 3)
    a, b, c = all_of_them[:, 0], all_of_them[:, 1], all_of_them[:, 2]
    return all_of_them[np.abs(np.einsum("mi,mi->m", a, np.cross(b, c))) == 1]


def point_group(atoms: Atoms, tolerance: float = TOLERANCE) -> Array:
    """Rotations (G, 3, 3), proper and improper, of the symmetries of a crystal in the cell it is given in.

    A column vector r goes to R r. Of a supercell that is less symmetric than its crystal, those of the cell.
    """
    cell = minkowski_reduce(atoms.cell.array, True)[0]
    inverse = np.linalg.inv(cell)
    metric = cell @ cell.T
    turned = np.einsum("mij,jk,mlk->mil", _candidates(), metric, _candidates())
    length = np.sqrt(np.diag(metric))
    like = (np.abs(turned - metric) <= 2 * tolerance * np.maximum.outer(length, length)).all(axis=(1, 2))
    fractional = atoms.positions @ inverse
    rarest = min(set(atoms.numbers.tolist()), key=lambda z: (np.sum(atoms.numbers == z), z))
    first = np.flatnonzero(atoms.numbers == rarest)
    rotations = []
    for integers in _candidates()[like]:
        moved = fractional @ integers
        if any(
            _matches(moved + fractional[k] - moved[first[0]], fractional, atoms.numbers, cell, tolerance)
            for k in first
        ):
            # Rows r = f·cell go to f·integers·cell = r·(inverse·integers·cell); nearest orthogonal matrix.
            u, _, w = np.linalg.svd((inverse @ integers @ cell).T)
            rotations.append(u @ w)
    return np.array(rotations)


def _matches(moved: Array, fractional: Array, numbers: Array, cell: Array, tolerance: float) -> bool:
    """Whether every moved atom lies where there is one of its kind."""
    for z in np.unique(numbers):
        chosen = numbers == z
        apart = moved[chosen][:, None] - fractional[chosen][None]
        apart -= np.round(apart)
        near = np.linalg.norm(apart @ cell, axis=2) < tolerance
        if not (near.any(axis=1).all() and near.any(axis=0).all()):
            return False
    return True
