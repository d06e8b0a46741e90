"""Interstitial sites: the points that are locally farthest from the atoms of a framework.

They are vertices of the Voronoi diagram of the framework (G. Voronoi, J. Reine Angew. Math. 134, 198, 1908),
each the centre of an empty sphere that touches four atoms or more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from scipy.spatial import Voronoi, cKDTree

from superion.errors import InputError

Array = np.ndarray
FIRST = 4.0
"""Å; empty spheres of most crystals are smaller."""
SHELL = 1.2
"""Framework atoms up to this many radii away count as neighbours of a site."""


@dataclass(frozen=True, slots=True)
class Interstitials:
    """M sites.

    positions: (M, 3) Å, in the cell. radius: (M,) Å, the distance to the nearest framework atom.
    coordination: (M,), how many framework atoms surround each.
    """

    positions: Array
    radius: Array
    coordination: Array


def interstitial_sites(
    atoms: Atoms,
    framework: Sequence[str],
    *,
    tolerance: float = 0.5,
    min_distances: Mapping[str, float] | None = None,
) -> Interstitials:
    """Voronoi sites of the framework elements of a periodic structure, largest first.

    tolerance: Å; of sites closer than this only the largest is kept. min_distances: Å by element; sites
    closer than that to an atom of the element are left out (Li to leave out the occupied lithium sites).
    Raises InputError without three periodic axes or framework atoms.
    """
    if not (atoms.pbc.all() and atoms.cell.rank == 3):
        raise InputError("interstitial sites need a cell that is periodic along all three axes.")
    present = set(atoms.get_chemical_symbols())
    absent = sorted((set(framework) | set(min_distances or {})) - present)
    if absent or not framework:
        raise InputError(
            f"the structure has no {', '.join(absent) or 'framework element'}: it is made of "
            f"{', '.join(sorted(present))}.",
            remedy="name elements of the structure.",
        )
    cell = atoms.cell.array
    largest = 0.5 * np.linalg.norm(cell, axis=1).sum()  # no empty sphere is larger than this
    reach = min(FIRST, largest)
    while True:  # spheres that reach beyond the images that are looked at may hold atoms
        points, owner = _images(atoms, SHELL * reach + tolerance)
        symbols = np.array(atoms.get_chemical_symbols())[owner]
        solid = points[np.isin(symbols, list(framework))]
        tree = cKDTree(solid)
        vertices = _vertices(solid, cell)
        radius = tree.query(vertices)[0] if len(vertices) else np.empty(0)
        if reach >= largest or (len(radius) and radius.max() <= reach):
            break
        reach = min(2 * reach, largest)
    keep = radius > 0
    for element, distance in (min_distances or {}).items():
        keep &= cKDTree(points[symbols == element]).query(vertices)[0] >= distance
    vertices, radius = vertices[keep], radius[keep]
    kept = _merged(vertices, radius, cell, tolerance)
    coordination = [len(tree.query_ball_point(vertices[k], SHELL * radius[k])) for k in kept]
    return Interstitials(vertices[kept], radius[kept], np.array(coordination, dtype=np.int64))


def _vertices(solid: Array, cell: Array) -> Array:
    """(V, 3) Å, the vertices of a Voronoi diagram that are in the cell; none of too few points."""
    if len(solid) < 5 or np.linalg.matrix_rank(solid - solid[0], tol=1e-6) < 3:
        return np.empty((0, 3))
    fractional = Voronoi(solid).vertices @ np.linalg.inv(cell)
    inside = ((fractional > -1e-6) & (fractional < 1 + 1e-6)).all(axis=1)
    fractional = fractional[inside] % 1.0
    fractional[fractional > 1 - 1e-6] = 0.0
    return np.asarray(fractional @ cell)


def _images(atoms: Atoms, margin: float) -> tuple[Array, Array]:
    """Atoms and periodic images within `margin` (Å) of the cell, and (P,) which atom each is."""
    cell = atoms.cell.array
    heights = 1 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    fractional = atoms.cell.scaled_positions(atoms.positions) % 1.0
    reach = np.ceil(margin / heights).astype(int)
    shifts = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in reach), indexing="ij"), axis=-1)
    every = (fractional[:, None] + shifts.reshape(1, -1, 3)).reshape(-1, 3)
    owner = np.repeat(np.arange(len(atoms)), len(shifts.reshape(-1, 3)))
    near = ((every > -margin / heights) & (every < 1 + margin / heights)).all(axis=1)
    return every[near] @ cell, owner[near]


def _merged(vertices: Array, radius: Array, cell: Array, tolerance: float) -> list[int]:
    """Indices of vertices, largest first, none within `tolerance` of a larger one."""
    kept: list[int] = []
    shifts = np.stack(np.meshgrid(*3 * [np.arange(-1, 2)], indexing="ij"), axis=-1).reshape(-1, 3) @ cell
    order = np.lexsort((*np.round(vertices, 6).T[::-1], -np.round(radius, 6)))
    for k in order.tolist():
        offset = vertices[kept][:, None] + shifts - vertices[k]
        if not kept or np.linalg.norm(offset, axis=2).min() > tolerance:
            kept.append(k)
    return kept
