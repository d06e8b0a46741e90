"""Sites to arrange atoms on: how many of each kind, which sites exclude each other, what is equivalent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from superion.errors import InputError
from superion.neighbours import neighbour_pairs
from superion.structures.composition import Counts
from superion.structures.crystal import DisorderedCrystal

Array = np.ndarray
VACANT = 0
ALIKE = 1e-5
"""Å; distances that symmetry makes equal differ by less than this."""
MIN_DISTANCE = 2.0
"""Å; atoms on two partially occupied sites closer than this cannot both be there."""


@dataclass(frozen=True, slots=True)
class Group:
    """Sites among which atoms are interchanged: (M,) indices, and (K,) how many have each kind."""

    sites: Array
    counts: Array


@dataclass(frozen=True, slots=True)
class SiteModel:
    """S sites, each of one of K kinds; an arrangement is (S,) uint8, the kind of each site.

    cell: (3, 3) Å. positions: (S, 3) Å. kinds: element symbols, the first of them "" (vacant). fixed: (S,)
    the kinds of sites that never change, VACANT elsewhere. exclusions: for each site the sites that may not
    be filled at the same time. permutations: (G, S), the symmetry: `arrangement[permutations[g]]` is
    equivalent to `arrangement`. labels: what errors call each site.
    """

    cell: Array
    positions: Array
    kinds: tuple[str, ...]
    fixed: Array
    groups: tuple[Group, ...]
    exclusions: tuple[frozenset[int], ...]
    permutations: Array
    labels: tuple[str, ...] = ()

    @property
    def free(self) -> Array:
        """(F,) sites that change, in order."""
        return np.sort(np.concatenate([np.array([], dtype=np.int64), *(g.sites for g in self.groups)]))

    def atoms(self, arrangement: Array) -> Atoms:
        """The periodic structure of an arrangement; atoms in the order of the sites."""
        filled = np.flatnonzero(arrangement != VACANT)
        symbols = [self.kinds[k] for k in arrangement[filled]]
        return Atoms(symbols, positions=self.positions[filled], cell=self.cell, pbc=True)

    def random(self, rng: np.random.Generator) -> Array:
        """An arrangement with every site filled by chance; exclusions are not looked at."""
        arrangement = self.fixed.copy()
        for group in self.groups:
            content = np.repeat(np.arange(len(self.kinds), dtype=np.uint8), group.counts)
            arrangement[group.sites] = rng.permutation(content)
        return arrangement


def site_model(
    crystal: DisorderedCrystal,
    counts: Sequence[Counts],
    *,
    min_distance: float = MIN_DISTANCE,
    between_orbits: bool = False,
    permutations: Array | None = None,
) -> SiteModel:
    """The sites of a disordered crystal with `counts` atoms on each orbit.

    min_distance: Å; sites that do not hold one element for sure and are closer than this are not both
    filled. between_orbits: orbits that share all their elements exchange atoms, so that only their sum is
    kept. permutations: those of the crystal, if they are known.
    """
    kinds = ("", *sorted({symbol for chosen in counts for symbol in chosen}))
    fixed = np.full(len(crystal.fractional), VACANT, dtype=np.uint8)
    merged: dict[object, list[Group]] = {}
    for number, (orbit, chosen) in enumerate(zip(crystal.orbits, counts, strict=True)):
        amounts = np.array([chosen.get(kind, 0) for kind in kinds])
        amounts[VACANT] = len(orbit.sites) - amounts.sum()
        shared: object = frozenset(chosen) if between_orbits and not orbit.ordered else number
        merged.setdefault(shared, []).append(Group(orbit.sites, amounts))
    groups = []
    for parts in merged.values():
        group = Group(np.concatenate([g.sites for g in parts]), np.sum([g.counts for g in parts], axis=0))
        if np.count_nonzero(group.counts) > 1:
            groups.append(group)
        else:
            fixed[group.sites] = group.counts.argmax()
    partial = [orbit.sites for orbit in crystal.orbits if not orbit.ordered]
    labels = np.empty(len(crystal.fractional), dtype=object)
    for orbit in crystal.orbits:
        labels[orbit.sites] = orbit.label
    return SiteModel(
        crystal.cell,
        crystal.positions,
        kinds,
        fixed,
        tuple(groups),
        exclusions(crystal.positions, crystal.cell, np.concatenate([[], *partial]).astype(int), min_distance),
        crystal.permutations() if permutations is None else permutations,
        tuple(labels.tolist()),
    )


def exclusions(
    positions: Array, cell: Array, among: Array, min_distance: float
) -> tuple[frozenset[int], ...]:
    """For each of S positions (Å) the others closer than min_distance (Å), both of them in `among`."""
    if not (np.isfinite(min_distance) and min_distance >= 0):
        raise InputError(f"the minimum distance must be 0 Å or more, found {min_distance}.")
    near: list[set[int]] = [set() for _ in positions]
    if len(among) and min_distance > ALIKE:
        probe = Atoms(numbers=np.ones(len(among)), positions=positions[among], cell=cell, pbc=True)
        pairs = neighbour_pairs(probe, min_distance - ALIKE)
        for i, j in zip(among[pairs.i].tolist(), among[pairs.j].tolist(), strict=True):
            if i != j:
                near[i].add(j)
    return tuple(frozenset(sites) for sites in near)
