"""Two fits, one after the other: the first, of few sparse points, tells which channels matter."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms

from superion.potentials.gap.gaussian_process import Block
from superion.potentials.gap.settings import FitSettings
from superion.potentials.many_body.sensitivity import slope_covariance, weighted_channels
from superion.potentials.many_body.soap import SoapBlock, SoapSettings

Array = np.ndarray

POINTS = 500
"""Sparse environments per species in the first fit, at most."""


def first_settings(settings: FitSettings, species: int) -> FitSettings:
    """Settings of the first fit: few sparse points, and channels that can be weighted."""

    def change(soap: SoapSettings) -> SoapSettings:
        channels = soap.channels or species * soap.n_max
        points = min(soap.sparse_points, POINTS)
        method = "cur" if soap.sparse_method == "all" else soap.sparse_method
        changes = {"channels": channels, "sparse_points": points, "sparse_method": method}
        return soap.model_copy(update=changes | {"components": None})

    changed = {
        "soap": settings.soap and change(settings.soap),
        "more_soap": tuple(change(soap) for soap in settings.more_soap),
    }
    return settings.model_copy(update=changed)


def learned_blocks(
    blocks: Sequence[Block], weights: Array, frames: Sequence[Atoms], settings: FitSettings
) -> list[Block]:
    """The blocks of a first fit with the channels of SOAP weighted, and sparse points as `settings` say.

    weights: (M, K) of the first fit.
    """
    rng = np.random.default_rng(settings.seed)
    found: list[Block] = []
    soaps, first = iter(settings.soaps), 0
    for block in blocks:
        own = weights[first : first + block.size]
        first += block.size
        if isinstance(block, SoapBlock):
            contractions = weighted_channels(block, slope_covariance(block, own, frames))
            block = SoapBlock.choose(frames, next(soaps), block.species, rng, contractions)
        found.append(block)
    return found
