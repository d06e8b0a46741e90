"""Energies, forces and virials of a SOAP block, in chunks of atoms of one species."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from superion.neighbours import Pairs
from superion.potentials.many_body.gemm import padded
from superion.potentials.many_body.kernels import Expansion, Scratch, expand, power_spectrum, vjp
from superion.potentials.many_body.simd import EIGHT, ROWS, aligned, lanes
from superion.potentials.many_body.sums import KernelSum, kernel_sum
from superion.terms import Sums

if TYPE_CHECKING:
    from superion.potentials.many_body.soap import SoapBlock

Array = np.ndarray

CHUNK = 256  # atoms whose spectra are held at once, about


class Evaluator:
    """A SOAP block compiled for one number type. It may be used by several threads at once."""

    def __init__(self, block: SoapBlock, dtype: str = "float64") -> None:
        hyper = block.hyper
        self.block, self.dtype = block, np.dtype(dtype)
        self.channels, self.length = block.channels, block.length
        n = block.radials
        self._lanes = lanes(dtype)
        room = -n % EIGHT
        row = -(-(hyper.l_max + 1) * (n + room) // self._lanes) * self._lanes
        self._tables: dict[int, Array] = {}
        self._bases = {}
        for z in block.centres:
            tables, table, channel = block.splines(z)
            if id(tables) not in self._tables:
                split = tables.reshape(*tables.shape[:3], hyper.l_max + 1, n)
                wider = np.pad(split, [(0, 0)] * 4 + [(0, room)]).reshape(*tables.shape[:3], -1)
                self._tables[id(tables)] = aligned((*wider.shape[:3], row), dtype)
                self._tables[id(tables)][..., : wider.shape[3]] = wider
            self._bases[z] = Expansion(
                self._tables[id(tables)],
                table,
                channel,
                block.spacing,
                hyper.cutoff,
                hyper.cutoff_width,
                hyper.l_max,
                n + room,
                block.factors.astype(dtype),
            )
        end = max(self.channels, max(int(basis.channel.max()) for basis in self._bases.values()) + n + room)
        self._wide = -(-end // self._lanes) * self._lanes
        self._row = row
        self._local = threading.local()
        self._kernels: tuple[Array, dict[int, KernelSum]] = (np.zeros(0), {})

    def chunks(self, z: int, pairs: Pairs, species: Array) -> Iterator[tuple[Array, Array, Array, Array]]:
        """Chunks of the centres of species z: indices, coefficients (n, L, ≥ C), spectra (n, ≥ D) and norms.

        They lie in memory that the next chunk overwrites. species: (N,) index of each atom's species.
        """
        centres = species[: len(pairs.start) - 1]
        rows = np.flatnonzero(centres == self.block.species.index(z))
        parts = np.array_split(rows, max(round(len(rows) / CHUNK), 1))
        room = -(-len(parts[0]) // ROWS) * ROWS
        lms = (self.block.hyper.l_max + 1) ** 2
        c = self._room("c", room, lms * self._wide).reshape(room, lms, self._wide)
        p, norm = self._room("p", room, self.length + self._lanes), np.empty(room)
        scratch = self._scratch()
        for part in parts if len(rows) else []:
            geometry = (part, pairs.start, pairs.j, pairs.vector, pairs.distance, species)
            expand(*geometry, self._bases[z], scratch, c)
            power_spectrum(c, len(part), self.channels, self.block.hyper.l_max, scratch, p, norm)
            yield part, c, p, norm

    def values(self, weights: Array, pairs: Pairs, species: Array) -> Array:
        """Sums of the kernels weighted by (M,) `weights`, for every atom whose pairs begin in `pairs`."""
        values = np.zeros(len(pairs.start) - 1)
        for z, kernel in self._prepared(weights).items():
            for part, _, p, _ in self.chunks(z, pairs, species):
                own = np.empty(len(part))
                kernel.slopes(p, len(part), self._gradient(p), own, self._room)
                values[part] = own
        return values

    def add(
        self,
        weights: Array,
        pairs: Pairs,
        species: Array,
        owner: Array,
        sums: Sums,
        scale: Array | None = None,
    ) -> None:
        """Add energies, forces and virials of the kernels weighted by (M,) `weights`.

        species: (N,) index of each atom's species. owner: (N,) index of its structure. Atoms whose pairs
        begin in `pairs` have energies. scale: (N,) factor on the energy of each of them.
        """
        kernels = self._prepared(weights)
        zeta = self.block.hyper.zeta
        for z, kernel in kernels.items():
            for part, c, p, norm in self.chunks(z, pairs, species):
                count = len(part)
                gradient = self._gradient(p)
                own = np.empty(count)
                kernel.slopes(p, count, gradient, own, self._room)
                if scale is not None:
                    own *= scale[part]
                    gradient[:count] *= scale[part, None]
                sums.energies[part] += own
                geometry = (part, pairs.start, pairs.j, pairs.vector, pairs.distance, species, owner)
                vjp(
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

    def _prepared(self, weights: Array) -> dict[int, KernelSum]:
        """Sums of the kernels with these weights, kept for the next call."""
        known, kernels = self._kernels
        if not np.array_equal(known, weights):
            block = self.block
            scale = block.hyper.delta**2
            kernels = {
                z: kernel_sum(
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

    def _gradient(self, spectra: Array) -> Array:
        """Room for the gradients of sums of kernels with respect to `spectra`."""
        return self._room("gradient", len(spectra), padded(self.length, self.dtype) + self._lanes)

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
            self._room("unit", 1, 6 * self._lanes)[0],
            self._room("recurrence", 1, ((l + 2) ** 2 + 2 * l + 2) * self._lanes)[0],
            self._room("y", 1, lms * self._lanes)[0],
            self._room("dy", 1, 3 * lms * self._lanes)[0],
            self._room("radial", 1, 2 * self._row)[0],
            self._room("matrix", 1, rows * self._wide + self._lanes)[0],
            self._room("atom", 1, lms * self._wide + self._lanes)[0],
        )
