"""Streaming orthogonal least squares: memory O(M²) whatever the number of rows.

Rows are stacked under the current triangular factor and reduced by Householder QR (tall-skinny QR:
Demmel, Grigori, Hoemmen, Langou, SIAM J. Sci. Comput. 34, A206 (2012)). The normal equations, which square
the condition number, are never formed.
"""

from __future__ import annotations

import numpy as np
import torch

from superion.errors import InputError

Array = np.ndarray


class StreamingLeastSquares:
    """Minimise |A·w − b|² for M unknowns and K right-hand sides, rows arriving in pieces."""

    def __init__(self, unknowns: int, targets: int) -> None:
        self.unknowns, self.targets = unknowns, targets
        self._factor = np.zeros((0, unknowns + targets))
        self._pending: list[Array] = []
        self._rows = 0

    def add(self, rows: Array, targets: Array) -> None:
        """Append equations: rows (R, M) and targets (R, K), already divided by their uncertainty."""
        self._pending.append(np.concatenate([rows, targets], axis=1))
        self._rows += len(rows)
        if self._rows >= 2 * (self.unknowns + self.targets):
            self._reduce()

    def _reduce(self) -> None:
        stacked = np.concatenate([self._factor, *self._pending])
        self._factor = np.asarray(np.linalg.qr(stacked, mode="r"))
        self._pending, self._rows = [], 0

    def solve(self) -> tuple[Array, Array]:
        """Weights (M, K) and the upper triangular factor R (M, M) with RᵀR = AᵀA, positive diagonal."""
        self._reduce()
        m = self.unknowns
        if len(self._factor) < m:
            raise InputError(f"{len(self._factor)} equations cannot determine {m} unknowns.")
        upper = self._factor[:m, :m]
        diagonal = np.abs(np.diag(upper))
        if diagonal.min() <= 1e-15 * diagonal.max():
            raise InputError(
                "the least-squares problem is singular.",
                remedy="raise `jitter`, or use fewer sparse points.",
            )
        weights = solve_upper(upper, self._factor[:m, m:])
        return weights, np.sign(np.diag(upper))[:, None] * upper


def solve_upper(upper: Array, right: Array, *, transpose: bool = False) -> Array:
    """Solve R·x = b, or Rᵀ·x = b, for an upper triangular R (M, M) and b (M, K)."""
    factor, b = torch.from_numpy(np.ascontiguousarray(upper)), torch.from_numpy(np.ascontiguousarray(right))
    if transpose:
        return torch.linalg.solve_triangular(factor.T, b, upper=False).numpy()
    return torch.linalg.solve_triangular(factor, b, upper=True).numpy()
