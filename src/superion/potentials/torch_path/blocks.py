"""2-body block, 3-body block and repulsion in PyTorch: the sums of their compiled loops, array by array."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations_with_replacement

import numpy as np
import torch
from torch import Tensor

from superion.electrostatics.densities import COULOMB
from superion.potentials.few_body.angle import AngleBlock
from superion.potentials.few_body.pair import PairBlock
from superion.potentials.repulsion import INNER, LENGTH, SCREENING, Repulsion
from superion.torch_batch import Batch, chunk, cutoff_function, padded, slices, to_device

Array = np.ndarray

PAIRS = 1 << 13, 1 << 20  # pairs held at once, on a CPU and elsewhere
TRIANGLES = 1 << 13, 1 << 20  # triangles held at once


class TorchPair:
    """The weighted (M,) sum of the basis functions of a 2-body block, in float64 on a device."""

    def __init__(self, block: PairBlock, weights: Array, device: torch.device) -> None:
        self.hyper, self.cutoff, self.device = block.hyper, block.cutoff, device
        self.species: Sequence[int] = block.species
        classes = list(combinations_with_replacement(range(len(self.species)), 2))
        coefficients = block.scale * weights
        self._points = to_device(padded([block.flat[part] for part in block.slices]), device)
        self._coefficients = to_device(padded([coefficients[part] for part in block.slices]), device)
        self._table = np.empty((len(self.species),) * 2, dtype=np.int64)
        for kind, (a, b) in enumerate(classes):
            self._table[a, b] = self._table[b, a] = kind

    def add(self, batch: Batch, energies: Tensor, gradient: Tensor) -> None:
        """Add energies (N,) eV and the gradient (P, 3) eV/Å by pair vectors."""
        near = batch.within(self.cutoff)
        index = np.searchsorted(self.species, batch.numbers)
        kinds = to_device(self._table[index[batch.i[near]], index[batch.j[near]]], self.device)
        rows, i = to_device(near, self.device), to_device(batch.i[near], self.device)
        for part in slices(len(near), chunk(self.device, *PAIRS)):
            row, kind = rows[part], kinds[part]
            r = batch.distance[row]
            d = r[:, None] - self._points[kind]
            k = self._coefficients[kind] * torch.exp(-0.5 / self.hyper.lengthscale**2 * d * d)
            value, slope = k.sum(dim=1), -(d * k).sum(dim=1) / self.hyper.lengthscale**2
            f, df = cutoff_function(r, self.cutoff, self.hyper.cutoff_width)
            _add_pairs(batch, energies, gradient, row, i[part], value * f, slope * f + value * df)


class TorchRepulsion:
    """The repulsion of pairs of atoms, in float64 on a device."""

    def __init__(self, term: Repulsion, device: torch.device) -> None:
        self.cutoff, self.height, self.device = term.cutoff, term.height, device
        self.species: Sequence[int] = term.species
        self._radius = np.zeros((len(self.species),) * 2)
        for (one, two), radius in term.outer.items():
            a, b = self.species.index(one), self.species.index(two)
            self._radius[a, b] = self._radius[b, a] = radius

    def add(self, batch: Batch, energies: Tensor, gradient: Tensor) -> None:
        """Add energies (N,) eV and the gradient (P, 3) eV/Å by pair vectors."""
        near = batch.within(self.cutoff)
        index = np.searchsorted(self.species, batch.numbers)
        radius = self._radius[index[batch.i[near]], index[batch.j[near]]]
        felt = batch.reach[near] < radius
        near, radius = near[felt], radius[felt]
        one, two = batch.numbers[batch.i[near]], batch.numbers[batch.j[near]]
        row, i, outer, length, charge = (
            to_device(x, self.device)
            for x in (near, batch.i[near], radius, LENGTH / (one**0.23 + two**0.23), COULOMB * one * two)
        )
        r = batch.distance[row]
        value, slope = torch.zeros_like(r), torch.zeros_like(r)
        for amplitude, rate in SCREENING:
            part = amplitude * torch.exp(-rate * r / length)
            value += part
            slope -= rate / length * part
        value, slope = charge / r * value, charge / r * (slope - value / r)
        x = ((r / outer - INNER) / (1.0 - INNER)).clamp(min=0.0)
        switch = 1.0 - x * x * x * (10.0 - x * (15.0 - 6.0 * x))
        steep = -30.0 * x * x * (1.0 - x) ** 2 / (outer * (1.0 - INNER))
        depth = 1.0 - r / outer
        slope = switch * slope + steep * value - 3.0 * self.height * depth**2 / outer
        value = switch * value + self.height * depth**3
        _add_pairs(batch, energies, gradient, row, i, value, slope)


class TorchAngle:
    """The weighted (M,) sum of the basis functions of a 3-body block, in float64 on a device."""

    def __init__(self, block: AngleBlock, weights: Array, device: torch.device) -> None:
        self.hyper, self.cutoff = block.hyper, block.cutoff
        self.species: Sequence[int] = block.species
        self.device = device
        self._inverse = block.inverse
        table = np.empty((len(self.species),) * 3, dtype=np.int64)
        self._points: dict[int, tuple[Tensor, Tensor]] = {}
        for kind, (key, part) in enumerate(zip(block.classes, block.slices, strict=True)):
            c, a, b = (self.species.index(z) for z in key)
            table[c, a, b] = table[c, b, a] = kind
            if part.start < part.stop:
                points, weight = block.flat[part], (block.scale * weights)[part, None]
                moments = np.concatenate([weight, weight * points], axis=1)
                self._points[kind] = to_device(points, device), to_device(moments, device)
        self._table = to_device(table, device)

    def add(self, batch: Batch, energies: Tensor, gradient: Tensor) -> None:
        """Add energies (N,) eV and the gradient (P, 3) eV/Å by pair vectors."""
        near = batch.within(self.cutoff)
        centre = batch.i[near]
        last = np.searchsorted(centre, centre, side="right")
        others = last - np.arange(len(near)) - 1  # partners of each pair that come after it
        total = np.concatenate([[0], np.cumsum(others)])
        rows, i = to_device(near, self.device), to_device(centre, self.device)
        species = np.searchsorted(self.species, batch.numbers)
        of_centre = to_device(species[centre], self.device)
        of_end = to_device(species[batch.j[near]], self.device)
        before, count = to_device(total[:-1], self.device), to_device(others, self.device)
        start, most = 0, chunk(self.device, *TRIANGLES)
        while start < len(near):
            stop = max(int(np.searchsorted(total, total[start] + most, side="right")) - 1, start + 1)
            made = int(total[stop] - total[start])
            p = torch.arange(start, stop, device=self.device)
            p = torch.repeat_interleave(p, count[start:stop], output_size=made)
            first = torch.arange(int(total[start]), int(total[stop]), device=self.device)
            q = p + 1 + first - before[p]
            kind = self._table[of_centre[p], of_end[p], of_end[q]]
            for k in self._points:
                chosen = torch.nonzero(kind == k).squeeze(1)
                self._add_class(k, rows[p[chosen]], rows[q[chosen]], i[p[chosen]], batch, energies, gradient)
            start = stop

    def _add_class(
        self,
        kind: int,
        p: Tensor,
        q: Tensor,
        centre: Tensor,
        batch: Batch,
        energies: Tensor,
        gradient: Tensor,
    ) -> None:
        """Add the triangles of one class, given as two pairs (T,) with the same first atom (T,)."""
        points, moments = self._points[kind]
        v1, v2, r1, r2 = batch.vector[p], batch.vector[q], batch.distance[p], batch.distance[q]
        across = v2 - v1
        r3 = torch.linalg.vector_norm(across, dim=1)
        one, two, three = self._inverse.tolist()
        d = torch.stack([one * (r1 + r2), two * (r1 - r2) ** 2, three * r3], dim=1)
        u = d[:, None] - points
        sums = torch.exp(-(u * u).sum(dim=2)) @ moments
        value = sums[:, 0]
        g0, g1, g2 = (sums[:, 1:] - d * sums[:, :1]).unbind(1)
        g0, g1, g2 = 2.0 * one * g0, 4.0 * two * (r1 - r2) * g1, 2.0 * three * g2
        f1, df1 = cutoff_function(r1, self.cutoff, self.hyper.cutoff_width)
        f2, df2 = cutoff_function(r2, self.cutoff, self.hyper.cutoff_width)
        slope1 = (df1 * f2 * value + f1 * f2 * (g0 + g1)) / r1
        slope2 = (f1 * df2 * value + f1 * f2 * (g0 - g1)) / r2
        pull = (f1 * f2 * g2 / r3)[:, None] * across
        energies.index_add_(0, centre, f1 * f2 * value)
        gradient.index_add_(0, p, slope1[:, None] * v1 - pull)
        gradient.index_add_(0, q, slope2[:, None] * v2 + pull)


def _add_pairs(
    batch: Batch, energies: Tensor, gradient: Tensor, row: Tensor, i: Tensor, value: Tensor, slope: Tensor
) -> None:
    """Half the energy (eV) and slope (eV/Å) of pairs, each of which is listed in both directions."""
    energies.index_add_(0, i, 0.5 * value)
    gradient.index_add_(0, row, (0.5 * slope / batch.distance[row])[:, None] * batch.vector[row])
