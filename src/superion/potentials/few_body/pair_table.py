"""Tables of the 2-body energies, for dynamics: their cost does not grow with the sparse distances.

With the weights fixed, the kernel sum of a pair of species is a smooth function of the distance. It is
tabulated without the cutoff function, which stays exact, by quintic Hermite polynomials, from its value and
first two derivatives at equidistant knots.
"""

from __future__ import annotations

import math

import numpy as np

from superion.batch import Batch
from superion.compiled import numba
from superion.errors import InputError
from superion.potentials.cutoff import cosine_cutoff
from superion.potentials.few_body.pair import PairBlock
from superion.potentials.radial import quintic_hermite
from superion.terms import Sums

Array = np.ndarray

COARSEST = 2
"""Knots per lengthscale from which refinement begins."""
LARGEST = 100_000
"""Knots, at most."""
STEEPEST = 0.5 * (1 - math.sqrt(1 / 5))
"""Where in an interval the error of quintic Hermite interpolation, t³(1 − t)³, is steepest."""


class PairTable:
    """The energies of all pairs of a block as functions of distance.

    tolerance, error: largest deviation of a slope, asked for and found, in eV/Å. bytes: memory.
    Raises InputError if the tolerance takes more than `LARGEST` knots.
    """

    def __init__(self, block: PairBlock, weights: Array, tolerance: float) -> None:
        self._block = block
        intervals = COARSEST * math.ceil(block.cutoff / block.hyper.lengthscale)
        while True:
            self._spacing = h = block.cutoff / intervals
            knots = h * np.arange(intervals + 1)
            self._table = quintic_hermite(_kernel_sums(block, weights, knots), h)
            exact = _kernel_sums(block, weights, knots[:-1] + STEEPEST * h)[1]
            powers = np.arange(1, 6) * STEEPEST ** np.arange(5) / h
            found = np.einsum("p,kpc->kc", powers, self._table[:, 1:])
            self.error = float(np.abs(found - exact).max(initial=0.0))
            if self.error <= tolerance:
                break
            intervals *= 2
            if intervals > LARGEST:
                raise InputError(
                    f"tables of the 2-body energies cannot have slopes to {tolerance:.1e} eV/Å; the error is "
                    f"{self.error:.1e} eV/Å.",
                    remedy="allow a larger error, or evaluate the pairs without tables.",
                )
        self.bytes = self._table.nbytes

    def evaluate(self, batch: Batch, sums: Sums) -> None:
        """Add energies (eV), forces (eV/Å) and virials (eV) of all pairs to `sums`."""
        block = self._block
        _evaluate(
            block.geometry(batch),
            self._table,
            self._spacing,
            batch.centres,
            batch.owner,
            sums.energies,
            sums.forces,
            sums.virials,
        )


def _kernel_sums(block: PairBlock, weights: Array, r: Array) -> Array:
    """Σ_s w_s k(r, s) / f(r) for every pair of species: value, slope and curvature, (3, R, classes)."""
    inverse = 0.5 / block.hyper.lengthscale**2
    out = np.empty((3, len(r), len(block.slices)))
    for k, own in enumerate(block.slices):
        d = r[:, None] - block.flat[own]
        terms = block.scale[own] * weights[own] * np.exp(-inverse * d**2)
        factors = (np.ones_like(d), -2 * inverse * d, (2 * inverse * d) ** 2 - 2 * inverse)
        out[:, :, k] = [(factor * terms).sum(axis=1) for factor in factors]
    return out


@numba.njit(cache=True, nogil=True)
def _evaluate(geometry, tables, h, centres, owner, energies, forces, virials):  # type: ignore[no-untyped-def]
    """Add energies (N,), forces (N, 3) and virials (B, 3, 3) of all pairs, each counted as in the block."""
    i, j, vector, distance, species, table, first, _, _, cutoff, width = geometry
    for p in range(len(i)):
        a, b = i[p], j[p]
        if b < a:
            continue
        kind = table[species[a], species[b]]
        if first[kind] == first[kind + 1]:
            continue
        r = distance[p]
        k = min(int(r / h), tables.shape[0] - 1)
        t = r / h - k
        value = slope = 0.0
        for power in range(5, -1, -1):
            slope = slope * t + value
            value = value * t + tables[k, power, kind]
        f, df = cosine_cutoff(r, cutoff, width)
        half = a == b or b >= centres
        share = 0.5 if half else 1.0
        slope = share * (slope / h * f + value * df)
        value *= 0.5 * f
        energies[a] += value
        if not half:
            energies[b] += value
        for x in range(3):
            pull = slope * vector[p, x] / r
            forces[a, x] += pull
            forces[b, x] -= pull
            for y in range(3):
                virials[owner[a], x, y] -= pull * vector[p, y]
