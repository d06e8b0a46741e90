"""Rows of maximal volume and the extrapolation grade.

A set of r linearly independent rows (r, r) is dominant if no row b of the data has an entry of b·A⁻¹ above 1
in size: then no single exchange enlarges |det A|. The largest entry for a new row is its extrapolation
grade; above 1 the model extrapolates. E. V. Podryabinkin, A. V. Shapeev, Comput. Mater. Sci. 140, 171 (2017);
maxvol: S. A. Goreinov et al., in Matrix Methods: Theory, Algorithms, Applications, World Scientific (2010).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from superion.errors import InputError

Array = np.ndarray

TOLERANCE = 1e-3
"""Enlargement of the volume at which the exchange of rows stops."""
DIRECTIONS = 100
"""Leading directions of the environments of one species, at most."""
SPREAD = 1e-3
"""Directions along which the environments extend less than this fraction of the largest are left out."""


def maxvol(rows: Array, tolerance: float = TOLERANCE) -> Array:
    """Indices (r,) of a dominant subset of `rows` (R, r): |rows·A⁻¹| ≤ 1 + tolerance.

    Raises InputError if the rows do not span all r dimensions.
    """
    chosen = _pivots(rows)
    grades = np.linalg.solve(rows[chosen].T, rows.T).T
    while True:
        i, j = np.unravel_index(int(np.abs(grades).argmax()), grades.shape)
        if abs(grades[i, j]) <= 1 + tolerance:
            return chosen
        chosen[j] = i
        change = grades[i].copy()
        change[j] -= 1.0
        grades = grades - np.outer(grades[:, j] / grades[i, j], change)


def _pivots(rows: Array) -> Array:
    """Row pivots of Gaussian elimination: r rows that are far from linearly dependent."""
    left = rows.copy()
    chosen: list[int] = []
    scale = np.abs(rows).max(initial=0.0)
    for column in range(rows.shape[1]):
        k = int(np.abs(left[:, column]).argmax()) if len(rows) else 0
        if not len(rows) or abs(left[k, column]) <= 1e-13 * scale:
            raise InputError(f"{len(rows)} rows do not span {rows.shape[1]} dimensions.")
        chosen.append(k)
        left = left - np.outer(left[:, column] / left[k, column], left[k])
        left[k] = 0.0
    return np.array(chosen, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class ActiveSet:
    """Environments of maximal volume of one species.

    basis: (r, D) orthonormal directions in which the environments lie. inverse: (r, r) of the active rows
    in that basis. beyond: largest distance of a known environment from the span of `basis`.
    """

    basis: Array
    inverse: Array
    beyond: float

    @classmethod
    def of(cls, spectra: Array) -> ActiveSet:
        """The active set of the environments `spectra` (R, D)."""
        values, vectors = np.linalg.eigh(spectra.T @ spectra)
        kept = np.sqrt(np.maximum(values, 0)) > max(SPREAD, 1e-7) * np.sqrt(values[-1])
        basis = vectors[:, kept][:, ::-1][:, : min(DIRECTIONS, len(spectra))].T
        rows = spectra @ basis.T
        chosen = maxvol(rows)
        left = np.linalg.norm(spectra - rows @ basis, axis=1)
        return cls(basis, np.linalg.inv(rows[chosen]), max(float(left.max()), SPREAD))

    def grade(self, spectra: Array) -> Array:
        """Extrapolation grade (R,) of environments (R, D), without unit.

        The part of an environment outside the span counts as one more direction, whose active row is the
        known environment that reaches farthest out.
        """
        rows = spectra @ self.basis.T
        left = np.linalg.norm(spectra - rows @ self.basis, axis=1) / self.beyond
        return np.maximum(np.abs(rows @ self.inverse).max(axis=1, initial=0.0), left)


def active_sets(spectra: Mapping[int, Array]) -> dict[int, ActiveSet]:
    """Active sets of the environments (R, D) of each species that has any."""
    return {z: ActiveSet.of(rows) for z, rows in spectra.items() if len(rows)}


def grade(active: Mapping[int, ActiveSet], atoms: Atoms, spectra: Array) -> float:
    """Largest extrapolation grade of an environment of `atoms`; infinite for an unknown species."""
    worst = 0.0
    for z in np.unique(atoms.numbers):
        if int(z) not in active:
            return np.inf
        worst = max(worst, float(active[int(z)].grade(spectra[atoms.numbers == z]).max()))
    return worst
