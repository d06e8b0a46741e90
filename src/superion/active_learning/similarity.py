"""Selection by structure alone: SOAP similarity, farthest points, CUR, a grid of principal components."""

from __future__ import annotations

import numpy as np

from superion.active_learning.pool import Pool, Selection
from superion.errors import InputError
from superion.potentials.points.sparse import leverage_scores

Array = np.ndarray

THRESHOLD = 0.999
"""Largest dot product of normalised power spectra at which an environment still counts as new."""


def similarity(pool: Pool, count: int, rng: np.random.Generator) -> Selection:
    """Frames with an environment unlike all known ones. Score: 1 − its largest kernel p·p' to them.

    Frame after frame, the one whose most foreign environment is least similar; its environments are known
    from then on. Ends early when every environment is more similar than the threshold, so that fewer
    frames than `count` may be chosen. Without training frames the first is drawn at random.
    """
    limit = 1 - (THRESHOLD if pool.threshold is None else pool.threshold)
    known = pool.by_species("training")
    spectra = pool.environments("pool")
    nearest = [
        [_closest(rows[atoms.numbers == z], known[z]) for z in pool.species]
        for atoms, rows in zip(pool.frames, spectra, strict=True)
    ]
    start = None if len(pool.training) else int(rng.integers(len(pool.frames)))
    chosen: list[int] = []
    scores: list[float] = []
    while len(chosen) < min(count, len(pool.frames)):
        novelty = np.array([1 - min(part.min(initial=np.inf) for part in parts) for parts in nearest])
        novelty[chosen] = -np.inf
        k = start if start is not None and not chosen else int(novelty.argmax())
        if novelty[k] <= max(limit, 1e-12):
            break
        chosen.append(k)
        scores.append(min(float(novelty[k]), 1.0))
        for z_index, z in enumerate(pool.species):
            added = spectra[k][pool.frames[k].numbers == z]
            for parts, rows, atoms in zip(nearest, spectra, pool.frames, strict=True):
                parts[z_index] = np.maximum(parts[z_index], _closest(rows[atoms.numbers == z], added))
    return Selection(np.array(chosen, dtype=np.int64), np.array(scores))


def _closest(rows: Array, known: Array) -> Array:
    """Largest dot product (R,) of each of `rows` (R, D) with any of `known` (K, D); −1 if there is none."""
    return (rows @ known.T).max(axis=1, initial=-1.0)


def farthest(pool: Pool, count: int, rng: np.random.Generator) -> Selection:
    """Frames each farthest from the training set and all chosen before. Score: that distance.

    Distance of averaged spectra, without unit. Without training frames the first is drawn at random
    and scores infinity. Farthest-point sampling: T. F. Gonzalez, Theor. Comput. Sci. 38, 293 (1985).
    """
    points, known = pool.averages("pool"), pool.averages("training")
    distance = np.full(len(points), np.inf)
    for row in known:
        distance = np.minimum(distance, np.linalg.norm(points - row, axis=1))
    chosen: list[int] = []
    scores: list[float] = []
    for _ in range(min(count, len(points))):
        first = not chosen and not len(known)
        k = int(rng.integers(len(points))) if first else int(distance.argmax())
        chosen.append(k)
        scores.append(float(distance[k]))
        distance = np.minimum(distance, np.linalg.norm(points - points[k], axis=1))
        distance[chosen] = -np.inf
    return Selection(np.array(chosen, dtype=np.int64), np.array(scores))


def cur(pool: Pool, count: int, rng: np.random.Generator) -> Selection:
    """Frames drawn with probability ∝ leverage. Score: the leverage, without unit, sums to 1 over the pool.

    Leverage of what the averaged spectra of the training set do not span; Mahoney & Drineas, PNAS 106, 697
    (2009).
    """
    points, known = pool.averages("pool"), pool.averages("training")
    if len(known):
        basis = _orthonormal(known)
        points = points - points @ basis.T @ basis
    rank = max(1, int((np.linalg.svd(points, compute_uv=False) > 1e-8).sum()))
    leverage = leverage_scores(points, min(count, rank), rng)
    # exponential-key sampling without replacement: Efraimidis & Spirakis, Inf. Process. Lett. 97, 181 (2006)
    keys = rng.exponential(size=len(points)) / np.maximum(leverage, 1e-300)
    order = np.argsort(keys, kind="stable")[:count]
    return Selection(order, leverage[order])


def _orthonormal(rows: Array) -> Array:
    """Orthonormal rows (K, D) that span `rows` (R, D)."""
    _, values, right = np.linalg.svd(rows, full_matrices=False)
    return right[values > 1e-10 * values[0]]


def pca_grid(pool: Pool, count: int, rng: np.random.Generator) -> Selection:
    """One frame near the centre of each cell of a grid. Score: 1/(1 + training frames in the cell).

    The grid divides the range of the pool along its two leading principal components, as coarsely as leaves
    `count` cells occupied; cells with fewest training frames come first, equals in random order.
    """
    points = pool.averages("pool")
    middle = points.mean(axis=0)
    axes = np.linalg.svd(points - middle, full_matrices=False)[2][:2]
    flat = (points - middle) @ axes.T
    known = (pool.averages("training") - middle) @ axes.T if len(pool.training) else np.empty((0, len(axes)))
    low, width = flat.min(axis=0), np.maximum(np.ptp(flat, axis=0), 1e-12)
    wanted = min(count, len(np.unique(np.round(flat, 12), axis=0)))
    divisions = 1
    while len(_cells(flat, low, width, divisions)[1]) < wanted:
        divisions += 1
        if divisions > 10_000:
            raise InputError("the frames of the pool are too alike for a grid.", remedy="use another method.")
    place, cells = _cells(flat, low, width, divisions)
    trained = [int((_place(known, low, width, divisions) == cell).all(axis=1).sum()) for cell in cells]
    order = np.lexsort((rng.random(len(cells)), np.array(trained)))[:count]
    chosen = []
    for c in order:
        inside = np.flatnonzero((place == cells[c]).all(axis=1))
        centre = low + (cells[c] + 0.5) * width / divisions
        chosen.append(inside[np.linalg.norm((flat[inside] - centre) / width, axis=1).argmin()])
    return Selection(np.array(chosen, dtype=np.int64), np.array([1 / (1 + trained[c]) for c in order]))


def _place(points: Array, low: Array, width: Array, divisions: int) -> Array:
    inside = np.floor((points - low) / width * divisions)
    return np.where((points - low) / width == 1.0, divisions - 1, inside).astype(np.int64)


def _cells(points: Array, low: Array, width: Array, divisions: int) -> tuple[Array, Array]:
    place = _place(points, low, width, divisions)
    return place, np.unique(place, axis=0)


def random(pool: Pool, count: int, rng: np.random.Generator) -> Selection:
    """Frames drawn at random. Score: the probability of being drawn."""
    total = len(pool.frames)
    count = min(count, total)
    return Selection(rng.permutation(total)[:count], np.full(count, count / total))
