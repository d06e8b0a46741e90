"""The weighted sum of SOAP kernels and its derivatives, in chunks of atoms of one species.

    E_i = Σ_s w_s (p_i·p_s)^ζ

Kernel and slope are two matrix products with the sparse points. For ζ = 2 the sum is the quadratic form
p_i·W·p_i, W = Σ_s w_s p_s p_sᵀ: one product, and the number of sparse points no longer matters. Whichever
way has fewer multiplications is taken.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numba
import numpy as np

from superion.neighbours import Pairs
from superion.potentials.gemm import multiply, pack, padded
from superion.potentials.simd import LANES, aligned
from superion.potentials.soap_kernels import FAST, Expansion, Scratch, adjoint, expand, power_spectrum
from superion.terms import Sums

if TYPE_CHECKING:
    from superion.potentials.soap import SoapBlock

Array = np.ndarray

CHUNK = 256  # atoms whose spectra are held at once


@dataclass(frozen=True)
class Kernel:
    """Sparse environments of one central species, ready for use with one set of weights.

    project, back: panels to the principal components (K) and from them, or None. first: panels to the sparse
    points or, if `quadratic`, of the quadratic form; second: panels from the sparse points to the slope.
    """

    weights: Array
    first: Array
    second: Array | None
    project: Array | None
    back: Array | None
    dimension: int

    @classmethod
    def prepare(cls, points: Array, basis: Array | None, weights: Array, zeta: int, dtype: Any) -> Kernel:
        """The cheapest way to evaluate the kernels to `points` (M, K), coordinates along `basis` (K, D)."""

        def cost(dimension: int) -> int:
            both = 2 * len(points) * dimension
            return min(both, dimension**2) if zeta == 2 else both

        if basis is not None and cost(basis.shape[1]) < cost(len(basis)) + 2 * basis.size:
            points, basis = points @ basis, None
        dimension = points.shape[1]
        if zeta == 2 and dimension < 2 * len(points):
            first, second = pack((points.T * weights) @ points, dtype), None
        else:
            first, second = pack(points.T, dtype), pack(points, dtype)
        project, back = (None, None) if basis is None else (pack(basis.T, dtype), pack(basis, dtype))
        room = np.zeros(padded(len(points), dtype), dtype)
        room[: len(weights)] = weights
        return cls(room, first, second, project, back, dimension)


class Evaluator:
    """A SOAP block compiled for one number type. It may be used by several threads at once."""

    def __init__(self, block: SoapBlock, dtype: str = "float64") -> None:
        hyper = block.hyper
        self.block, self.dtype = block, np.dtype(dtype)
        self.channels, self.length = block.channels, block.length
        n = block.radials
        room = -n % LANES
        self._tables: dict[int, Array] = {}
        self._bases = {}
        for z in block.centres:
            tables, table, channel = block.splines(z)
            if id(tables) not in self._tables:
                split = tables.reshape(*tables.shape[:3], hyper.l_max + 1, n)
                wider = np.pad(split, [(0, 0)] * 4 + [(0, room)]).reshape(*tables.shape[:3], -1)
                self._tables[id(tables)] = aligned(wider.shape, dtype)
                self._tables[id(tables)][...] = wider
            self._bases[z] = Expansion(
                self._tables[id(tables)],
                table,
                channel,
                block.spacing,
                hyper.cutoff,
                hyper.cutoff_width,
                hyper.l_max,
                block.factors.astype(dtype),
            )
        end = max(self.channels, max(int(basis.channel.max()) for basis in self._bases.values()) + n + room)
        self._wide = -(-end // LANES) * LANES
        self._local = threading.local()
        self._kernels: tuple[Array, dict[int, Kernel]] = (np.zeros(0), {})

    def chunks(self, z: int, pairs: Pairs, species: Array) -> Iterator[tuple[Array, Array, Array, Array]]:
        """Chunks of the centres of species z: indices, coefficients (n, L, ≥ C), spectra (n, ≥ D) and norms.

        They lie in memory that the next chunk overwrites. species: (N,) index of each atom's species.
        """
        centres = species[: len(pairs.start) - 1]
        rows = np.flatnonzero(centres == self.block.species.index(z))
        room = min(CHUNK, -(-len(rows) // LANES) * LANES)
        lms = (self.block.hyper.l_max + 1) ** 2
        c = self._room("c", room, lms * self._wide).reshape(room, lms, self._wide)
        p, norm = self._room("p", room, self.length + LANES), np.empty(room)
        scratch = self._scratch()
        for first in range(0, len(rows), CHUNK):
            part = rows[first : first + CHUNK]
            geometry = (part, pairs.start, pairs.j, pairs.vector, pairs.distance, species)
            expand(*geometry, self._bases[z], scratch, c)
            power_spectrum(c, len(part), self.channels, self.block.hyper.l_max, scratch, p, norm)
            yield part, c, p, norm

    def add(self, weights: Array, pairs: Pairs, species: Array, owner: Array, sums: Sums) -> None:
        """Add energies, forces and virials of the kernels weighted by (M,) `weights`.

        species: (N,) index of each atom's species. owner: (N,) index of its structure. Atoms whose pairs
        begin in `pairs` have energies.
        """
        kernels = self._prepared(weights)
        zeta = self.block.hyper.zeta
        for z, kernel in kernels.items():
            for part, c, p, norm in self.chunks(z, pairs, species):
                count = len(part)
                gradient = self._room("gradient", len(p), padded(self.length, self.dtype) + LANES)
                own = np.empty(count)
                self._slopes(kernel, count, p, gradient, own, zeta)
                sums.energies[part] += own
                geometry = (part, pairs.start, pairs.j, pairs.vector, pairs.distance, species, owner)
                adjoint(
                    *geometry,
                    self._bases[z],
                    c,
                    self.channels,
                    p,
                    norm,
                    zeta * own,
                    gradient,
                    self._scratch(),
                    sums.forces,
                    sums.virials,
                )

    def _slopes(self, kernel: Kernel, count: int, p: Array, gradient: Array, own: Array, zeta: int) -> None:
        """Energies of `count` atoms and their gradients with respect to the normalised spectra."""
        spectra, slope = p, gradient
        if kernel.project is not None:
            spectra = self._room("spectra", len(p), padded(kernel.dimension, self.dtype))
            slope = self._room("slope", len(p), padded(kernel.dimension, self.dtype))
            multiply(p, count, kernel.project, spectra)
        if kernel.second is None:
            multiply(spectra, count, kernel.first, slope)
            _quadratic(spectra, slope, count, kernel.dimension, own)
        else:
            dot = self._room("dot", len(p), len(kernel.weights))
            multiply(spectra, count, kernel.first, dot)
            _powers(dot, count, kernel.weights, zeta, own)
            multiply(dot, count, kernel.second, slope)
        if kernel.back is not None:
            multiply(slope, count, kernel.back, gradient)

    def _prepared(self, weights: Array) -> dict[int, Kernel]:
        """Kernels for these weights, kept for the next call."""
        known, kernels = self._kernels
        if not np.array_equal(known, weights):
            block = self.block
            scale = block.hyper.delta**2
            kernels = {
                z: Kernel.prepare(
                    points,
                    block.bases.get(z),
                    scale * weights[block.offsets[z]],
                    block.hyper.zeta,
                    self.dtype,
                )
                for z, points in block.points.items()
            }
            self._kernels = (weights.copy(), kernels)
        return kernels

    def _room(self, name: str, rows: int, columns: int) -> Array:
        """Memory of this thread, kept for the next call."""
        kept = self._local.__dict__
        if name not in kept or kept[name].shape[1] != columns or len(kept[name]) < rows:
            kept[name] = aligned((rows, columns), self.dtype)
        return kept[name][:rows]

    def _scratch(self) -> Scratch:
        l = self.block.hyper.l_max
        lms = (l + 1) ** 2
        rows = max(self.channels, 4)
        return Scratch(
            self._room("unit", 1, 6 * LANES)[0],
            self._room("recurrence", 1, ((l + 2) ** 2 + 2 * l + 2) * LANES)[0],
            self._room("y", 1, lms * LANES)[0],
            self._room("dy", 1, 3 * lms * LANES)[0],
            self._room("matrix", 1, rows * self._wide + LANES)[0],
            self._room("atom", 1, lms * self._wide + LANES)[0],
        )


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _powers(dot, count, weights, zeta, energies):  # type: ignore[no-untyped-def]
    """Energies Σ_s w_s dot^ζ (count,); dot (≥ count, M) becomes their derivatives."""
    size = len(weights)
    power = np.empty_like(weights)
    for i in range(count):
        for s in range(size):
            power[s] = weights[s]
        for _ in range(zeta - 1):
            for s in range(size):
                power[s] *= dot[i, s]
        energy = 0.0
        for s in range(size):
            energy += power[s] * dot[i, s]
        energies[i] = energy
        for s in range(size):
            dot[i, s] = zeta * power[s]


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _quadratic(spectra, slope, count, size, energies):  # type: ignore[no-untyped-def]
    """Energies p·(W p) (count,) from `slope` = W p (≥ count, size), which becomes their derivative 2 W p."""
    for i in range(count):
        energy = 0.0
        for k in range(size):
            energy += spectra[i, k] * slope[i, k]
            slope[i, k] *= 2
        energies[i] = energy
