"""Short-range repulsion below the distances that the training data reach.

A fitted model says nothing true about distances that no training structure has; hot atoms that get there can
fall into a hole. For each pair of species, with r0 its outer radius:

    U(r) = S(r) · ZBL(r) + height · (1 − r/r0)³    for r < r0, and 0 beyond

ZBL is the universal screened nuclear repulsion of Ziegler, Biersack, Littmark, "The Stopping and Range of
Ions in Solids" (Pergamon, 1985); S goes smoothly from 1 at 0.7 r0 to 0 at r0 (1 − 10x³ + 15x⁴ − 6x⁵). ZBL
alone is soft for light ions (Li–Li: 3 eV at half of their shortest distance), hence the cubic part. U has two
continuous derivatives.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations_with_replacement
from typing import Any, ClassVar, Self

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols, covalent_radii

from superion.batch import Batch, evaluate_local
from superion.compiled import numba
from superion.electrostatics.densities import COULOMB
from superion.errors import InputError
from superion.neighbours import NeighbourList, neighbour_pairs
from superion.potentials.few_body.pair import check_classes, species_index
from superion.terms import Evaluation, Sums

Array = np.ndarray

INNER = 0.7  # ZBL is complete below this fraction of the outer radius
SCREENING = (0.18175, 3.19980), (0.50986, 0.94229), (0.28022, 0.40290), (0.02817, 0.20162)
LENGTH = 0.46850  # Å, of the universal screening function with the amplitudes and rates above
REACH = 1.5  # the outer radius is at most this times the sum of covalent radii


class Repulsion:
    """Repulsion of pairs of atoms below a radius of their species.

    outer: for pairs of atomic numbers (a ≤ b) the radius r0 in Å below which they repel; pairs without an
    entry do not. height: eV of the cubic part at r = 0; an eighth of it at half the radius.
    """

    kind: ClassVar[str] = "repulsion"

    def __init__(self, outer: Mapping[tuple[int, int], float], height: float = 160.0) -> None:
        if not outer or min(outer.values()) <= 0 or not height >= 0:
            raise InputError(
                f"repulsion needs positive radii and a height of 0 eV or more: {dict(outer)} Å, {height} eV.",
                remedy="take the radii from the training data: Repulsion.below(frames).",
            )
        self.species = sorted({z for pair in outer for z in pair})
        pairs = list(combinations_with_replacement(self.species, 2))
        check_classes(outer, pairs)
        self.outer = {p: float(outer[p]) for p in pairs if p in outer}
        self.height = float(height)
        self.cutoff = max(self.outer.values())
        order = {z: k for k, z in enumerate(self.species)}
        self._radius = np.zeros((len(order),) * 2)
        for (a, b), radius in self.outer.items():
            self._radius[order[a], order[b]] = self._radius[order[b], order[a]] = radius

    @classmethod
    def below(
        cls,
        frames: Sequence[Atoms],
        *,
        species: Sequence[int] | None = None,
        margin: float = 0.9,
        height: float = 160.0,
    ) -> Self:
        """Repulsion that no frame feels: each radius is `margin` times that pair's shortest distance there.

        The local model extrapolates well over a few per cent of a distance, which unseen frames of the same
        kind need, so that the repulsion must not begin at once: with margin 1 the force error on held-out
        trajectories can double (benchmarks/hyperparameters.py). Pairs that never come closer than 1.5 times
        the sum of their covalent radii (Cordero et al., Dalton Trans. 2832 (2008)) count as seen there.
        species: atomic numbers, those of the frames if not given.
        """
        if species is None:
            species = sorted({int(z) for atoms in frames for z in atoms.numbers})
        pairs = list(combinations_with_replacement(sorted(species), 2))
        outer = {(a, b): REACH * float(covalent_radii[a] + covalent_radii[b]) for a, b in pairs}
        if not pairs:
            raise InputError("no frames and no species to make a repulsion for.", remedy="give one of them.")
        for atoms in frames:
            found = neighbour_pairs(atoms, max(outer.values()))
            first, second = atoms.numbers[found.i], atoms.numbers[found.j]
            for a, b in pairs:
                near = found.distance[(first == a) & (second == b)]
                outer[a, b] = min([outer[a, b], *near[near < outer[a, b]].tolist()])
        return cls({pair: margin * radius for pair, radius in outer.items()}, height)

    def evaluate(self, atoms: Atoms, centres: int | None = None) -> Evaluation:
        """Energy, forces and virial; ModelError for a species it does not know.

        centres: only the energies of the first `centres` atoms; either atom of a pair has half of its energy.
        """
        return evaluate_local([self], [atoms], centres)[0]

    def evaluate_batch(
        self, structures: Sequence[Atoms], lists: Sequence[NeighbourList] | None = None
    ) -> list[Evaluation]:
        """The evaluation of each structure; lists: neighbour lists that remember them, one for each."""
        return evaluate_local([self], structures, lists=lists)

    def add(self, batch: Batch, sums: Sums) -> None:
        """Add the energies of the centres, forces and virials; ModelError for an unknown species."""
        pairs = batch.pairs(self.cutoff)
        index = species_index(batch, self.species)
        geometry = (pairs.i, pairs.j, pairs.vector, pairs.distance, batch.numbers, index, self._radius)
        _evaluate(*geometry, self.height, batch.owner, sums.energies, sums.forces, sums.virials)

    def settings(self) -> dict[str, Any]:
        """Outer radii by pair of chemical symbols, and the height, which model files call wall."""
        outer = {f"{chemical_symbols[a]}-{chemical_symbols[b]}": r for (a, b), r in self.outer.items()}
        return {"outer": outer, "wall": self.height}

    def arrays(self) -> dict[str, Array]:
        """None."""
        return {}

    @classmethod
    def restore(cls, settings: dict[str, Any], arrays: dict[str, Array]) -> Self:
        """Rebuild from what `settings` and `arrays` returned."""
        number = {symbol: z for z, symbol in enumerate(chemical_symbols)}
        outer = {}
        for name, radius in settings["outer"].items():
            a, b = name.split("-")
            outer[number[a], number[b]] = radius
        return cls(outer, settings["wall"])


@numba.njit(cache=True, nogil=True, forceinline=True)
def zbl(r: float, z1: float, z2: float) -> tuple[float, float]:
    """Energy (eV) and slope (eV/Å) of the universal screened repulsion at distance r (Å)."""
    length = LENGTH / (z1**0.23 + z2**0.23)
    value = slope = 0.0
    for amplitude, rate in SCREENING:
        part = amplitude * math.exp(-rate * r / length)
        value += part
        slope -= rate / length * part
    charge = COULOMB * z1 * z2 / r
    return charge * value, charge * (slope - value / r)


@numba.njit(cache=True, nogil=True, forceinline=True)
def repulsion(r: float, z1: float, z2: float, outer: float, height: float) -> tuple[float, float]:
    """Energy (eV) and slope (eV/Å) of one pair at distance r < outer (Å)."""
    value, slope = zbl(r, z1, z2)
    x = (r / outer - INNER) / (1.0 - INNER)
    if x > 0.0:
        switch = 1.0 - x * x * x * (10.0 - x * (15.0 - 6.0 * x))
        steep = -30.0 * x * x * (1.0 - x) ** 2 / (outer * (1.0 - INNER))
        value, slope = switch * value, switch * slope + steep * value
    depth = 1.0 - r / outer
    return value + height * depth**3, slope - 3.0 * height * depth**2 / outer


@numba.njit(cache=True, nogil=True)
def _evaluate(  # type: ignore[no-untyped-def]
    i, j, vector, distance, numbers, index, radius, height, owner, energies, forces, virials
):
    """Add energies (N,), forces (N, 3) and virials (B, 3, 3) of all pairs below their radius."""
    for p in range(len(i)):
        a, b, r = i[p], j[p], distance[p]
        outer = radius[index[a], index[b]]
        if r >= outer:
            continue
        value, slope = repulsion(r, numbers[a], numbers[b], outer, height)
        energies[a] += 0.5 * value
        for x in range(3):  # every pair is listed in both directions, so each gives half to either atom
            pull = 0.5 * slope * vector[p, x] / r
            forces[a, x] += pull
            forces[b, x] -= pull
            for y in range(3):
                virials[owner[a], x, y] -= pull * vector[p, y]
