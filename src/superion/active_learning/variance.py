"""Selection by predicted error: the variance of the Gaussian process, or the disagreement of a committee."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from ase import Atoms

from superion.active_learning.pool import Pool, Selection, highest
from superion.errors import InputError
from superion.model import Model
from superion.potentials import Potential
from superion.recipes.base import Job, fit_jobs
from superion.structures import is_isolated

Array = np.ndarray


def force_deviation(potential: Model, atoms: Atoms) -> float:
    """Largest length of the predictive standard deviation of the force on an atom, in eV/Å.

    Forces, because how a total energy is shared among the atoms is never known, so that the deviations of
    atomic energies hardly differ between structures. A lower bound far from the data, see
    `SparseGP.deviation`; the extrapolation grade is the better guide there.
    """
    return float(np.linalg.norm(potential.deviation(atoms).forces, axis=1).max())


def variance(pool: Pool, count: int, rng: np.random.Generator) -> Selection:
    """Frames with the least certain force. Score: `force_deviation` in eV/Å.

    As in J. Vandermause et al., npj Comput. Mater. 6, 20 (2020).
    """
    del rng
    return highest(np.array([force_deviation(pool.potential, atoms) for atoms in pool.frames]), count)


def committee(pool: Pool, count: int, rng: np.random.Generator) -> Selection:
    """Frames on whose forces the potentials differ most. Score: `disagreement` in eV/Å.

    Query by committee: Seung, Opper, Sompolinsky, COLT '92, 287 (1992).
    """
    del rng
    scores = [disagreement(pool.potentials, atoms) for atoms in pool.frames]
    return highest(np.array(scores), count)


def disagreement(potentials: Sequence[Model], atoms: Atoms) -> float:
    """Largest root-mean-square difference (eV/Å) of the members' force on an atom from their mean."""
    if len(potentials) < 2:
        raise InputError(
            f"a committee needs at least 2 potentials, found {len(potentials)}.",
            remedy="give several with --model, for example fitted with different --seed.",
        )
    forces = np.array([potential.evaluate(atoms).forces for potential in potentials])
    spread = forces - forces.mean(axis=0)
    return float(np.sqrt((spread**2).sum(axis=2).mean(axis=0)).max())


def fit_committee(frames: Sequence[Atoms], job: Job, size: int, rng: np.random.Generator) -> list[Potential]:
    """Potentials fitted to resampled frames, each with its own sparse points or first weights.

    Frames are drawn with replacement (bootstrap aggregating: L. Breiman, Mach. Learn. 24, 123 (1996));
    isolated atoms are in every sample, and every sample knows all species. Fixed terms are those of all
    frames.
    """
    lone = [atoms for atoms in frames if is_isolated(atoms)]
    bulk = [atoms for atoms in frames if not is_isolated(atoms)]
    members = []
    for _ in range(size):
        drawn = [bulk[k] for k in np.sort(rng.integers(len(bulk), size=len(bulk)))]
        own = job.recipe.resampled(job.settings, int(rng.integers(2**31)))
        options = replace(job.options, whole=job.options.whole or frames, checkpoint=None)
        found = fit_jobs([*drawn, *lone], {"member": Job(job.recipe, own, options)})
        members.append(Potential(found["member"]))
    return members
