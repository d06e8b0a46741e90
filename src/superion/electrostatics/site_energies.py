"""The Coulomb interaction of every site of a periodic cell with every other, as one matrix."""

from __future__ import annotations

from math import erfc, pi, sqrt

import numpy as np
import torch

from superion.electrostatics.densities import COULOMB, Density, Point, pair_penetration, reach
from superion.electrostatics.ewald import Splitting
from superion.electrostatics.images import image_pairs
from superion.electrostatics.lattice import Lattice
from superion.electrostatics.reciprocal import half_grid

Array = np.ndarray
BLOCK = 1 << 12
"""Reciprocal vectors taken at once."""


def interaction_matrix(
    positions: Array, cell: Array, density: Density | None = None, accuracy: float = 1e-8
) -> Array:
    """(S, S) symmetric matrix M in eV/e², such that charges q (e) on the sites have the energy ½ qᵀ M q.

    positions: (S, 3) Å, S > 0. cell: (3, 3) Å, rows are lattice vectors. density: of every charge, points by
    default. accuracy: of the Ewald sum, relative to a bare pair interaction. The diagonal is the
    interaction of a site with its own images. The energy is that of `ewald_energy`, with its neutralising
    background where the charges do not add up to zero. Raises InputError for flat cells and sites on top of
    each other.
    """
    density = density or Point()
    lattice = Lattice.of(positions, cell)
    splitting = Splitting.choose(len(positions), lattice.volume, accuracy, reach((density,), accuracy))
    alpha, cutoff = splitting.alpha, splitting.cutoff
    where, axes = torch.from_numpy(lattice.positions), torch.from_numpy(lattice.axes)
    pairs = image_pairs(where, axes, cutoff)
    r = pairs.distances(where, axes)
    kinds = torch.zeros(len(positions), dtype=torch.int64)
    kernel = torch.erfc(alpha * r) - erfc(alpha * cutoff)
    kernel = (kernel - pair_penetration((density,), kinds, pairs.i, pairs.j, r, cutoff)) / r
    half = np.zeros((len(positions), len(positions)))
    np.add.at(half, (pairs.i.numpy(), pairs.j.numpy()), kernel.numpy())
    matrix = half + half.T

    lengths = np.sqrt((lattice.axes**2).sum(axis=1))
    one, two, three = (int(splitting.reciprocal_cutoff * length / (2 * pi)) for length in lengths)
    index, weight = half_grid(one, two, three)
    index, weight = index[weight > 0], weight[weight > 0]
    k = 2 * pi * index @ lattice.inverse.T
    k2 = (k * k).sum(axis=1)
    root = np.sqrt(4 * pi / lattice.volume * weight * np.exp(-k2 / (4 * alpha**2)) / k2)
    for start in range(0, len(index), BLOCK):
        part = slice(start, start + BLOCK)
        angle = 2 * pi * index[part] @ lattice.fractional.T
        for wave in (np.cos(angle), np.sin(angle)):
            wave *= root[part, None]
            matrix += wave.T @ wave
    matrix -= 2 * alpha / sqrt(pi) * np.eye(len(positions))
    matrix += (4 * pi / 3 * density.second_moment - pi / alpha**2) / lattice.volume
    return COULOMB * 0.5 * (matrix + matrix.T)
