"""Errors of predictions against reference labels.

Dipoles are compared where they are defined: without periodic axes (in a periodic cell a dipole is known only
up to multiples of e times a lattice vector). That of a charged cluster depends on the origin; on both sides
it is taken about the centre of mass, μ − Q·R, with the total charge Q of that side and μ about the origin of
the positions, as the conventions have it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms
from ase.stress import full_3x3_to_voigt_6_stress

from superion.analysis.charges import charge_summary
from superion.errors import InputError
from superion.structures.bare import total_of
from superion.structures.duplicates import frame_name
from superion.structures.labels import get_label, is_isolated
from superion.terms import Evaluation

Array = np.ndarray


@dataclass(frozen=True, slots=True)
class Parity:
    """Reference beside prediction, frames without a label left out; isolated atoms always are.

    energy_*: (F,) eV/atom, one per frame. force_*: (M, 3) eV/Å, one row per atom, with `species`
    (M,) symbols. stress_*: (G, 6) eV/Å³, Voigt. charge_*: (C,) e, one per atom, with `charge_species`
    (C,) symbols. dipole_*: (D, 3) e·Å about the centre of mass, clusters only. frames, atoms: how many were
    compared.
    """

    energy_reference: Array
    energy_prediction: Array
    force_reference: Array
    force_prediction: Array
    species: Array
    stress_reference: Array
    stress_prediction: Array
    charge_reference: Array
    charge_prediction: Array
    charge_species: Array
    dipole_reference: Array
    dipole_prediction: Array
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
    charge: list[tuple[Array, Array]] = []
    dipole: list[tuple[Array, Array]] = []
    species: list[str] = []
    charge_species: list[str] = []
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
        if (label := get_label(atoms, "stress")) is not None and np.isfinite(found.virial).all():
            stress.append((label, full_3x3_to_voigt_6_stress(-found.virial / atoms.get_volume())))
        if found.charges is not None and (label := get_label(atoms, "charges")) is not None:
            charge.append((label, found.charges))
            charge_species += atoms.get_chemical_symbols()
        if (pair := _dipoles(atoms, found)) is not None:
            dipole.append(pair)
    energies = np.array(energy, dtype=np.float64).reshape(-1, 2)
    stresses = np.array(stress, dtype=np.float64).reshape(-1, 2, 6)
    dipoles = np.array(dipole, dtype=np.float64).reshape(-1, 2, 3)
    return Parity(
        energy_reference=energies[:, 0],
        energy_prediction=energies[:, 1],
        force_reference=np.concatenate([np.empty((0, 3)), *(label for label, _ in force)]),
        force_prediction=np.concatenate([np.empty((0, 3)), *(found for _, found in force)]),
        species=np.array(species, dtype=str),
        stress_reference=stresses[:, 0],
        stress_prediction=stresses[:, 1],
        charge_reference=np.concatenate([np.empty(0), *(label for label, _ in charge)]),
        charge_prediction=np.concatenate([np.empty(0), *(q for _, q in charge)]),
        charge_species=np.array(charge_species, dtype=str),
        dipole_reference=dipoles[:, 0],
        dipole_prediction=dipoles[:, 1],
        frames=frames,
        atoms=atoms_count,
    )


def _dipoles(atoms: Atoms, found: Evaluation) -> tuple[Array, Array] | None:
    """Reference and prediction (3,) e·Å about the centre of mass, or None if there is nothing to compare.

    A label without a `total_charge` is taken to have the total charge of the prediction.
    """
    label = get_label(atoms, "dipole")
    if label is None or found.dipole is None or found.charges is None or atoms.pbc.any():
        return None
    centre, predicted = atoms.get_center_of_mass(), float(found.charges.sum())
    total = total_of(atoms)
    stated = predicted if total is None else total
    return label - stated * centre, found.dipole - predicted * centre


def errors(references: Sequence[Atoms], predictions: Sequence[Evaluation]) -> dict[str, Any]:
    """Root-mean-square and mean absolute errors, JSON-ready.

    Energies (eV) per atom with each frame counting once; forces (eV/Å) over all components,
    together and by species; stresses (eV/Å³) over the six Voigt components. Charges (e) over
    all atoms, together and by species; dipoles (e·Å) of clusters: `dipole_mae` of the magnitude,
    `dipole_vector_error` the mean length of the difference. `charges`: the predicted ones in numbers, see
    `charge_summary`. A quantity that no frame has a label for, or that
    the model does not predict, is None. Isolated atoms do not count.
    """
    pairs = parity(references, predictions)
    energy = pairs.energy_prediction - pairs.energy_reference
    force = pairs.force_prediction - pairs.force_reference
    stress = pairs.stress_prediction - pairs.stress_reference
    charge = pairs.charge_prediction - pairs.charge_reference
    length = np.linalg.norm(pairs.dipole_prediction, axis=1) - np.linalg.norm(pairs.dipole_reference, axis=1)
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
        "charge_rmse": _rms(charge),
        "charge_rmse_by_species": {
            str(s): _rms(charge[pairs.charge_species == s]) for s in np.unique(pairs.charge_species)
        }
        or None,
        "dipole_mae": _mean(length),
        "dipole_vector_error": _mean(
            np.linalg.norm(pairs.dipole_prediction - pairs.dipole_reference, axis=1)
        ),
        "charges": charge_summary(references, predictions),
        "frames": pairs.frames,
        "atoms": pairs.atoms,
    }


def shifted_energy_error(references: Sequence[Atoms], predictions: Sequence[Evaluation]) -> float | None:
    """Root-mean-square error of energies (eV/atom) beside one shift for each element, by least squares.

    Of models whose zero of energy is another one than that of the labels. None where the frames with an
    energy are no more than their elements.
    """
    kept = [
        (atoms, found.energy - label)
        for atoms, found in zip(references, predictions, strict=True)
        if (label := get_label(atoms, "energy")) is not None and not is_isolated(atoms)
    ]
    elements = sorted({int(z) for atoms, _ in kept for z in atoms.numbers})
    if len(kept) <= len(elements):
        return None
    share = np.array([[np.mean(atoms.numbers == z) for z in elements] for atoms, _ in kept])
    error = np.array([difference / len(atoms) for atoms, difference in kept])
    shifts, *_ = np.linalg.lstsq(share, error, rcond=None)
    return _rms(error - share @ shifts)


def worst_frames(
    references: Sequence[Atoms], predictions: Sequence[Evaluation], count: int = 5
) -> list[dict[str, Any]]:
    """The frames with the largest errors of energy per atom or of forces, JSON-ready, worst first.

    Of each: `frame`, `energy_error_per_atom` (eV, prediction minus label), `force_rmse` (eV/Å), and `atom`,
    the index of the atom with the largest error of its force, `force_error` (eV/Å); None without a label.
    Frames are ordered by the larger of both errors over its root mean square. Isolated atoms do not count.
    """
    rows: list[dict[str, Any]] = []
    for k, (atoms, found) in enumerate(zip(references, predictions, strict=True)):
        if is_isolated(atoms):
            continue
        energy, forces = get_label(atoms, "energy"), get_label(atoms, "forces")
        error = None if forces is None else np.linalg.norm(found.forces - forces, axis=1)
        rows.append(
            {
                "frame": frame_name(atoms, k),
                "energy_error_per_atom": None
                if energy is None
                else float(found.energy - energy) / len(atoms),
                "force_rmse": None if error is None else float(np.sqrt(np.mean(error**2) / 3)),
                "atom": None if error is None else int(error.argmax()),
                "force_error": None if error is None else float(error.max()),
            }
        )

    def typical(name: str) -> float:
        values = [row[name] for row in rows if row[name] is not None]
        return float(np.sqrt(np.mean(np.square(values)))) if values else 0.0

    scales = {name: typical(name) for name in ("energy_error_per_atom", "force_rmse")}

    def badness(row: dict[str, Any]) -> float:
        return (
            max(abs(row[name] or 0.0) / scale for name, scale in scales.items() if scale)
            if any(scales.values())
            else 0.0
        )

    judged = [
        row for row in rows if row["energy_error_per_atom"] is not None or row["force_rmse"] is not None
    ]
    return sorted(judged, key=badness, reverse=True)[:count]


def _rms(difference: Array) -> float | None:
    return float(np.sqrt(np.mean(difference**2))) if difference.size else None


def _mean(difference: Array) -> float | None:
    return float(np.mean(np.abs(difference))) if difference.size else None
