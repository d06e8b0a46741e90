"""Where the sites of a mobile element are: of a crystal, in its mean density, or between the other atoms."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import spglib
from ase import Atoms
from ase.data import chemical_symbols
from ase.geometry import find_mic
from scipy.ndimage import gaussian_filter, maximum_filter
from scipy.spatial import cKDTree

from superion.analysis.hops.frames import Frames
from superion.analysis.hops.settings import HopSettings
from superion.errors import InputError
from superion.structures.bare import bare, repeated
from superion.structures.interstitials import interstitial_sites
from superion.structures.read import read_structure

Array = np.ndarray
VOXEL = 0.25
"""Å, of the grid of a density."""
SMOOTH = 0.35
"""Å by which it is smoothed."""
SYMMETRIC = 0.02
"""Å within which sites are equivalent."""
STRETCH = 0.08
"""By which a crystal may be longer or shorter than the cell of the run."""
MISFIT = 0.8
"""Å; mean distance of its framework from that of the run above which a crystal is another one."""


@dataclass(frozen=True, slots=True, eq=False)
class Sites:
    """S sites. scaled: (S, 3) lattice coordinates, from 0 to 1. kinds: (S,) of `names`. cell: (3, 3) Å."""

    scaled: Array
    kinds: Array
    names: tuple[str, ...]
    cell: Array

    def images(self) -> tuple[cKDTree, Array, Array]:
        """A tree of the sites of 27 cells, and (27 S,) the site and (27 S, 3) the cell of each."""
        shifts = np.array(list(product((-1, 0, 1), repeat=3)))
        every = (self.scaled[None] + shifts[:, None]).reshape(-1, 3)
        number = np.tile(np.arange(len(self.scaled)), len(shifts))
        return cKDTree(every @ self.cell), number, np.repeat(shifts, len(self.scaled), axis=0)

    def to_next(self) -> Array:
        """(S,) Å from each site to the next one or its own image."""
        tree, _, _ = self.images()
        return np.asarray(tree.query(self.scaled @ self.cell, k=2)[0][:, 1])


def find_sites(frames: Frames, settings: HopSettings) -> Sites:
    """The sites that the settings ask for; InputError where there are fewer than two."""
    how = {"density": _of_density, "voronoi": _of_voronoi}.get(settings.sites)
    found = _of_file(frames, settings) if how is None else how(frames, settings)
    if len(found.scaled) < 2:
        raise InputError(
            f"{len(found.scaled)} sites of {settings.species} were found; hops need two.",
            remedy="name a structure with sites (--sites FILE), or take sites closer to each other (--apart) "
            "or of smaller density (--occupied).",
        )
    return found


def _of_density(frames: Frames, settings: HopSettings) -> Sites:
    """Maxima of the smoothed mean density, highest first."""
    density = density_of(frames)
    spacing = np.linalg.norm(frames.cell, axis=1) / density.shape
    size = [2 * int(np.ceil(0.5 * settings.apart / one)) + 1 for one in spacing]
    top = (maximum_filter(density, size=size, mode="wrap") == density) & (
        density > settings.occupied * density.max()
    )
    voxels = np.argwhere(top)
    order = np.argsort(-density[top], kind="stable")
    scaled = (voxels[order] + 0.5) / density.shape
    scaled = _without_close(scaled, frames.cell, settings.apart)
    return Sites(scaled, np.zeros(len(scaled), dtype=int), ("site",), frames.cell)


def density_of(frames: Frames) -> Array:
    """Mean number of ions in each voxel of the mean cell, smoothed."""
    shape = np.maximum(np.round(np.linalg.norm(frames.cell, axis=1) / VOXEL).astype(int), 3)
    total = np.zeros(int(shape.prod()))
    for _, scaled in frames.blocks(frames.mobile):
        voxel = np.minimum((scaled.reshape(-1, 3) % 1.0) * shape, shape - 1).astype(int)
        total += np.bincount(np.ravel_multi_index(tuple(voxel.T), tuple(shape)), minlength=len(total))
    heights = 1 / np.linalg.norm(np.linalg.inv(frames.cell), axis=0)
    sigma = SMOOTH / (heights / shape)
    return np.asarray(gaussian_filter(total.reshape(shape) / len(frames.trajectory), sigma, mode="wrap"))


def _of_voronoi(frames: Frames, settings: HopSettings) -> Sites:
    """Interstitial sites of the mean framework, as `superion defect` has them."""
    run = frames.trajectory
    numbers = run.numbers[frames.fixed]
    framework = Atoms(numbers, scaled_positions=frames.homes % 1.0, cell=frames.cell, pbc=True)
    present = list(dict.fromkeys(framework.symbols))
    found = interstitial_sites(framework, present, tolerance=settings.apart)
    scaled = found.positions @ np.linalg.inv(frames.cell) % 1.0
    kinds, names = np.unique(found.coordination, return_inverse=True)
    return Sites(scaled, names, tuple(f"{n}-fold" for n in kinds.tolist()), frames.cell)


def _of_file(frames: Frames, settings: HopSettings) -> Sites:
    """The atoms of a crystal, repeated as often as the run has it, laid onto the framework of the run."""
    crystal = read_structure(Path(settings.sites), "-1")
    mobile = np.asarray(crystal.symbols) == settings.species
    if not mobile.any() or not crystal.pbc.all():
        raise InputError(
            f"the structure has no sites of {settings.species}, or is not periodic.",
            file=settings.sites,
            remedy=f"give a crystal with {settings.species}, or --sites density.",
        )
    lengths, wanted = (np.linalg.norm(cell, axis=1) for cell in (crystal.cell.array, frames.cell))
    times = np.maximum(np.round(wanted / lengths).astype(int), 1)
    stretch = np.abs(crystal.cell.array * times[:, None] @ np.linalg.inv(frames.cell) - np.eye(3)).max()
    if stretch > STRETCH:
        raise InputError(
            f"the cell of the crystal, repeated {'x'.join(map(str, times))}, differs from that of the run by "
            f"{100 * stretch:.0f} %.",
            file=settings.sites,
            remedy="give the crystal in the setting of the run, or --sites density.",
        )
    kinds, names = _orbits(crystal, mobile)
    whole = repeated(bare(crystal), times)
    of = np.tile(np.where(mobile, 1, 0), int(times.prod())).astype(bool)
    scaled = whole.get_scaled_positions()
    rest = ~of
    if frames.fixed.any() and rest.any():
        shift, misfit = _shift(scaled[rest], whole.numbers[rest], frames)
        if misfit > MISFIT:
            raise InputError(
                f"the framework of the crystal lies {misfit:.2g} Å from that of the run, in the mean.",
                file=settings.sites,
                remedy="give the crystal that the run is of, in the same setting, or --sites density.",
            )
        scaled = scaled + shift
    return Sites(scaled[of] % 1.0, np.tile(kinds, int(times.prod())), names, frames.cell)


def _orbits(crystal: Atoms, mobile: Array) -> tuple[Array, tuple[str, ...]]:
    """(n,) the kind of each mobile atom of the crystal by symmetry, and the names of kinds."""
    cell = crystal.cell.array, crystal.get_scaled_positions(), crystal.numbers
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # on how spglib will report errors
        found = spglib.get_symmetry_dataset(cell, symprec=SYMMETRIC)
    if found is None:
        return np.zeros(int(mobile.sum()), dtype=int), ("site",)
    orbits, kinds = np.unique(np.asarray(found.equivalent_atoms)[mobile], return_inverse=True)
    names = []
    for k, orbit in enumerate(orbits.tolist()):
        letter = found.wyckoffs[orbit]
        names.append(f"{crystal.symbols[orbit]}{k + 1}({int((kinds == k).sum())}{letter})")
    return kinds, tuple(names)


def _shift(scaled: Array, numbers: Array, frames: Frames) -> tuple[Array, float]:
    """Lattice coordinates by which a framework is moved onto that of the run, and Å that are left."""
    run = frames.trajectory
    homes, own = frames.homes, run.numbers[frames.fixed]
    shared = [z for z in np.unique(own).tolist() if z in numbers]
    if not shared:
        missing = ", ".join(chemical_symbols[z] for z in np.unique(own).tolist())
        raise InputError(
            f"the crystal has none of the framework of the run ({missing}).",
            remedy="give the crystal that the run is of, or --sites density.",
        )
    rare = min(shared, key=lambda z: int((own == z).sum()))
    trials = [np.zeros(3), *(homes[own == rare][0] - scaled[numbers == rare])]
    trees = {z: scaled[numbers == z] for z in shared}
    best, left = np.zeros(3), np.inf
    for shift in trials:
        total = []
        for z in shared:
            mine = homes[own == z]
            away = (mine[:, None] - trees[z][None] - shift + 0.5) % 1.0 - 0.5
            nearest = np.linalg.norm(away @ frames.cell, axis=2).argmin(axis=1)
            total.append(away[np.arange(len(mine)), nearest])
        vectors = np.concatenate(total)
        refined = shift + vectors.mean(axis=0)
        found = float(np.linalg.norm((vectors - vectors.mean(axis=0)) @ frames.cell, axis=1).mean())
        if found < left - 1e-6:
            best, left = refined, found
    return best, left


def _without_close(scaled: Array, cell: Array, apart: float) -> Array:
    """Places of which none is within `apart` Å of an earlier one."""
    kept: list[int] = []
    for k in range(len(scaled)):
        if kept:
            vectors = (scaled[kept] - scaled[k]) @ cell
            if find_mic(vectors, cell, True)[1].min() < apart:
                continue
        kept.append(k)
    return np.asarray(scaled[kept])


def named(sites: Sites, which: Sequence[int]) -> str:
    """Numbers of sites in words, the first few of many."""
    shown = ", ".join(map(str, which[:5]))
    return shown if len(which) <= 5 else f"{shown} and {len(which) - 5} others"
