"""Whether the atoms of partially occupied sites can be kept apart: known before anything is searched.

Let x_s be 1 where a site is filled. Each group of sites has as many filled ones as atoms, and x_i + x_j ≤ 1
for sites that exclude each other. Whether such x exist is an integer linear programme, which HiGHS
(Q. Huangfu and J. A. J. Hall, Math. Program. Comput. 10, 119, 2018) solves. As an average over equivalent
arrangements is symmetric, no two orbits with sites that exclude each other can be filled by more than one in
sum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase.geometry import find_mic
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array, csr_array

from superion.errors import InputError
from superion.structures.sites import VACANT, SiteModel

Array = np.ndarray
SECONDS = 20.0
"""After which a search is given up."""


@dataclass(frozen=True, slots=True)
class Clash:
    """Two kinds of sites too close to be filled both: labels, Å, and the filled fraction of each."""

    first: str
    second: str
    distance: float
    filled: tuple[float, float]

    def __str__(self) -> str:
        """`Li1 (0.94 filled) and Li2 (0.35 filled), 1.60 Å apart`."""
        one = f"{self.first} ({self.filled[0]:.2g} filled)"
        if self.first == self.second:
            return f"{one} and its own equivalents, {self.distance:.2f} Å apart"
        return f"{one} and {self.second} ({self.filled[1]:.2g} filled), {self.distance:.2f} Å apart"


def filling(model: SiteModel, rng: np.random.Generator | None = None) -> Array | None:
    """(S,) bool, the filled sites of an arrangement that respects the exclusions; None if there is none.

    rng: draws one of them. Raises InputError if in `SECONDS` none is found, nor shown not to exist.
    """
    sites = len(model.positions)
    pairs = _pairs(model)
    lower, upper = np.zeros(sites), np.zeros(sites)
    lower[model.fixed != VACANT] = upper[model.fixed != VACANT] = 1
    rows, wanted = np.full(sites, -1), []
    for number, group in enumerate(model.groups):
        upper[group.sites] = 1
        rows[group.sites] = number
        wanted.append(len(group.sites) - int(group.counts[VACANT]))
    if (lower[pairs].sum(axis=1) > 1).any():
        return None
    held = np.flatnonzero(rows >= 0)
    if not len(held):
        return lower.astype(bool)
    groups = csr_array((np.ones(len(held)), (rows[held], held)), shape=(len(wanted), sites))
    constraints = [LinearConstraint(groups, wanted, wanted)]
    if len(pairs):
        where = np.repeat(np.arange(len(pairs)), 2)
        apart = coo_array((np.ones(2 * len(pairs)), (where, pairs.ravel())), shape=(len(pairs), sites))
        constraints.append(LinearConstraint(apart.tocsr(), -np.inf, 1))
    found = milp(
        np.zeros(sites) if rng is None else rng.random(sites),
        integrality=np.ones(sites),
        bounds=Bounds(lower, upper),
        constraints=constraints,
        options={"time_limit": SECONDS, "mip_rel_gap": 0.2},
    )
    if found.x is not None:
        return np.asarray(found.x > 0.5)
    if found.status == 2:
        return None
    raise InputError(
        f"whether {sum(wanted)} atoms fit on {len(held)} sites could not be found out in {SECONDS:g} s.",
        remedy="take a smaller cell or a smaller minimum distance.",
    )


def clashes(model: SiteModel) -> list[Clash]:
    """Kinds of sites that exclude each other, the most crowded first, then the closest."""
    labels = np.array(model.labels or [f"site {k}" for k in range(len(model.positions))])
    share = np.zeros(len(labels))
    share[model.fixed != VACANT] = 1
    for group in model.groups:
        share[group.sites] = 1 - group.counts[VACANT] / len(group.sites)
    pairs = _pairs(model)
    if not len(pairs):
        return []
    distance = find_mic(model.positions[pairs[:, 1]] - model.positions[pairs[:, 0]], model.cell, pbc=True)[1]
    names, kind = np.unique(labels, return_inverse=True)
    both = np.sort(kind[pairs], axis=1)
    order = np.argsort(distance, kind="stable")
    unique, first = np.unique(both[order], axis=0, return_index=True)
    found = []
    for (a, b), k in zip(unique.tolist(), order[first].tolist(), strict=True):
        one, two = pairs[k] if kind[pairs[k][0]] == a else pairs[k][::-1]
        filled = float(share[one]), float(share[two])
        found.append(Clash(str(names[a]), str(names[b]), float(distance[k]), filled))
    return sorted(found, key=lambda c: (-max(sum(c.filled), 1.0), c.distance))


def crowded(model: SiteModel) -> list[Clash]:
    """Orbits of a crystal that cannot be filled as asked for, by the sum of what is filled of two.

    Each site of an orbit has as many excluded neighbours of another as any other site of it has. What
    x_i + x_j ≤ 1 says of all such pairs is that the filled fractions add up to 1 at most. Orbits that
    exchange atoms are not looked at: only their sum is known.
    """
    labels = np.array(model.labels)
    mixed = [set(labels[g.sites].tolist()) for g in model.groups]
    shared = set().union(*(names for names in mixed if len(names) > 1)) if len(labels) else set()
    return [
        clash
        for clash in clashes(model)
        if sum(clash.filled) > 1 + 1e-9 and not {clash.first, clash.second} & shared
    ]


def _pairs(model: SiteModel) -> Array:
    """(P, 2) sites that exclude each other, each pair once."""
    pairs = [(i, j) for i, near in enumerate(model.exclusions) for j in near if i < j]
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def no_arrangement(model: SiteModel) -> InputError:
    """The error that the exclusions leave no arrangement, with the kinds of sites that are too crowded."""
    found = clashes(model)
    named = "; ".join(map(str, [clash for clash in found if sum(clash.filled) > 1 + 1e-9][:2] or found[:2]))
    return InputError(
        "no arrangement keeps all atoms on partially occupied sites as far apart as the minimum distance: "
        f"too close are {named}.",
        remedy="lower the minimum distance, or let orbits with the same elements exchange atoms.",
    )
