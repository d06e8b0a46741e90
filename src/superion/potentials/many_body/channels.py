"""Contraction of the radial and species channels of SOAP to the few that the training data need.

For each central species and each l the covariance of the expansion coefficients c_{(s n) l m} over
environments and m is diagonalised; its leading eigenvectors are the channels kept: the data-driven optimal
radial basis of Goscinski, Musil, Pozdnyakov, Nigam, Ceriotti, J. Chem. Phys. 155, 104106 (2021), here over
neighbour species too (Willatt, Musil, Ceriotti, Phys. Chem. Chem. Phys. 20, 29661 (2018)). Channels are
linear in the neighbours, so that each is a radial function per neighbour species, and the others are never
computed.
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


def principal_channels(block: SoapBlock, frames: Sequence[Atoms], count: int) -> dict[int, Array]:
    """Contractions (l_max + 1, C, min(count, C)) for each central species that the frames contain."""
    l_max = block.hyper.l_max
    covariance: dict[int, Array] = {}
    for atoms in frames:
        for z, _, c, _, _ in block.expanded(atoms, neighbour_pairs(atoms, block.cutoff)):
            mine = covariance.setdefault(z, np.zeros((l_max + 1, block.channels, block.channels)))
            for l in range(l_max + 1):
                rows = c[:, l * l : (l + 1) ** 2].reshape(-1, block.channels)
                mine[l] += rows.T @ rows
    # eigenvalues ascend; signs are free and are chosen so that results do not depend on the library
    vectors = {z: np.linalg.eigh(m)[1][:, :, ::-1][:, :, :count] for z, m in covariance.items()}
    for u in vectors.values():
        largest = np.take_along_axis(u, np.abs(u).argmax(axis=1)[:, None], axis=1)
        u *= np.sign(largest)
    return {z: np.ascontiguousarray(u) for z, u in vectors.items()}
