"""Errors of predictions against reference labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms
from ase.stress import full_3x3_to_voigt_6_stress

from superion.errors import InputError
from superion.structures.labels import get_label, is_isolated
from superion.terms import Evaluation

Array = np.ndarray


@dataclass(frozen=True, slots=True)
class Parity:
    """Reference beside prediction, frames without a label left out; isolated atoms always are.

    energy_*: (F,) eV/atom, one per frame. force_*: (M, 3) eV/Å, one row per atom, with `species`
    (M,) symbols. stress_*: (G, 6) eV/Å³, Voigt. frames, atoms: how many were compared.
    """

    energy_reference: Array
    energy_prediction: Array
    force_reference: Array
    force_prediction: Array
    species: Array
    stress_reference: Array
    stress_prediction: Array
    frames: int
    atoms: int


def parity(references: Sequence[Atoms], predictions: Sequence[Evaluation]) -> Parity:
    """Pair every label with its prediction.

    Raises InputError if the two lists, or the atoms of a frame, do not match.
    """
    if len(references) != len(predictions):
        raise InputError(
            f"{len(references)} reference frames but {len(predictions)} predictions.",
            remedy="predict every frame once, in the same order.",
        )
    energy: list[tuple[float, float]] = []
    force: list[tuple[Array, Array]] = []
    stress: list[tuple[Array, Array]] = []
    species: list[str] = []
    frames = atoms_count = 0
    for k, (atoms, found) in enumerate(zip(references, predictions, strict=True)):
        if found.forces.shape != (len(atoms), 3):
            raise InputError(
                f"the prediction has forces of shape {found.forces.shape}, expected {(len(atoms), 3)}.",
                file=atoms.info.get("source"),
                frame=atoms.info.get("frame_id", k),
                remedy="predict every frame once, in the same order.",
            )
        if is_isolated(atoms):
            continue
        frames += 1
        atoms_count += len(atoms)
        if (label := get_label(atoms, "energy")) is not None:
            energy.append((label / len(atoms), found.energy / len(atoms)))
        if (label := get_label(atoms, "forces")) is not None:
            force.append((label, found.forces))
            species += atoms.get_chemical_symbols()
        if (label := get_label(atoms, "stress")) is not None:
            stress.append((label, full_3x3_to_voigt_6_stress(-found.virial / atoms.get_volume())))
    energies = np.array(energy, dtype=np.float64).reshape(-1, 2)
    stresses = np.array(stress, dtype=np.float64).reshape(-1, 2, 6)
    return Parity(
        energy_reference=energies[:, 0],
        energy_prediction=energies[:, 1],
        force_reference=np.concatenate([np.empty((0, 3)), *(label for label, _ in force)]),
        force_prediction=np.concatenate([np.empty((0, 3)), *(found for _, found in force)]),
        species=np.array(species, dtype=str),
        stress_reference=stresses[:, 0],
        stress_prediction=stresses[:, 1],
        frames=frames,
        atoms=atoms_count,
    )


def errors(references: Sequence[Atoms], predictions: Sequence[Evaluation]) -> dict[str, Any]:
    """Root-mean-square and mean absolute errors, JSON-ready.

    Energies (eV) per atom with each frame counting once; forces (eV/Å) over all components,
    together and by species; stresses (eV/Å³) over the six Voigt components. A quantity that no
    frame has a label for is None. Isolated atoms do not count.
    """
    pairs = parity(references, predictions)
    energy = pairs.energy_prediction - pairs.energy_reference
    force = pairs.force_prediction - pairs.force_reference
    stress = pairs.stress_prediction - pairs.stress_reference
    by_species = {str(s): force[pairs.species == s] for s in np.unique(pairs.species)}
    return {
        "energy_rmse_per_atom": _rms(energy),
        "energy_mae_per_atom": _mean(energy),
        "force_rmse": _rms(force),
        "force_mae": _mean(force),
        "stress_rmse": _rms(stress),
        "stress_mae": _mean(stress),
        "force_rmse_by_species": {s: _rms(part) for s, part in by_species.items()} or None,
        "force_mae_by_species": {s: _mean(part) for s, part in by_species.items()} or None,
        "frames": pairs.frames,
        "atoms": pairs.atoms,
    }


def _rms(difference: Array) -> float | None:
    return float(np.sqrt(np.mean(difference**2))) if difference.size else None


def _mean(difference: Array) -> float | None:
    return float(np.mean(np.abs(difference))) if difference.size else None
