"""Forces that physics forbids, whatever the material: a net force, a net torque, a broken symmetry."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from superion.structures.labels import get_label, is_isolated

Array = np.ndarray

LARGE = 0.5
"""Share of a sum of unrelated forces above which a sum is not rounding, drift or noise."""
LEAST_FORCE = 0.2
"""eV/Å, smallest net force that is spoken of."""
LEAST_TORQUE = 0.3
"""eV, smallest net torque that is spoken of."""
SYMMETRIC = 1e-3
"""Å within which atoms must lie on symmetric positions."""
BROKEN = 0.1
"""eV/Å, smallest force against symmetry that is spoken of."""
LOOKED_AT = 200
"""Frames whose symmetry is looked for, at most."""
LARGEST = 500
"""Atoms of such a frame, at most."""


@dataclass(frozen=True, slots=True)
class Imbalance:
    """index: of the frame. size: eV/Å, or eV for a torque. atom: the one whose force makes it, or None."""

    index: int
    size: float
    atom: int | None = None


def labelled(frames: Sequence[Atoms]) -> Iterator[tuple[int, Atoms, Array]]:
    """Index, frame and forces (N, 3) of frames of several atoms that have forces."""
    for k, atoms in enumerate(frames):
        if len(atoms) > 1 and not is_isolated(atoms) and (forces := get_label(atoms, "forces")) is not None:
            yield k, atoms, np.asarray(forces)


def net_forces(frames: Sequence[Atoms]) -> list[Imbalance]:
    """Frames whose forces do not add up to zero (Newton's third law).

    A single absurd force is recognised by being nearly the whole sum.
    """
    found = []
    for k, _, forces in labelled(frames):
        net = forces.sum(axis=0)
        size, typical = float(np.linalg.norm(net)), _typical(forces) * np.sqrt(3 * len(forces))
        if size > LEAST_FORCE and size > LARGE * typical:
            rest = np.linalg.norm(net - forces, axis=1)
            worst = int(rest.argmin())
            lone = rest[worst] < 0.5 * size and np.linalg.norm(forces[worst]) > 5 * _typical(forces)
            found.append(Imbalance(k, size, worst if lone else None))
    return found


def net_torques(frames: Sequence[Atoms]) -> list[Imbalance]:
    """Molecules and clusters whose forces turn them: they are of another orientation, or of other atoms."""
    found = []
    for k, atoms, forces in labelled(frames):
        if atoms.pbc.any():
            continue
        arm = atoms.positions - atoms.positions.mean(axis=0)
        balanced = forces - forces.mean(axis=0)
        torque = float(np.linalg.norm(np.cross(arm, balanced).sum(axis=0)))
        unrelated = np.sqrt(2 / 3 * ((arm**2).sum(axis=1) * (balanced**2).sum(axis=1)).sum())
        if torque > LEAST_TORQUE and torque > LARGE * unrelated:
            found.append(Imbalance(k, torque))
    return found


def broken_symmetries(frames: Sequence[Atoms]) -> list[Imbalance]:
    """Crystals with symmetry whose forces do not have it, by the largest deviation of a force."""
    found = []
    crystals = [k for k, atoms, _ in labelled(frames) if atoms.pbc.all() and len(atoms) <= LARGEST]
    for k in crystals[:: -(-len(crystals) // LOOKED_AT) or 1]:
        atoms = frames[k]
        forces = np.asarray(get_label(atoms, "forces"))
        if (symmetric := symmetrised(atoms, forces)) is None:
            continue
        deviation = np.linalg.norm(forces - symmetric, axis=1)
        worst = int(deviation.argmax())
        if deviation[worst] > max(BROKEN, 0.2 * np.linalg.norm(forces, axis=1).max()):
            found.append(Imbalance(k, float(deviation[worst]), worst))
    return found


def symmetrised(atoms: Atoms, forces: Array) -> Array | None:
    """Mean of the forces (N, 3) eV/Å over the space group of the atoms; None where there is no symmetry."""
    import spglib

    scaled = atoms.get_scaled_positions()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of how it reports that it found nothing
        symmetry = spglib.get_symmetry_dataset((atoms.cell.array, scaled, atoms.numbers), symprec=SYMMETRIC)
    if symmetry is None or len(symmetry.rotations) < 2:
        return None
    cell = atoms.cell.array.T
    inverse = np.linalg.inv(cell)
    total = np.zeros_like(forces)
    for rotation, shift in zip(symmetry.rotations, symmetry.translations, strict=True):
        moved = scaled @ rotation.T + shift
        apart = moved[:, None] - scaled
        apart -= np.rint(apart)
        image = np.linalg.norm(apart @ atoms.cell.array, axis=2).argmin(axis=1)
        total[image] += forces @ (cell @ rotation @ inverse).T
    return total / len(symmetry.rotations)


def _typical(forces: Array) -> float:
    """A typical component in eV/Å that a few absurd ones do not change."""
    return float(np.sqrt(np.median((forces**2).sum(axis=1)) / 2.37))
