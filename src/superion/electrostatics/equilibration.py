"""Charges of least energy: a quadratic form under constraints on the charge of groups of atoms.

    minimise  c·q + ½ qᵀAq   subject to   Σ_{i in g} q_i = Q_g   for each group g

Every atom belongs to one group; one group of all atoms has the total charge. P takes the mean over its group
off each number, which is the orthogonal projection onto the changes that the constraints allow. With the
solution for q = q₀ + d of any q₀ that obeys them, P(c + A(q₀ + d)) = 0, the form is minimal if PAP is
positive definite on these changes. B = PAP + s(1 − P), s > 0, is then positive definite as a whole, and
d = −B⁻¹P(c + Aq₀). How charges answer to changes of c is −B⁻¹P too (implicit differentiation).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from superion.errors import InputError, ModelError

Array = np.ndarray
SINGULAR = 1e-11
"""Ratio of smallest to largest pivot below which a hardness matrix counts as singular."""
NAMED = 5
"""Most atoms that a message names."""


@dataclass(frozen=True, slots=True)
class Constraints:
    """groups: (N,) int64 from 0 to G − 1, none of them empty. totals: (G,) e."""

    groups: Array
    totals: Array

    @classmethod
    def total(cls, atoms: int, charge: float) -> Constraints:
        """One group of all atoms."""
        return cls(np.zeros(atoms, dtype=np.int64), np.full(1 if atoms else 0, float(charge)))

    @property
    def sizes(self) -> Array:
        """(G,) atoms in each group."""
        return np.bincount(self.groups, minlength=len(self.totals))

    def sums(self, values: Array) -> Array:
        """(G, ...) sums over groups of values (N, ...)."""
        if values.ndim == 1:
            return np.bincount(self.groups, weights=values, minlength=len(self.totals))
        found = np.zeros((len(self.totals), *values.shape[1:]))
        np.add.at(found, self.groups, values)
        return found

    def project(self, values: Array) -> Array:
        """P times values (N,) or (N, K)."""
        means = (self.sums(values).T / self.sizes).T
        return values - means[self.groups]

    def even(self) -> Array:
        """(N,) e, the charge of each group spread evenly."""
        return (self.totals / self.sizes)[self.groups]

    def obeyed(self, charges: Array) -> Array:
        """Charges (N,) e with what rounding took from the constraints given back evenly."""
        for _ in range(2):
            charges = charges + ((self.totals - self.sums(charges)) / self.sizes)[self.groups]
        return charges


class Response(Protocol):
    """Knows B⁻¹P. rounds: how many answers, each to the error of the one before, make one exact."""

    rounds: int

    def solve(self, values: Array) -> Array:
        """B⁻¹P times values (N,)."""
        ...


def equilibrate(
    response: Response, times: Callable[[Array], Array], slope: Array, constraints: Constraints
) -> Array:
    """(N,) e, the charges of least energy; times: A times charges (N,); slope: c (N,) V."""
    if len(slope) == 0:
        return np.zeros(0)
    charges = constraints.even()
    for _ in range(response.rounds):
        charges = charges - response.solve(slope + times(charges))
    return constraints.obeyed(charges)


class DirectResponse:
    """B⁻¹P from the Cholesky factor of B: memory N², time N³."""

    rounds = 2

    def __init__(self, matrix: Array, constraints: Constraints, symbols: Sequence[str]) -> None:
        """matrix: A, (N, N) eV/e²; symbols: of the atoms, for messages.

        Raises ModelError, which names the atoms responsible, for a matrix that is not positive definite on
        the changes of charge that the constraints allow, or singular; InputError for numbers not finite.
        """
        self.constraints = constraints
        if not np.isfinite(matrix).all():
            atoms = np.flatnonzero(~np.isfinite(matrix).all(axis=1))[:NAMED]
            raise InputError(
                f"hardness or interaction of {named(atoms, symbols)} is not finite.",
                remedy="check the structure and the hardness of these elements.",
            )
        projected = constraints.project(constraints.project(matrix).T)
        diagonal = projected.diagonal()
        scale = float(diagonal.max()) if diagonal.size and diagonal.max() > 0 else 1.0
        same = constraints.groups[:, None] == constraints.groups
        full = torch.from_numpy(projected + same * (scale / constraints.sizes[constraints.groups]))
        self._factor, failed = torch.linalg.cholesky_ex(full)
        pivots = self._factor.diagonal() ** 2
        if failed.item() or (len(pivots) and pivots.min() < SINGULAR * pivots.max()):
            values, vectors = torch.linalg.eigh(full)
            raise indefinite(float(values[0]), vectors[:, 0].numpy(), symbols)

    def solve(self, values: Array) -> Array:
        """B⁻¹P times values (N,) or (N, K)."""
        right = torch.from_numpy(self.constraints.project(values))
        columns = right if right.ndim == 2 else right[:, None]
        return self.constraints.project(
            torch.cholesky_solve(columns, self._factor).reshape(right.shape).numpy()
        )


def indefinite(curvature: float, direction: Array, symbols: Sequence[str]) -> ModelError:
    """The error that charge moved along `direction` (N,) costs no energy; curvature: eV/e²."""
    order = np.argsort(-np.abs(direction), kind="stable")
    heavy = order[np.abs(direction[order]) > 0.3 * np.abs(direction[order[0]])][:NAMED]
    return ModelError(
        f"the charges have no minimum: charge that moves between {named(heavy, symbols)} changes the energy "
        f"by ½ · {curvature:.3g} eV/e² · q².",
        remedy="a larger hardness of these elements, or wider densities; a hardness includes the "
        "self-interaction of the density and must be larger than that. Atoms that are too close do this.",
    )


def named(atoms: Array, symbols: Sequence[str]) -> str:
    """'atoms 3 (Li), 7 (F)'."""
    names = ", ".join(f"{i} ({symbols[i]})" for i in atoms.tolist())
    return f"atom{'s' if len(atoms) > 1 else ''} {names}"
