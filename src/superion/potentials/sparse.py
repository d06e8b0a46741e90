"""Choosing sparse points: CUR by leverage scores, farthest points."""

from __future__ import annotations

import numpy as np

from superion.errors import InputError

Array = np.ndarray


def leverage_scores(rows: Array, rank: int, rng: np.random.Generator) -> Array:
    """Statistical leverage (R,) of each row of `rows` (R, D) on its best rank-`rank` subspace.

    Mahoney & Drineas, PNAS 106, 697 (2009).
    """
    left = _singular_vectors(rows, rank, rng)[0]
    return (left**2).sum(axis=1) / left.shape[1]


def principal_components(rows: Array, count: int, rng: np.random.Generator) -> Array:
    """Orthonormal directions (≤ count, D) along which the uncentred `rows` (R, D) extend most."""
    return np.ascontiguousarray(_singular_vectors(rows, count, rng)[1])


def cur(rows: Array, count: int, rng: np.random.Generator) -> Array:
    """Indices (≤ count,) of rows drawn without replacement with probability ∝ leverage score."""
    _check(rows, count)
    unique = _distinct(rows)
    if len(unique) <= count:
        return unique
    scores = leverage_scores(rows[unique], count, rng)
    # exponential-key sampling without replacement: Efraimidis & Spirakis, Inf. Process. Lett. 97, 181 (2006)
    keys = rng.exponential(size=len(unique)) / np.maximum(scores, 1e-300)
    return np.sort(unique[np.argsort(keys)[:count]])


def farthest(rows: Array, count: int, rng: np.random.Generator) -> Array:
    """Indices (≤ count,) of rows, each the one farthest (Euclidean) from all chosen before it."""
    _check(rows, count)
    unique = _distinct(rows)
    if len(unique) <= count:
        return unique
    points = rows[unique]
    chosen = [int(rng.integers(len(points)))]
    distance = np.full(len(points), np.inf)
    squares = (points**2).sum(axis=1)
    for _ in range(count - 1):
        last = chosen[-1]
        distance = np.minimum(distance, squares + squares[last] - 2 * points @ points[last])
        distance[last] = -np.inf
        chosen.append(int(distance.argmax()))
    return np.sort(unique[np.array(chosen)])


def _singular_vectors(rows: Array, rank: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Leading left (R, K) and right (K, D) singular vectors, K = `rank` or the most there are.

    Randomised subspace iteration: Halko, Martinsson, Tropp, SIAM Rev. 53, 217 (2011).
    """
    rank = min(rank, *rows.shape)
    width = min(rank + 20, *rows.shape)
    basis = rows @ rng.standard_normal((rows.shape[1], width))
    for _ in range(4):
        basis = np.linalg.qr(rows @ (rows.T @ np.linalg.qr(basis)[0]))[0]
    left, _, right = np.linalg.svd(basis.T @ rows, full_matrices=False)
    return basis @ left[:, :rank], right[:rank]


def _distinct(rows: Array) -> Array:
    """Indices of the first of each set of rows equal to 10 digits (copies make a kernel singular)."""
    return np.sort(np.unique(np.round(rows, 10), axis=0, return_index=True)[1])


def _check(rows: Array, count: int) -> None:
    if count < 1:
        raise InputError(f"sparse_points must be at least 1, found {count}.")
    if len(rows) == 0:
        raise InputError("no environments to choose sparse points from.")


METHODS = {"cur": cur, "farthest": farthest}
