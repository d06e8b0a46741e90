"""Metropolis Monte Carlo of atoms that exchange their sites.

N. Metropolis et al., J. Chem. Phys. 21, 1087 (1953). A move interchanges the contents of two sites of one
group. Pairs are chosen from the numbers of each kind, which never change, so that a move and its reverse are
proposed alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from math import exp
from typing import Protocol

import numpy as np
from ase import Atoms, units

from superion.errors import InputError
from superion.structures.feasibility import filling, no_arrangement
from superion.structures.sites import VACANT, SiteModel

Array = np.ndarray


class ArrangementEnergy(Protocol):
    """Energy (eV) of arrangements, and how it changes when the contents of sites i and j are interchanged."""

    def start(self, arrangement: Array) -> float:
        """The energy of an arrangement (S,), from which changes are counted."""
        ...

    def change(self, i: int, j: int) -> float:
        """The change of the energy if i and j were interchanged."""
        ...

    def accept(self, i: int, j: int) -> None:
        """Interchange i and j."""
        ...


class PairEnergy:
    """½ Σ q_i q_j M_ij of charges on sites; a trial costs nothing but a few numbers.

    matrix: (S, S) eV/e², symmetric, with each site's interaction with its own images on the diagonal.
    charges: (K,) e of each kind of site; a vacant one has none.
    """

    def __init__(self, matrix: Array, charges: Array) -> None:
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not np.isfinite(matrix).all():
            raise InputError(f"the interaction matrix must be square and finite, found shape {matrix.shape}.")
        self._matrix, self._kinds = np.ascontiguousarray(matrix), np.asarray(charges, dtype=np.float64)

    @classmethod
    def of(cls, model: SiteModel, matrix: Array, charges: Mapping[str, float]) -> PairEnergy:
        """With the charge (e) of each element."""
        return cls(matrix, np.array([charges[kind] if kind else 0.0 for kind in model.kinds]))

    def start(self, arrangement: Array) -> float:
        """See ArrangementEnergy."""
        self._charges = self._kinds[arrangement]
        self._potential = self._matrix @ self._charges
        return float(0.5 * self._charges @ self._potential)

    def change(self, i: int, j: int) -> float:
        """See ArrangementEnergy."""
        q, m = self._charges[j] - self._charges[i], self._matrix
        response = m[i, i] + m[j, j] - 2 * m[i, j]
        return float(q * (self._potential[i] - self._potential[j] + 0.5 * q * response))

    def accept(self, i: int, j: int) -> None:
        """See ArrangementEnergy."""
        q = self._charges[j] - self._charges[i]
        self._potential += q * (self._matrix[i] - self._matrix[j])
        self._charges[[i, j]] = self._charges[[j, i]]


class StructureEnergy:
    """Any energy of a structure, computed anew at each trial."""

    def __init__(self, model: SiteModel, energy: Callable[[Atoms], float]) -> None:
        self._model, self._function = model, energy

    def start(self, arrangement: Array) -> float:
        """See ArrangementEnergy."""
        self._arrangement = arrangement.copy()
        self._energy = self._of(self._arrangement)
        return self._energy

    def change(self, i: int, j: int) -> float:
        """See ArrangementEnergy."""
        trial = self._arrangement.copy()
        trial[[i, j]] = trial[[j, i]]
        self._trial = self._of(trial)
        return self._trial - self._energy

    def accept(self, i: int, j: int) -> None:
        """See ArrangementEnergy; i and j are those of the last `change`."""
        self._arrangement[[i, j]] = self._arrangement[[j, i]]
        self._energy = self._trial

    def _of(self, arrangement: Array) -> float:
        value = float(self._function(self._model.atoms(arrangement)))
        if not np.isfinite(value):
            raise InputError(f"the energy of an arrangement is {value}.", remedy="check the energy function.")
        return value


def metropolis(
    model: SiteModel,
    arrangement: Array,
    energy: ArrangementEnergy,
    temperatures: Iterable[float],
    rng: np.random.Generator,
    *,
    exclude: bool = True,
) -> Iterator[tuple[float, bool]]:
    """One trial for each temperature (K): yields the energy (eV) after it, and whether it was accepted.

    `arrangement` is changed in place. exclude: moves that break an exclusion are rejected. Raises InputError
    if nothing can move.
    """
    movable = [g for g in model.groups if np.count_nonzero(g.counts) > 1]
    if not movable:
        raise InputError("all sites are full or empty: nothing can be rearranged.")
    places = [
        [g.sites[arrangement[g.sites] == k].tolist() for k in np.flatnonzero(g.counts)] for g in movable
    ]
    bounds = np.cumsum([len(g.sites) for g in movable]) / sum(len(g.sites) for g in movable)
    crowd = np.array([sum(arrangement[t] != VACANT for t in near) for near in model.exclusions])
    current = energy.start(arrangement)
    chances: Iterator[Array] = iter(())
    for temperature in temperatures:
        chance = next(chances, None)
        if chance is None:
            chances = iter(rng.random((1024, 5)))
            chance = next(chances)
        lists = places[int(np.searchsorted(bounds, chance[0], side="right"))]
        a = int(chance[1] * len(lists))
        b = (a + 1 + int(chance[4] * (len(lists) - 1))) % len(lists)
        at, bt = int(chance[2] * len(lists[a])), int(chance[3] * len(lists[b]))
        i, j = lists[a][at], lists[b][bt]
        moved = _moved(arrangement, i, j)
        accepted = not (exclude and moved and _clash(model, crowd, *moved))
        if accepted:
            change = energy.change(i, j)
            accepted = change <= 0 or rng.random() < exp(-change / (units.kB * temperature))
        if accepted:
            energy.accept(i, j)
            current += change
            lists[a][at], lists[b][bt] = j, i
            arrangement[i], arrangement[j] = arrangement[j], arrangement[i]
            if moved:
                crowd[list(model.exclusions[moved[0]])] -= 1
                crowd[list(model.exclusions[moved[1]])] += 1
        yield current, accepted


def _moved(arrangement: Array, i: int, j: int) -> tuple[int, int] | None:
    """Where an atom leaves a site and where it arrives, None if two atoms change places."""
    if arrangement[i] == VACANT:
        return j, i
    return (i, j) if arrangement[j] == VACANT else None


def _clash(model: SiteModel, crowd: Array, old: int, new: int) -> bool:
    return bool(crowd[new] - (old in model.exclusions[new]) > 0)


def allowed_start(model: SiteModel, rng: np.random.Generator, sweeps: int = 50) -> Array:
    """A random arrangement that respects the exclusions.

    Atoms that break them are moved apart in `sweeps` trials for each free site; where that does not end, the
    filled sites are found by integer programming. Raises InputError if there is no such arrangement.
    """
    arrangement = model.random(rng)
    if not any(model.exclusions):
        return arrangement
    near = np.zeros((len(model.positions), len(model.positions)))
    for site, others in enumerate(model.exclusions):
        near[site, list(others)] = 1.0
    clashes = PairEnergy(near, np.array([0.0] + [1.0] * (len(model.kinds) - 1)))
    if clashes.start(arrangement) < 0.5:
        return arrangement
    filled = filling(model, rng)
    if filled is None:
        raise no_arrangement(model)
    if any(np.count_nonzero(g.counts) > 1 for g in model.groups):
        cooling = np.geomspace(0.5, 0.1, sweeps * len(model.free)) / units.kB  # a clash costs 1 eV
        for energy, _ in metropolis(model, arrangement, clashes, cooling, rng, exclude=False):
            if energy < 0.5:
                return arrangement
    for group in model.groups:
        content = np.repeat(np.arange(len(model.kinds), dtype=np.uint8), group.counts)
        arrangement[group.sites] = VACANT
        arrangement[group.sites[filled[group.sites]]] = rng.permutation(content[content != VACANT])
    return arrangement
