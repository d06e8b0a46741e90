"""Channels of SOAP weighted by how much the energy of a fitted model depends on them.

Principal channels (channels.py) are those in which environments differ most; the energy need not depend on
them. With c the coefficients of an environment, E its energy in a first fit and z its species,

    S_zl = ⟨(g_lm − ⟨g_lm⟩)(g_lm − ⟨g_lm⟩)ᵀ⟩,    g_lm = dE/dc_lm,    mean over environments and m,

is large along the channels on which the energy depends nonlinearly: a mean slope, which any kernel
follows, does not count. The kernel of a second fit measures differences of environments in the metric S^½,
by channels multiplied with S^¼. The average gradient outer product as the metric of a kernel: Radhakrishnan,
Beaglehole, Pandit, Belkin, Science 383, 1461 (2024); taken about the mean and by angular momentum here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms

from superion.neighbours import neighbour_pairs

if TYPE_CHECKING:
    from superion.potentials.many_body.soap import SoapBlock

Array = np.ndarray

FLOOR = 1e-6
"""Smallest eigenvalue of S kept, of the largest of the same l: no channel is lost for good."""


def slope_covariance(block: SoapBlock, weights: Array, frames: Sequence[Atoms]) -> dict[int, Array]:
    """S (l_max + 1, C, C) in eV² by central species: covariance of dE/dc of the environments of `frames`.

    weights: (M, K) of the sparse points in K fits, whose covariances are averaged.
    """
    fits, levels = weights.shape[1], block.hyper.l_max + 1
    square: dict[int, Array] = {}
    mean: dict[int, Array] = {}
    count: dict[int, int] = {}
    for atoms in frames:
        for z, rows, c, p, norm in block.expanded(atoms, neighbour_pairs(atoms, block.cutoff)):
            own = square.setdefault(z, np.zeros((levels, block.channels, block.channels)))
            total = mean.setdefault(z, np.zeros((fits, block.channels)))
            for k in range(fits):
                slopes = _slopes(block, z, weights[:, k], c, p, norm)
                for l in range(levels):
                    part = slopes[:, l * l : (l + 1) ** 2].reshape(-1, block.channels)
                    own[l] += part.T @ part / ((2 * l + 1) * fits)
                total[k] += slopes[:, 0].sum(axis=0)
            count[z] = count.get(z, 0) + len(rows)
    for z, own in square.items():
        own /= count[z]
        own[0] -= mean[z].T @ mean[z] / (fits * count[z] ** 2)  # other l have no mean, by symmetry
    return square


def weighted_channels(block: SoapBlock, covariance: dict[int, Array]) -> dict[int, Array]:
    """Contractions (l_max + 1, species · n_max, C) of `block` followed by S^¼, without unit."""
    result = {}
    for z, matrices in covariance.items():
        values, vectors = np.linalg.eigh(matrices)
        values = np.maximum(values, FLOOR * values[:, -1:].clip(min=np.finfo(float).tiny)) ** 0.25
        root = (vectors * values[:, None]) @ vectors.transpose(0, 2, 1)
        result[z] = block.contractions[z] @ (root / np.abs(root).max())
    return result


def _slopes(block: SoapBlock, z: int, weights: Array, c: Array, p: Array, norm: Array) -> Array:
    """dE/dc (n, L, C) in eV of environments with coefficients c, spectra p and their norms."""
    points, zeta = block._spectra_of_points(z), block.hyper.zeta
    factors = block.hyper.delta**2 * zeta * (p @ points.T) ** (zeta - 1) * weights[block.offsets[z]]
    slope = factors @ points
    slope -= (slope * p).sum(axis=1)[:, None] * p  # spectra are normalised
    slope /= norm[:, None]
    a, b = np.triu_indices(block.channels)
    square = np.empty((len(p), block.channels, block.channels))
    result = np.empty(c.shape)
    for l, part in enumerate(np.split(slope, block.hyper.l_max + 1, axis=1)):
        square[:, a, b] = square[:, b, a] = part * np.where(a == b, 2.0, np.sqrt(2.0))
        result[:, l * l : (l + 1) ** 2] = c[:, l * l : (l + 1) ** 2] @ square
    return result
