"""From the listed sites of a crystal to all its sites: each put where its symmetry wants it, and expanded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from superion.structures.cif_elements import Shares
from superion.structures.cif_listing import Site
from superion.structures.cif_symmetry import Symmetry
from superion.structures.crystal import FULL, wrapped

Array = np.ndarray
SAME_SITE = 0.05
"""Å; positions closer than this are one site (coordinates in files are rounded)."""
FARTHEST = 1.0
"""Å between a listed position and an image of it that the stated multiplicity makes the same site."""
EXACT = 1e-3
"""Å; images of a site on its special position are one."""
MOVED = 0.02
"""Å; larger corrections of a position are reported."""


@dataclass(frozen=True, slots=True)
class Place:
    """All equivalent positions (M, 3) of a listed site, fractional.

    moved: Å from the listed position. kept: whether the stated multiplicity is that number. other: M by the
    listed position itself, where that is closer to a special one than sites can be, yet farther than its
    rounding explains, and no multiplicity tells which is meant; else None.
    """

    positions: Array
    moved: float
    kept: bool
    other: int | None


@dataclass(frozen=True, slots=True)
class Group:
    """Listed sites on one orbit: labels, summed shares, and all positions."""

    labels: list[str]
    shares: Shares
    positions: Array


def place(site: Site, symmetry: Symmetry, cell: Array, *, correct: bool = True) -> Place:
    """Expand a site.

    The stated multiplicity decides how many of the operations keep the site; without it, those do that move
    it by less than `SAME_SITE`, or, if not `correct`, by less than its rounding too. The multiplicity may
    also be the order of the site symmetry, as older programs wrote it.
    """
    where = site.fractional
    images = symmetry.rotations @ where + symmetry.translations
    offset = images - where
    offset -= np.rint(offset)
    distance = np.linalg.norm(offset @ cell, axis=1)
    order = np.argsort(distance, kind="stable")
    operations, stated = len(images), site.multiplicity

    def expanded(stabiliser: Array) -> Array:
        exact = where + offset[stabiliser].mean(axis=0)
        return _distinct(wrapped(symmetry.rotations @ exact + symmetry.translations), cell)

    def moved(stabiliser: Array) -> float:
        return float(np.linalg.norm(offset[stabiliser].mean(axis=0) @ cell))

    if stated and operations % stated == 0:
        chosen = order[: operations // stated]
        if distance[chosen[-1]] < FARTHEST:
            positions = expanded(chosen)
            if len(positions) == stated:
                return Place(positions, moved(chosen), True, None)
    allowed = (
        np.abs(symmetry.rotations) @ site.rounding + site.rounding + EXACT / np.linalg.norm(cell, axis=1)
    )
    same = distance < SAME_SITE
    exact = same & (np.abs(offset) < allowed).all(axis=1)
    correct = correct or sum(site.shares.values()) >= FULL
    chosen = np.flatnonzero(same if correct else exact)
    positions = expanded(chosen)
    kept = stated is None or stated == len(positions) or stated * len(positions) == operations
    count = exact if correct else same
    other = operations // int(count.sum()) if (same & ~exact).any() else None
    return Place(positions, moved(chosen), kept, other)


def group(sites: Sequence[Site], places: Sequence[Place], cell: Array) -> list[Group]:
    """Sites that are listed on one position, or on equivalent ones, belong together."""
    owner = np.repeat(np.arange(len(places)), [len(p.positions) for p in places])
    every = np.concatenate([p.positions for p in places])
    starts = np.cumsum([0, *(len(p.positions) for p in places[:-1])])
    reach = SAME_SITE / float(np.linalg.svd(cell, compute_uv=False).min())
    tree = cKDTree(every, boxsize=1.0)
    near = tree.query_ball_point(every[starts], min(reach, 0.49))
    groups: list[Group] = []
    member: dict[int, int] = {}
    for k, (site, one) in enumerate(zip(sites, places, strict=True)):
        candidates = np.array([n for n in near[k] if owner[n] < k and owner[n] in member], dtype=int)
        if len(candidates):
            close = _distance(every[candidates], one.positions[0], cell) < SAME_SITE
            candidates = candidates[close]
        founder = int(owner[candidates].min()) if len(candidates) else None
        if founder is None:
            member[k] = len(groups)
            groups.append(Group([site.label], dict(site.shares), one.positions))
            continue
        joined = groups[member[founder]]
        joined.labels.append(site.label)
        for symbol, share in site.shares.items():
            joined.shares[symbol] = joined.shares.get(symbol, 0.0) + share
    return groups


def _distinct(images: Array, cell: Array) -> Array:
    """Images that are farther than EXACT from all earlier ones."""
    offset = images[:, None] - images
    distance = np.linalg.norm((offset - np.rint(offset)) @ cell, axis=2)
    first = (distance < EXACT).argmax(axis=1)
    return images[first == np.arange(len(images))]


def _distance(places: Array, where: Array, cell: Array) -> Array:
    """(M,) Å to the nearest image, exact for short distances."""
    offset = places - where
    return np.linalg.norm((offset - np.rint(offset)) @ cell, axis=1)
