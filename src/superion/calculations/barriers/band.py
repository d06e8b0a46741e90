"""A band of images between two states, relaxed to the path of lowest energy.

The nudged elastic band with a climbing image (Henkelman, Uberuaga, Jónsson, J. Chem. Phys. 113, 9901, 2000;
tangents: Henkelman, Jónsson, ibid. 9978) is ASE's; it begins at the image-dependent pair potential (Smidstrup
et al., J. Chem. Phys. 140, 214106, 2014) and is relaxed by FIRE (Guénolé et al., Comput. Mater. Sci. 175,
109584, 2020). A model evaluates all images in one batch.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.mep import NEB, idpp_interpolate
from ase.optimize import FIRE2

from superion.calculations.barriers.settings import PathSettings
from superion.errors import SimulationError
from superion.model import Model
from superion.neighbours import NeighbourList

Array = np.ndarray
SKIN = 0.5
"""Å by which neighbour lists look further."""
LONGEST = 0.1
"""Å, the longest step of an atom."""
CLIMBS = 5.0
"""Times the final force from which on the highest image climbs."""


@dataclass(frozen=True, slots=True, eq=False)
class Band:
    """M images of N atoms.

    positions: (M, N, 3) Å. energies: (M,) eV. forces: (M, N, 3) eV/Å, of the model, without springs. left:
    eV/Å, the largest force across the path. steps: taken. climbing: whether the highest image has climbed.
    """

    positions: Array
    energies: Array
    forces: Array
    left: float
    steps: int
    climbing: bool
    converged: bool


class _Images(NEB):
    """ASE's band, its images evaluated together."""

    def __init__(self, images: Sequence[Atoms], model: Model, settings: PathSettings) -> None:
        super().__init__(list(images), k=settings.spring, method="improvedtangent")
        self._model = model
        self._lists = [NeighbourList(SKIN) for _ in images[1:-1]]
        self._last: tuple[bool, Array, Array] | None = None

    def get_forces(self) -> Array:
        """(…, 3) eV/Å on the inner images; SimulationError where they are not finite."""
        inner, here = self.images[1:-1], self.get_positions()
        if self._last is not None and self._last[0] == self.climb and np.array_equal(here, self._last[1]):
            return self._last[2].copy()
        for image, found in zip(inner, self._model.evaluate_batch(inner, self._lists), strict=True):
            if not (np.isfinite(found.energy) and np.isfinite(found.forces).all()):
                raise SimulationError(
                    "energy or forces of an image are not finite.",
                    remedy="use a model that knows structures like this, or more images.",
                )
            image.calc = SinglePointCalculator(image, energy=found.energy, forces=found.forces)
        forces = np.asarray(super().get_forces())
        self._last = bool(self.climb), here, forces.copy()
        return forces


def interpolated(initial: Atoms, final: Atoms, count: int) -> list[Atoms]:
    """`count` images from one state to another, whose interatomic distances change evenly (IDPP)."""
    images = [initial.copy() for _ in range(count)]
    for k, image in enumerate(images):
        image.positions[:] += k / (count - 1) * (final.positions - initial.positions)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of the method of its band, which IDPP does not use
        idpp_interpolate(images, traj=None, log=None, mic=bool(initial.pbc.any()), steps=100)
    return images


def relax_band(
    images: Sequence[Atoms],
    model: Model,
    settings: PathSettings,
    *,
    done: int = 0,
    climbing: bool = False,
    watch: Callable[[Band], None] = lambda band: None,
) -> Band:
    """Relax the inner images; the ends stay. done, climbing: of a band that goes on.

    watch: called after every step with the band as it is.
    """
    images = [image.copy() for image in images]
    ends = model.evaluate_batch([images[0], images[-1]])
    for image, found in zip((images[0], images[-1]), ends, strict=True):
        image.calc = SinglePointCalculator(image, energy=found.energy, forces=found.forces)
    neb = _Images(images, model, settings)
    steps = done
    stages = [False, True] if settings.climb and not climbing else [settings.climb]
    band = None
    for stage, climbs in enumerate(stages):
        neb.climb = climbs
        fmax = settings.fmax * (CLIMBS if stage + 1 < len(stages) else 1.0)
        optimiser: Any = FIRE2(neb, logfile=None, maxstep=LONGEST)  # type: ignore[arg-type]
        for _ in optimiser.irun(fmax=fmax, steps=max(settings.steps - steps, 0)):
            band = _band(neb, steps + optimiser.nsteps, settings)
            watch(band)
        steps += optimiser.nsteps
    assert band is not None
    return band


def _band(neb: _Images, steps: int, settings: PathSettings) -> Band:
    forces = np.asarray(neb.get_forces())
    left = float(np.linalg.norm(forces, axis=1).max(initial=0.0))
    return Band(
        np.array([image.positions for image in neb.images]),
        np.array([image.get_potential_energy() for image in neb.images]),
        np.array([image.get_forces(apply_constraint=False) for image in neb.images]),
        left,
        steps,
        bool(neb.climb),
        left < settings.fmax and bool(neb.climb) == settings.climb,
    )
