"""All symmetry-inequivalent arrangements of atoms on sites.

Atoms are put in place one after the other, and of equivalent partial arrangements one is kept. That loses
none: taking an atom out of two equivalent arrangements can be done such that equivalent ones remain.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import lgamma, log

import numpy as np

from superion.errors import InputError
from superion.structures.feasibility import filling, no_arrangement
from superion.structures.sites import VACANT, SiteModel
from superion.structures.symmetry import Canonical

Array = np.ndarray
LIMIT = 100_000


def enumerate_arrangements(model: SiteModel, limit: int = LIMIT) -> list[Array]:
    """One arrangement (S,) of each set of equivalent ones that respect the exclusions.

    limit: of inequivalent (partial) arrangements. Raises InputError beyond it, and if none is allowed.
    """
    if any(model.exclusions) and filling(model) is None:
        raise no_arrangement(model)
    canonical = Canonical(model)
    free, images = canonical.free, canonical.images
    if not any(model.exclusions) and ways(model) - log(len(images)) > log(limit) + 1e-6:
        raise _too_many(limit)
    place = {int(site): f for f, site in enumerate(free)}
    excluded = [np.array([place[t] for t in model.exclusions[s] if t in place], dtype=int) for s in free]
    shut = np.array([any(model.fixed[t] != VACANT for t in model.exclusions[s]) for s in free], dtype=bool)
    inverse = np.argsort(images, axis=1)
    found = [np.zeros(len(free), dtype=np.uint8)]
    for group in model.groups:
        sites = np.array([place[int(s)] for s in group.sites])
        vacant_first = group.counts[VACANT] > 0 and any(len(excluded[f]) or shut[f] for f in sites)
        start = VACANT if vacant_first else int(group.counts.argmax())
        for content in found:
            content[sites] = start
        for kind in np.flatnonzero(group.counts):
            if kind == start:
                continue
            change = canonical.numbers[inverse, kind] - canonical.numbers[inverse, start]
            for _ in range(group.counts[kind]):
                grown: dict[bytes, Array] = {}
                for content in found:
                    open_sites = sites[content[sites] == start]
                    if vacant_first:
                        filled = content != VACANT
                        blocked = [shut[f] or filled[excluded[f]].any() for f in open_sites]
                        open_sites = open_sites[~np.array(blocked, dtype=bool)]
                    best = (canonical.sums(content)[:, None] + change[:, open_sites]).argmin(axis=0)
                    for f, g in zip(open_sites, best, strict=True):
                        content[f] = kind
                        image = content[images[g]]
                        content[f] = start
                        grown[image.tobytes()] = image
                    if len(grown) > limit:
                        raise _too_many(limit)
                found = list(grown.values())
        found = [content for content in found if _allowed(content, excluded, shut, sites)]
    arrangements = []
    for content in found:
        arrangement = model.fixed.copy()
        arrangement[free] = content
        arrangements.append(arrangement)
    return arrangements


def ways(model: SiteModel) -> float:
    """Logarithm of the number of arrangements, equivalent ones and those that break exclusions among them."""
    return sum(lgamma(len(g.sites) + 1) - sum(lgamma(n + 1) for n in g.counts) for g in model.groups)


def _too_many(limit: int) -> InputError:
    return InputError(
        f"there are more than {limit} inequivalent arrangements.",
        remedy="sample them (--method monte-carlo), raise --limit, or take a smaller cell.",
    )


def _allowed(content: Array, excluded: list[Array], shut: Array, sites: Iterable[int]) -> bool:
    filled = content != VACANT
    return not any(filled[f] and (shut[f] or filled[excluded[f]].any()) for f in sites)
