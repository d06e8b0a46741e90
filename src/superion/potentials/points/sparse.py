"""Choosing sparse points: CUR by leverage scores, farthest points."""

from __future__ import annotations

import hashlib

import numpy as np

from superion.errors import InputError

Array = np.ndarray

ITERATIONS = 2  # of the subspace, after a first random one


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
    scores = leverage_scores(rows if len(unique) == len(rows) else rows[unique], count, rng)
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
    for _ in range(ITERATIONS):
        basis = np.linalg.qr(basis)[0]
        basis = rows @ np.linalg.qr(rows.T @ basis)[0]
    basis = np.linalg.qr(basis)[0]
    across, triangle = np.linalg.qr((basis.T @ rows).T)
    right, _, left = np.linalg.svd(triangle)
    return basis @ left[:rank].T, (across @ right[:, :rank]).T


def _distinct(rows: Array) -> Array:
    """Indices of the first of each set of rows equal to 10 digits (copies make a kernel singular)."""
    first: dict[bytes, int] = {}
    for k, row in enumerate(rows):
        first.setdefault(hashlib.sha256(np.round(row, 10) + 0.0).digest(), k)  # no negative zeros
    return np.array(list(first.values()), dtype=np.int64)


def _check(rows: Array, count: int) -> None:
    if count < 1:
        raise InputError(f"sparse_points must be at least 1, found {count}.")
    if len(rows) == 0:
        raise InputError("no environments to choose sparse points from.")


METHODS = {"cur": cur, "farthest": farthest}
