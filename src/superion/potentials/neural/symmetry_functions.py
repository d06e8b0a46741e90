"""Atom-centred symmetry functions and their derivatives.

The environment of atom i is described by sums over its neighbours within the cutoff r_c (Behler, J. Chem.
Phys. 134, 074106, 2011), one for each element of the neighbour, or pair of elements:

    radial    G = Σ_j exp(−η (r_ij − r_s)²) f(r_ij)
    angular   G = 2^(1−ζ) Σ_{j<k} (1 + λ cos θ_jik)^ζ exp(−η (r_ij² + r_ik²)) f(r_ij) f(r_ik)
    cutoff    f(r) = tanh³(1 − r/r_c), which leaves no step in the second derivative either

Parameters are chosen as by Gastegger et al., J. Chem. Phys. 148, 241709 (2018): radial functions have their
centres r_s on a uniform grid with spacing Δ and η = 1/2Δ²; angular ones are centred on the atom, with widths
on a uniform grid up to the cutoff, η = 1/2w², both signs λ and each ζ asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from ase.data import chemical_symbols
from torch import Tensor

from superion.errors import ModelError
from superion.neighbours import Pairs
from superion.potentials.neural.settings import SymmetrySettings
from superion.potentials.neural.symmetry_loops import whole_exponents

Array = np.ndarray


@dataclass(frozen=True, slots=True)
class Neighbours:
    """P directed pairs i → j sorted by i, and T pairs of pairs that share their first atom.

    elements: (N,) index of the element of each atom. i, j: (P,). one, two: (T,) positions in the list of
    pairs, one < two. All int64.
    """

    elements: Tensor
    i: Tensor
    j: Tensor
    one: Tensor
    two: Tensor

    @classmethod
    def join(cls, elements: Sequence[Array], pairs: Sequence[Pairs], device: torch.device) -> Neighbours:
        """Several structures side by side: the elements (N,) and the pairs of each."""
        first = np.cumsum([0, *(len(part) for part in elements)])
        i = np.concatenate([part.i + start for part, start in zip(pairs, first, strict=False)])
        j = np.concatenate([part.j + start for part, start in zip(pairs, first, strict=False)])
        rank = np.arange(len(i))
        partners = np.searchsorted(i, i, side="right") - rank - 1  # pairs of the same atom that follow
        one = np.repeat(rank, partners)
        two = one + 1 + np.arange(len(one)) - np.repeat(np.cumsum(partners) - partners, partners)
        every = (np.concatenate(elements), i, j, one, two)
        return cls(*(torch.as_tensor(part, dtype=torch.int64, device=device) for part in every))


class SymmetryFunctions:
    """The symmetry functions of atoms among given elements.

    species: atomic numbers. size: how many functions each atom has. numbers: what the compiled loops
    (symmetry_loops.py) ask for. Radial functions come first, for one
    neighbour element after another, then the angular ones for each pair of elements.
    """

    def __init__(self, settings: SymmetrySettings, species: Sequence[int]) -> None:
        self.settings = settings
        self.species = tuple(sorted(int(z) for z in species))
        self.cutoff = settings.cutoff
        count = len(self.species)
        self._centres = np.linspace(settings.start, settings.cutoff, settings.radial + 1)[:-1]
        self._eta = 0.5 / ((settings.cutoff - settings.start) / settings.radial) ** 2
        widths = settings.cutoff * np.arange(1, settings.angular + 1) / settings.angular
        grid = [
            (0.5 / w**2, zeta, sign)
            for w in widths.tolist()
            for zeta in settings.zetas
            for sign in (1.0, -1.0)
        ]
        self._grid = np.array(grid).reshape(-1, 3).T
        self.size = count * settings.radial + count * (count + 1) // 2 * len(grid)
        a, b = np.triu_indices(count)
        self._pair_of = np.zeros((count, count), dtype=np.int64)
        self._pair_of[a, b] = self._pair_of[b, a] = np.arange(len(a))
        radial = np.arange(count * settings.radial).reshape(count, -1)
        angular = self._pair_of[:, :, None] * len(grid) + np.arange(len(grid))
        zetas = np.array(settings.zetas, dtype=np.float64)
        self.numbers = (
            self._centres,
            self._eta,
            0.5 / np.array(widths) ** 2,
            zetas,
            whole_exponents(zetas),
            self._pair_of,
        )
        self._columns = np.hstack([radial, count * settings.radial + angular.reshape(count, -1)])

    @property
    def columns(self) -> int:
        """How many functions know a neighbour of one element."""
        return int(self._columns.shape[1])

    def columns_of(self, elements: Array) -> Array:
        """(P, K) which functions know a neighbour of these elements (P,)."""
        return np.asarray(self._columns[elements])

    def elements(self, numbers: Array) -> Array:
        """(N,) index among `species` of the atomic numbers; ModelError for an element that is not there."""
        index = np.searchsorted(self.species, numbers).clip(max=len(self.species) - 1)
        strange = np.flatnonzero(np.asarray(self.species)[index] != numbers)
        if len(strange):
            raise ModelError(
                f"no network for {chemical_symbols[numbers[strange[0]]]} (atom {strange[0]}); the model "
                f"knows {', '.join(chemical_symbols[z] for z in self.species)}.",
                remedy="train with this element, or check the structure.",
            )
        return index

    def values(self, vectors: Tensor, neighbours: Neighbours) -> Tensor:
        """(N, size), without unit, for pair vectors (P, 3) Å; twice differentiable in them."""
        r = torch.linalg.vector_norm(vectors, dim=1)
        return self._sums(neighbours, self._radial(r), self._angular(*self._sides(vectors, r, neighbours)))

    def with_derivatives(self, vectors: Tensor, neighbours: Neighbours) -> tuple[Tensor, Tensor]:
        """The values (N, size), and their derivatives (P, K, 3) 1/Å: those of atom i by the vector i → j.

        Of each pair only the K functions that know the element of j; `gradient` knows which they are.
        """
        r = torch.linalg.vector_norm(vectors, dim=1)
        unit = vectors / r[:, None]
        r1, r2, cosine = self._sides(vectors, r, neighbours)
        radial, radial_slope = self._radial(r), self._radial_slope(r)
        angular = self._angular(r1, r2, cosine)
        by_first, by_second, by_cosine = self._angular_slopes(r1, r2, cosine)
        sums = self._sums(neighbours, radial, angular)
        slopes = vectors.new_zeros(len(r) * len(self.species), angular.shape[1], 3)
        ends = neighbours.elements[neighbours.j]
        for at, other, slope, side in (
            (neighbours.one, neighbours.two, by_first, r1),
            (neighbours.two, neighbours.one, by_second, r2),
        ):
            along = unit[at]
            across = (unit[other] - cosine[:, None] * along) / side[:, None]
            slope = slope[:, :, None] * along[:, None] + by_cosine[:, :, None] * across[:, None]
            slopes.index_add_(0, at * len(self.species) + ends[other], slope)
        angular_part = slopes.unflatten(0, (len(r), len(self.species))).flatten(1, 2)
        return sums, torch.cat([radial_slope[:, :, None] * unit[:, None], angular_part], dim=1)

    def gradient(self, by_values: Tensor, slopes: Tensor, neighbours: Neighbours) -> Tensor:
        """(P, 3), derivative by pair vectors where that by the values is by_values (N, size).

        In the unit of by_values over Å, and differentiable in it. slopes: those of `with_derivatives`.
        """
        columns = torch.as_tensor(self._columns, device=by_values.device)
        chosen = by_values[:, columns][neighbours.i, neighbours.elements[neighbours.j]]
        return torch.einsum("pk,pkc->pc", chosen, slopes)

    # -- parts of the above ------------------------------------------------------------------------

    def _cut(self, r: Tensor) -> Tensor:
        return torch.tanh((1 - r / self.cutoff).clamp(min=0.0)) ** 3

    def _cut_slope(self, r: Tensor) -> Tensor:
        t = torch.tanh((1 - r / self.cutoff).clamp(min=0.0))
        return -3 / self.cutoff * t**2 * (1 - t**2)

    def _radial(self, r: Tensor) -> Tensor:
        """(P, radial)."""
        return torch.exp(-self._eta * self._off(r) ** 2) * self._cut(r)[:, None]

    def _radial_slope(self, r: Tensor) -> Tensor:
        """(P, radial) 1/Å."""
        off = self._off(r)
        slope = self._cut_slope(r)[:, None] - 2 * self._eta * off * self._cut(r)[:, None]
        return torch.exp(-self._eta * off**2) * slope

    def _off(self, r: Tensor) -> Tensor:
        return r[:, None] - torch.as_tensor(self._centres, device=r.device)

    def _sides(self, vectors: Tensor, r: Tensor, neighbours: Neighbours) -> tuple[Tensor, Tensor, Tensor]:
        """Two sides (Å) of each triangle and the cosine of the angle between them, each (T,)."""
        r1, r2 = r[neighbours.one], r[neighbours.two]
        dot = torch.linalg.vecdot(vectors[neighbours.one], vectors[neighbours.two])
        return r1, r2, dot / (r1 * r2)

    def _angular(self, r1: Tensor, r2: Tensor, cosine: Tensor) -> Tensor:
        """(T, angular)."""
        eta, zeta, sign = torch.as_tensor(self._grid, device=r1.device)
        around = 2 * (0.5 * (1 + sign * cosine[:, None])).clamp(min=0.0) ** zeta
        return around * torch.exp(-eta * (r1**2 + r2**2)[:, None]) * (self._cut(r1) * self._cut(r2))[:, None]

    def _angular_slopes(self, r1: Tensor, r2: Tensor, cosine: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(T, angular) by both sides, 1/Å, and by the cosine."""
        eta, zeta, sign = torch.as_tensor(self._grid, device=r1.device)
        base = (0.5 * (1 + sign * cosine[:, None])).clamp(min=0.0)
        decay = torch.exp(-eta * (r1**2 + r2**2)[:, None])
        cut1, cut2 = self._cut(r1)[:, None], self._cut(r2)[:, None]
        around = 2 * base**zeta * decay
        return (
            around * cut2 * (self._cut_slope(r1)[:, None] - 2 * eta * r1[:, None] * cut1),
            around * cut1 * (self._cut_slope(r2)[:, None] - 2 * eta * r2[:, None] * cut2),
            sign * zeta * base ** (zeta - 1) * decay * cut1 * cut2,
        )

    def _pair_kind(self, neighbours: Neighbours) -> Tensor:
        """(T,) which pair of elements each triangle has."""
        table = torch.as_tensor(self._pair_of, device=neighbours.i.device)
        end = neighbours.elements[neighbours.j]
        return table[end[neighbours.one], end[neighbours.two]]

    def _sums(self, neighbours: Neighbours, radial: Tensor, angular: Tensor) -> Tensor:
        """(N, size): what pairs and triangles contribute, summed for each atom and kind."""
        atoms, count = len(neighbours.elements), len(self.species)
        kinds = count * (count + 1) // 2
        row = neighbours.i * count + neighbours.elements[neighbours.j]
        two = radial.new_zeros(atoms * count, radial.shape[1]).index_add(0, row, radial)
        row = neighbours.i[neighbours.one] * kinds + self._pair_kind(neighbours)
        three = angular.new_zeros(atoms * kinds, angular.shape[1]).index_add(0, row, angular)
        return torch.cat([two.view(atoms, -1), three.view(atoms, kinds * angular.shape[1])], dim=1)
