"""Which ion is at which site when, and the hops: an ion hops where it reaches the core of another site.

Between cores an ion belongs to the site that it left. So nothing that turns back on the way is a hop (the
stable-states picture: Northrup, Hynes, J. Chem. Phys. 73, 2700, 1980), and visits shorter than a residence
time are rattling, not hops.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from superion.analysis.hops.frames import Frames
from superion.analysis.hops.settings import HopSettings
from superion.analysis.hops.sites import Sites

Array = np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Visits:
    """V visits, ion by ion in the order of time.

    ion, site: (V,). image: (V, 3) cell in which the site lies. first, last: (V,) frames in the core. Kept
    visits are at another site than those before them. brief: visits that were too short. single: kept visits
    of one frame. outside: part of all frames of ions between cores.
    """

    ion: Array
    site: Array
    image: Array
    first: Array
    last: Array
    brief: int
    single: int
    outside: float


@dataclass(frozen=True, slots=True, eq=False)
class Hops:
    """H hops in the order of time.

    ion, origin, target: (H,). vector: (H, 3) Å from site to site. leaves, arrives: (H,) last frame in the
    core of the origin, first one in that of the target. stay: (H,) frames at the origin, −1 where the ion was
    there from the start. visit: (H,) number of the visit that ends.
    """

    ion: Array
    origin: Array
    target: Array
    vector: Array
    leaves: Array
    arrives: Array
    stay: Array
    visit: Array

    @property
    def time(self) -> Array:
        """(H,) frames, half-way between both cores."""
        return 0.5 * (self.leaves + self.arrives)


def cores(sites: Sites, settings: HopSettings) -> Array:
    """(S,) Å, the radius of the core of each site."""
    return np.minimum(settings.core * 0.5 * sites.to_next(), settings.largest_core)


def visits_of(frames: Frames, sites: Sites, settings: HopSettings) -> Visits:
    """All visits of mobile ions, block by block of frames."""
    tree, number, shift = sites.images()
    radius = cores(sites, settings)
    ions = int(frames.mobile.sum())
    runs: list[list[tuple[int, int, int, int, int, int]]] = [[] for _ in range(ions)]
    inside = total = 0
    for start, scaled in frames.blocks(frames.mobile):
        cell = np.floor(scaled)
        away, nearest = tree.query(((scaled - cell) @ sites.cell).reshape(-1, 3))
        shape = scaled.shape[:2]
        site = number[nearest].reshape(shape)
        image = (cell + shift[nearest].reshape(scaled.shape)).astype(int)
        at = away.reshape(shape) < radius[site]
        inside += int(at.sum())
        total += at.size
        for ion in range(ions):
            _append(runs[ion], start, site[:, ion], image[:, ion], at[:, ion])
    return _kept(runs, settings.residence / frames.step, 1 - inside / max(total, 1))


def _append(
    runs: list[tuple[int, int, int, int, int, int]], start: int, site: Array, image: Array, at: Array
) -> None:
    """Add a block of frames of one ion: (site, image, first, last) of each visit."""
    frames = np.flatnonzero(at)
    if not len(frames):
        return
    where = np.column_stack([site[frames], image[frames]])
    breaks = np.flatnonzero((where[1:] != where[:-1]).any(axis=1)) + 1
    firsts, lasts = np.concatenate([[0], breaks]), np.concatenate([breaks, [len(frames)]]) - 1
    for a, b in zip(firsts.tolist(), lasts.tolist(), strict=True):
        place = tuple(where[a].tolist())
        first, last = int(frames[a]) + start, int(frames[b]) + start
        if runs and runs[-1][:4] == place:
            runs[-1] = (*runs[-1][:5], last)
        else:
            runs.append((*place, first, last))


def _kept(runs: list[list[tuple[int, int, int, int, int, int]]], residence: float, outside: float) -> Visits:
    """Visits that last, one after the other at different sites."""
    rows: list[tuple[int, ...]] = []
    brief = 0
    for ion, own in enumerate(runs):
        long: list[tuple[int, ...]] = []
        for k, one in enumerate(own):
            cut = k in (0, len(own) - 1)  # nobody knows how long it was in all
            if one[5] - one[4] + 1 < residence and not cut:
                brief += 1
            elif long and long[-1][:4] == one[:4]:
                long[-1] = (*long[-1][:5], one[5])
            else:
                long.append(one)
        rows += [(ion, *one) for one in long]
    table = np.array(rows, dtype=int).reshape(-1, 7)
    single = int((table[:, 5] == table[:, 6]).sum())
    return Visits(table[:, 0], table[:, 1], table[:, 2:5], table[:, 5], table[:, 6], brief, single, outside)


def hops_of_visits(visits: Visits, sites: Sites) -> Hops:
    """The hops between visits of one ion."""
    here = np.flatnonzero(visits.ion[1:] == visits.ion[:-1])
    there = here + 1
    place = sites.scaled[visits.site] + visits.image
    vector = (place[there] - place[here]) @ sites.cell
    stay = visits.last[here] - visits.first[here] + 1
    started = here == 0
    started[1:] |= visits.ion[here[1:] - 1] != visits.ion[here[1:]]
    order = np.argsort(visits.last[here] + visits.first[there], kind="stable")
    fields = (
        visits.ion[here], visits.site[here], visits.site[there], vector, visits.last[here],
        visits.first[there], np.where(started, -1, stay), here,
    )  # fmt: skip
    return Hops(*(values[order] for values in fields))


def dwell(visits: Visits, sites: Sites, frames: int) -> Array:
    """(S,) frames that ions spent at each site in all, from hop to hop, half-way."""
    begin, end = visits.first.astype(float), visits.last.astype(float) + 1
    same = visits.ion[1:] == visits.ion[:-1]
    middle = 0.5 * (visits.last[:-1] + 1 + visits.first[1:])
    end[:-1] = np.where(same, middle, frames)
    begin[1:] = np.where(same, middle, 0.0)
    if len(begin):
        begin[0], end[-1] = 0.0, frames
    return np.bincount(visits.site, end - begin, minlength=len(sites.scaled))
