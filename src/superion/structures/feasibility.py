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
    pairs = np.array([(i, j) for i, near in enumerate(model.exclusions) for j in near if i < j], dtype=int)
    pairs = pairs.reshape(-1, 2)
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
    nearest: dict[tuple[str, str], tuple[float, tuple[float, float]]] = {}
    for i, near in enumerate(model.exclusions):
        others = np.array(sorted(near), dtype=int)
        if not len(others):
            continue
        vectors = model.positions[others] - model.positions[i]
        distances = find_mic(vectors, model.cell, pbc=True)[1]
        for j, distance in zip(others.tolist(), distances.tolist(), strict=True):
            a, b = sorted((i, j), key=lambda s: str(labels[s]))
            key = (str(labels[a]), str(labels[b]))
            if key not in nearest or distance < nearest[key][0]:
                nearest[key] = distance, (float(share[a]), float(share[b]))
    found = [Clash(*key, distance, filled) for key, (distance, filled) in nearest.items()]
    return sorted(found, key=lambda c: (-max(sum(c.filled), 1.0), c.distance))


def no_arrangement(model: SiteModel) -> InputError:
    """The error that the exclusions leave no arrangement, with the kinds of sites that are too crowded."""
    found = clashes(model)
    crowded = [clash for clash in found if sum(clash.filled) > 1 + 1e-9] or found
    named = "; ".join(map(str, crowded[:2]))
    return InputError(
        "no arrangement keeps all atoms on partially occupied sites as far apart as the minimum distance: "
        f"too close are {named}.",
        remedy="lower the minimum distance, or let orbits with the same elements exchange atoms.",
    )
