"""Streaming orthogonal least squares: memory O(M²) whatever the number of rows.

Rows are reduced into the current triangular factor by Householder QR (tall-skinny QR: Demmel, Grigori,
Hoemmen, Langou, SIAM J. Sci. Comput. 34, A206 (2012)). A panel of columns of the factor lies on top of the
same columns of the rows; its reflectors are 1 above and full below, and are applied to the columns to the
right in the compact form I − V·T·Vᵀ (Schreiber, Van Loan, SIAM J. Sci. Stat. Comput. 10, 53 (1989)). R rows
cost 2·R·M² operations however many come at a time. The normal equations, which square the condition number,
are never formed.
"""

from __future__ import annotations

import numpy as np
import torch

from superion.errors import InputError

Array = np.ndarray

PANEL = 48  # columns reduced at once
BATCH = 512  # rows reduced at once


class StreamingLeastSquares:
    """Minimise |A·w − b|² for M unknowns and K right-hand sides, rows arriving in pieces."""

    def __init__(self, unknowns: int, targets: int) -> None:
        self.unknowns, self.targets = unknowns, targets
        width = unknowns + targets
        self._factor = np.zeros((width, width))
        self._pending = np.empty((BATCH, width))
        self._filled = self._rows = 0

    def add(self, rows: Array, targets: Array) -> None:
        """Append equations: rows (R, M) and targets (R, K), already divided by their uncertainty."""
        self._rows += len(rows)
        done = 0
        while done < len(rows):
            count = min(len(rows) - done, BATCH - self._filled)
            room = self._pending[self._filled : self._filled + count]
            room[:, : self.unknowns] = rows[done : done + count]
            room[:, self.unknowns :] = targets[done : done + count]
            self._filled, done = self._filled + count, done + count
            if self._filled == BATCH:
                self._reduce()

    def begin(self, part: slice, upper: Array) -> None:
        """Equations of the unknowns `part` alone, upper triangular and zero on the right: at no cost.

        Before any others of these unknowns.
        """
        self._factor[part, part] = upper
        self._rows += len(upper)

    def copy(self) -> StreamingLeastSquares:
        """One more with the equations so far."""
        self._reduce()
        other = StreamingLeastSquares(self.unknowns, self.targets)
        other._factor, other._rows = self._factor.copy(), self._rows
        return other

    def reduced(self) -> Array:
        """All equations so far as (M + K, M + K) ones, upper triangular, with the same solution."""
        self._reduce()
        return self._factor

    def _reduce(self) -> None:
        if self._filled:
            update(self._factor, self._pending[: self._filled])
            self._filled = 0

    def solve(self) -> tuple[Array, Array]:
        """Weights (M, K) and the upper triangular factor R (M, M) with RᵀR = AᵀA, positive diagonal."""
        self._reduce()
        m = self.unknowns
        if self._rows < m:
            raise InputError(f"{self._rows} equations cannot determine {m} unknowns.")
        upper = self._factor[:m, :m]
        diagonal = np.abs(np.diag(upper))
        if diagonal.min() <= 1e-15 * diagonal.max():
            raise InputError(
                "the least-squares problem is singular.",
                remedy="raise `jitter`, or use fewer sparse points.",
            )
        weights = solve_upper(upper, self._factor[:m, m:])
        return weights, np.sign(np.diag(upper))[:, None] * upper


def update(factor: Array, rows: Array) -> None:
    """Reduce rows (R, W) into the upper triangular factor (W, W), in place; the rows are used up."""
    width = len(factor)
    for first in range(0, width, PANEL):
        own = slice(first, min(first + PANEL, width))
        rest = slice(own.stop, width)
        size = own.stop - first
        reflectors, tau = np.linalg.qr(np.concatenate([factor[own, own], rows[:, own]]), mode="raw")
        factor[own, own] = np.triu(reflectors[:, :size].T)
        if own.stop == width:
            break
        below = reflectors[:, size:]
        overlaps = np.eye(size) + tau[:, None] * np.triu(below @ below.T, 1)
        compact = np.linalg.solve(overlaps, np.diag(tau))
        change = compact.T @ (factor[own, rest] + below @ rows[:, rest])
        factor[own, rest] -= change
        rows[:, rest] -= below.T @ change


def solve_upper(upper: Array, right: Array, *, transpose: bool = False) -> Array:
    """Solve R·x = b, or Rᵀ·x = b, for an upper triangular R (M, M) and b (M, K)."""
    factor, b = torch.from_numpy(np.ascontiguousarray(upper)), torch.from_numpy(np.ascontiguousarray(right))
    if transpose:
        return torch.linalg.solve_triangular(factor.T, b, upper=False).numpy()
    return torch.linalg.solve_triangular(factor, b, upper=True).numpy()
