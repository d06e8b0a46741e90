"""What every selector sees, and what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, cast

import numpy as np
from ase import Atoms

from superion.errors import InputError
from superion.model import Model, terms_of
from superion.potentials.many_body.soap import SoapBlock, SoapSettings
from superion.potentials.trust import soap_of
from superion.structures import is_isolated

if TYPE_CHECKING:
    from superion.potentials.gap.gaussian_process import SparseGP

Array = np.ndarray

SOAP = SoapSettings(n_max=6, l_max=4)
"""Descriptor of environments where no model brings its own."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Chosen frames of a pool.

    indices: (k,) into the pool, in the order of choice. scores: (k,) of each at the moment of its choice;
    larger is more wanted, and each method says what its score is.
    """

    indices: Array
    scores: Array


@dataclass
class Pool:
    """Candidates, the frames trained on so far, and the potentials trained on them.

    Labels of the candidates are never looked at. Isolated atoms among `training` are left out.
    """

    frames: Sequence[Atoms]
    training: Sequence[Atoms] = ()
    potentials: Sequence[Model] = ()
    soap: SoapSettings | None = None
    threshold: float | None = None
    _cache: dict[str, list[Array]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.training = [atoms for atoms in self.training if not is_isolated(atoms)]
        if not self.frames:
            raise InputError("the pool holds no frame to choose from.", remedy="give it at least one.")

    @property
    def potential(self) -> Model:
        """The first potential; InputError if there is none."""
        if not self.potentials:
            raise InputError("this method needs a trained model.", remedy="give one with --model.")
        return self.potentials[0]

    @property
    def gp(self) -> SparseGP:
        """The Gaussian process of the first potential; InputError if it has none with a covariance."""
        return gaussian_process(self.potential)

    @cached_property
    def species(self) -> list[int]:
        """Atomic numbers in the pool and in the training set."""
        return sorted({int(z) for atoms in (*self.frames, *self.training) for z in atoms.numbers})

    @cached_property
    def descriptor(self) -> SoapBlock:
        """SOAP as `soap` says, else as the first potential has it, else the default."""
        own = (block.hyper for model in self.potentials if (block := soap_of(model)) is not None)
        return SoapBlock(self.soap or next(own, SOAP), self.species, {})

    def environments(self, which: str) -> list[Array]:
        """Normalised power spectra (N, D) of each frame of "pool" or "training"."""
        if which not in self._cache:
            frames = self.frames if which == "pool" else self.training
            self._cache[which] = [self.descriptor.spectra(atoms) for atoms in frames]
        return self._cache[which]

    def averages(self, which: str) -> Array:
        """One row (frames, species·D) per frame: its spectra averaged by species, weighted by √(share).

        The dot product of two rows is the average kernel of De, Bartók, Csányi, Ceriotti, Phys. Chem. Chem.
        Phys. 18, 13754 (2016), restricted to pairs of one species.
        """
        frames = self.frames if which == "pool" else self.training
        rows = []
        for atoms, spectra in zip(frames, self.environments(which), strict=True):
            parts = [
                spectra[atoms.numbers == z].sum(axis=0)
                / np.sqrt(len(atoms) * max((atoms.numbers == z).sum(), 1))
                for z in self.species
            ]
            rows.append(np.concatenate(parts))
        width = self.environments("pool")[0].shape[1]
        return np.array(rows).reshape(len(frames), len(self.species) * width)

    def by_species(self, which: str) -> dict[int, Array]:
        """All spectra of "pool" or "training" as one array (R, D) for each species."""
        frames = self.frames if which == "pool" else self.training
        spectra, width = self.environments(which), self.environments("pool")[0].shape[1]
        return {
            z: np.concatenate(
                [
                    np.empty((0, width)),
                    *(rows[atoms.numbers == z] for atoms, rows in zip(frames, spectra, strict=True)),
                ]
            )
            for z in self.species
        }


def gaussian_process(potential: Model) -> SparseGP:
    """The Gaussian process of a potential; InputError if there is none with a covariance."""
    for term in terms_of(potential):
        if getattr(term, "uncertain", False):
            return cast("SparseGP", term)
    raise InputError(
        "the model has no Gaussian process with a covariance, hence no predictive variance.",
        remedy="fit it with `uncertainty: true`, or choose a method that looks at structures only.",
    )


def highest(scores: Array, count: int) -> Selection:
    """The `count` frames of largest score (P,), the earlier one where two are equal."""
    order = np.argsort(-scores, kind="stable")[:count]
    return Selection(order, scores[order])
