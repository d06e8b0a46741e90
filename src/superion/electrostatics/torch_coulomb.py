"""The Coulomb term in PyTorch: pairs of all structures at once, reciprocal vectors of one cell after another.

Energy, forces and virial are those of `CoulombTerm`, with derivatives written by hand, all in float64.
Periodic cells are summed by Ewald's method (N^1.5) with the accuracy of the term, also where the term would
choose a mesh; structures without periodic axes are all pairs of one sum with α = 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import pi, sqrt

import numpy as np
import torch
from ase import Atoms
from torch import Tensor

from superion.electrostatics.coulomb import CoulombTerm
from superion.electrostatics.densities import COULOMB
from superion.electrostatics.ewald import Splitting
from superion.electrostatics.images import OVERLAP, overlap
from superion.electrostatics.lattice import Lattice
from superion.electrostatics.reciprocal import half_grid
from superion.electrostatics.tables import penetration_tables
from superion.errors import naming
from superion.neighbours import Pairs, neighbour_pairs
from superion.terms import Evaluation
from superion.torch_batch import Batch, chunk, slices, to_device

Array = np.ndarray
PAIRS = 1 << 14, 1 << 21  # pairs held at once, on a CPU and elsewhere
PHASES = 1 << 16, 1 << 25  # complex numbers held at once


@dataclass(frozen=True, slots=True)
class Source:
    """One structure: charges (N,) e, kinds (N,) of density, how it is summed; lattice: None for a cluster."""

    charges: Array
    kinds: Array
    lattice: Lattice | None
    splitting: Splitting


class TorchCoulomb:
    """The Coulomb term of a potential, on a device."""

    def __init__(self, term: CoulombTerm, device: torch.device) -> None:
        self.term, self.device = term, device
        tables = penetration_tables(term.distinct)
        self._rows = to_device(tables.rows, device)
        self._first = to_device(tables.first, device)
        self._steps = to_device(tables.steps, device)
        self._ends = to_device(tables.ends, device)
        self._moments = np.array([density.second_moment for density in term.distinct])

    def evaluate(self, structures: Sequence[Atoms]) -> list[Evaluation]:
        """Energy, forces, virial, charges and dipole of each; errors as of `CoulombTerm.evaluate`."""
        sources, pairs = [], []
        for k, atoms in enumerate(structures):
            with naming(k if len(structures) > 1 else None):
                source = self._source(atoms)
                sources.append(source)
                pairs.append(
                    _every_pair(atoms.positions)
                    if source.lattice is None
                    else neighbour_pairs(atoms, source.splitting.cutoff)
                )
        batch = Batch.join([atoms.numbers for atoms in structures], pairs, self.device)
        charges = to_device(np.concatenate([source.charges for source in sources]), self.device)
        potential, gradient = self._real_space(batch, sources, charges)
        forces, virials = batch.derivatives(gradient)
        ends = zip(batch.first[:-1].tolist(), batch.first[1:].tolist(), strict=True)
        for k, (source, (a, b)) in enumerate(zip(sources, ends, strict=True)):
            if source.lattice is not None and b > a:
                self._reciprocal(source, charges[a:b], potential[a:b], forces[a:b], virials[k])
        felt, pulled, strained = (x.cpu().numpy() for x in (potential, forces, virials))
        results = []
        for atoms, source, v, a, b in zip(
            structures, sources, strained, batch.first[:-1], batch.first[1:], strict=True
        ):
            q = source.charges
            felt_here = COULOMB * felt[a:b]
            energies = 0.5 * q * felt_here  # the energy is quadratic in the charges (Euler)
            flow, strain = self.term.charges.vjp(atoms, felt_here)
            virial = 0.5 * COULOMB * (v + v.T) + strain
            found = Evaluation(float(energies.sum()), energies, COULOMB * pulled[a:b] + flow, virial)
            results.append(replace(found, charges=q, dipole=q @ atoms.positions))
        return results

    # -- parts of the above ------------------------------------------------------------------------

    def _source(self, atoms: Atoms) -> Source:
        charges, kinds = self.term.sources(atoms)
        if not atoms.pbc.any() or not len(atoms):
            return Source(charges, kinds, None, Splitting(0.0, np.inf, 0.0))
        lattice = Lattice.of(atoms.positions, atoms.cell.array)
        splitting = Splitting.choose(len(atoms), lattice.volume, self.term.accuracy, self.term.reach)
        return Source(charges, kinds, lattice, splitting)

    def _kernel(self, r: Tensor, alpha: Tensor, kind: Tensor) -> tuple[Tensor, Tensor]:
        """K(r) = erfc(αr) − (1 − r·φ(r)) and its derivative (1/Å), all (P,); kind: pair of densities."""
        x = alpha * r
        value, slope = torch.erfc(x), -2 / sqrt(pi) * alpha * torch.exp(-x * x)
        end, step = self._ends.flatten()[kind], self._steps.flatten()[kind]
        inside = r < end
        x = torch.where(inside, r, 0.0) * step
        row = x.long()
        c = self._rows[self._first.flatten()[kind] + row].unbind(1)
        t = x - row
        bare = c[0] + t * (c[1] + t * (c[2] + t * (c[3] + t * (c[4] + t * c[5]))))
        steep = c[1] + t * (2 * c[2] + t * (3 * c[3] + t * (4 * c[4] + t * (5 * c[5]))))
        return value - torch.where(inside, bare, 0.0), slope - torch.where(inside, steep * step, 0.0)

    def _real_space(self, batch: Batch, sources: Sequence[Source], charges: Tensor) -> tuple[Tensor, Tensor]:
        """Potential (N,) e/Å of the pairs, and the gradient (P, 3) e²/Å² of the energy by pair vectors."""
        potential, gradient = batch.zeros()
        count = len(self._moments)
        alphas = to_device(np.array([source.splitting.alpha for source in sources]), self.device)
        cutoffs = to_device(np.array([source.splitting.cutoff for source in sources]), self.device)
        kinds = np.concatenate([source.kinds for source in sources])
        kind = to_device(kinds[batch.i] * count + kinds[batch.j], self.device)
        which = to_device(batch.structure()[batch.i], self.device)
        i, j = to_device(batch.i, self.device), to_device(batch.j, self.device)
        every = torch.arange(count**2, device=self.device).repeat(len(sources))
        limits = cutoffs.repeat_interleave(count**2)
        shift, _ = self._kernel(limits, alphas.repeat_interleave(count**2), every)
        shift = torch.where(limits.isinf(), 0.0, shift)
        for part in slices(len(kind), chunk(self.device, *PAIRS)):
            r, qi, qj = batch.distance[part], charges[i[part]], charges[j[part]]
            value, slope = self._kernel(r, alphas[which[part]], kind[part])
            value = (value - shift[which[part] * count**2 + kind[part]]) / r
            potential.index_add_(0, i[part], qj * value)
            pull = 0.5 * qi * qj * (slope - value) / (r * r)
            gradient[part] = pull[:, None] * batch.vector[part]
        return potential, gradient

    def _reciprocal(
        self, source: Source, charges: Tensor, potential: Tensor, forces: Tensor, virial: Tensor
    ) -> None:
        """Add the long-range part and the background of one cell to potential (N,), forces (N, 3), virial.

        As `reciprocal_sum`: phases are products of one factor for each axis.
        """
        lattice, splitting = source.lattice, source.splitting
        assert lattice is not None
        alpha = splitting.alpha
        lengths = np.sqrt((lattice.axes**2).sum(axis=1))
        one, two, three = (int(splitting.reciprocal_cutoff * length / (2 * pi)) for length in lengths)
        index, weight = (to_device(x, self.device) for x in half_grid(one, two, three))
        inverse = to_device(lattice.inverse, self.device)
        fractional = to_device(lattice.fractional, self.device)
        k = 2 * pi * index @ inverse.T
        k2 = torch.where(weight > 0, (k * k).sum(dim=1), 1.0)
        damping = 4 * pi / lattice.volume * weight * torch.exp(-k2 / (4 * alpha**2)) / k2
        steps = [
            torch.arange(low, n + 1, device=self.device)
            for low, n in ((0, one), (-two, two), (-three, three))
        ]
        numbers = [n.double() for n in steps]
        size = max(chunk(self.device, *PHASES) // (len(numbers[1]) * len(numbers[2])), 8)
        blocks = list(slices(len(charges), size))

        def phases(block: slice) -> tuple[list[Tensor], Tensor]:
            waves = []
            for axis, n in enumerate(numbers):
                angle = 2 * pi * n[:, None] * fractional[block, axis]
                waves.append(torch.complex(torch.cos(angle), torch.sin(angle)))
            return waves, (waves[1][:, None] * waves[2]).reshape(-1, block.stop - block.start)

        factors = torch.zeros(
            len(numbers[0]), len(k) // len(numbers[0]), dtype=torch.complex128, device=self.device
        )
        for block in blocks:
            (first, _, _), plane = phases(block)
            factors += (first * charges[block]) @ plane.T
        field = damping.view(factors.shape) * factors.conj()
        for block in blocks:
            (first, second, third), plane = phases(block)
            felt = first * (field @ plane)
            potential[block] += felt.real.sum(dim=0)
            rest = (field.T @ first).reshape(len(numbers[1]), len(numbers[2]), -1) * third
            slopes = [numbers[0] @ felt.imag, numbers[1] @ (rest.sum(dim=1) * second).imag]
            slopes.append(numbers[2] @ (rest * second[:, None]).sum(dim=0).imag)
            slope = torch.stack(slopes, dim=1) @ inverse.T
            forces[block] += 2 * pi * charges[block, None] * slope
        energies = 0.5 * damping * (factors.real**2 + factors.imag**2).flatten()
        eye = torch.eye(3, dtype=torch.float64, device=self.device)
        virial += energies.sum() * eye - (k.T * (energies * (2 / k2 + 0.5 / alpha**2))) @ k
        moments = to_device(self._moments[source.kinds], self.device)
        total = charges.sum()
        background = 2 * pi / 3 * (charges @ moments + total * moments) - pi / alpha**2 * total
        background = background / lattice.volume
        potential += background - 2 * alpha / sqrt(pi) * charges
        virial += 0.5 * (charges @ background) * eye


def _every_pair(positions: Array) -> Pairs:
    """All directed pairs of a structure without periodic axes; InputError for atoms on top of each other."""
    count = len(positions)
    i, j = np.nonzero(~np.eye(count, dtype=bool))
    vector = positions[j] - positions[i]
    distance = np.sqrt((vector**2).sum(axis=1))
    if len(distance) and distance.min() < OVERLAP:
        k = int(distance.argmin())
        raise overlap(int(i[k]), int(j[k]), float(distance[k]))
    return Pairs(i, j, vector, distance, np.arange(count + 1) * max(count - 1, 0))
