"""Free energies of sites and along hops, −kT ln ρ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import units

from superion.analysis.hops.frames import Frames
from superion.analysis.hops.sites import Sites

Array = np.ndarray
BIN = 0.1
"""Å, about, of a profile."""
WIDE = 0.5
"""Of the way between two sites: radius of the tube in which ions count."""


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """Free energy along hops of one type: place (K,) Å from the origin, energy (K,) eV against the lowest.

    Where no ion was ever seen the energy is that of one ion, a lower bound: bounded (K,) bool.
    """

    place: Array
    energy: Array
    bounded: Array

    @property
    def bottleneck(self) -> float:
        """eV, the highest point between the lowest ones of both halves, against that of the first half."""
        middle = len(self.energy) // 2
        a, b = int(self.energy[:middle].argmin()), middle + int(self.energy[middle:].argmin())
        return float(self.energy[a : b + 1].max() - self.energy[a])

    @property
    def known(self) -> bool:
        """Whether ions were seen all the way."""
        return not self.bounded.any()


def profiles(frames: Frames, sites: Sites, types: Sequence[Array], kelvin: float) -> list[Profile]:
    """The free energy along the straight way of each type of hop.

    types: (n, 5) connections each: origin, target, cell of the target. Ions count that are closest to one of
    both sites, in a tube around the way. All ways of one type are of about one length, and are added up.
    """
    tubes: list[list[tuple[int, Array, Array]]] = [[] for _ in sites.scaled]
    lengths, bins = [], []
    for number, found in enumerate(types):
        ways = (sites.scaled[found[:, 1]] + found[:, 2:] - sites.scaled[found[:, 0]]) @ sites.cell
        lengths.append(float(np.linalg.norm(ways, axis=1).mean()))
        bins.append(max(round(1.5 * lengths[-1] / BIN), 6))
        for (a, b, *_), way in zip(found.tolist(), ways, strict=True):
            tubes[a].append((number, way, np.zeros(3)))
            tubes[b].append((number, way, way))
    counts = [np.zeros(n) for n in bins]
    tree, of, shift = sites.images()
    for _, scaled in frames.blocks(frames.mobile, 200):
        inside = scaled.reshape(-1, 3) % 1.0
        nearest = tree.query(inside @ sites.cell)[1]
        site = of[nearest]
        off = (inside - sites.scaled[site] - shift[nearest]) @ sites.cell
        order = np.argsort(site, kind="stable")
        ends = np.searchsorted(site[order], np.arange(len(sites.scaled) + 1))
        for k, own in enumerate(tubes):
            if own and ends[k + 1] > ends[k]:
                _count(off[order[ends[k] : ends[k + 1]]], own, counts)
    return [_profile(count, length, kelvin) for count, length in zip(counts, lengths, strict=True)]


def _count(off: Array, tubes: Sequence[tuple[int, Array, Array]], counts: Sequence[Array]) -> None:
    """Add ions at `off` (P, 3) Å from a site to its tubes; from −¼ to 1¼ of each way."""
    for number, way, start in tubes:
        place = off + start
        length = float(np.linalg.norm(way))
        along = place @ way / length**2
        across = ((place - along[:, None] * way) ** 2).sum(axis=1)
        good = (across < (WIDE * length) ** 2) & (along > -0.25) & (along < 1.25)
        bins = len(counts[number])
        where = ((along[good] + 0.25) / 1.5 * bins).astype(int)
        counts[number][:] += np.bincount(where, minlength=bins)[:bins]


def _profile(count: Array, length: float, kelvin: float) -> Profile:
    place = length * (-0.25 + 1.5 * (np.arange(len(count)) + 0.5) / len(count))
    seen = np.maximum(count, 1)
    energy = -units.kB * kelvin * np.log(seen / max(count.max(), 1))
    return Profile(place, energy, count == 0)
