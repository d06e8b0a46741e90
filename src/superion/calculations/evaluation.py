"""Predictions of a potential for labelled structures, their errors, and their file."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from ase.io import write
from ase.stress import full_3x3_to_voigt_6_stress
from safetensors.numpy import save

from superion.analysis.accuracy import parity
from superion.electrostatics.polarization import born_charges
from superion.errors import naming
from superion.files import write_atomic
from superion.model import Model, terms_of
from superion.potentials import Potential
from superion.potentials.backend import Evaluator, evaluator
from superion.progress import track
from superion.structures import LABELS, is_isolated
from superion.terms import Evaluation


def predict(
    potential: Model,
    frames: Sequence[Atoms],
    what: str = "predictions",
    *,
    device: str = "cpu",
    progress: bool = False,
) -> list[Evaluation]:
    """Evaluate every frame on a device ("cpu", "cuda", "cuda:1").

    Isolated atoms have no fixed terms, as in the fit: a lone ion in a periodic box has no Coulomb energy.
    They are neutral unless they state a total charge. Frames with elements that none before them has come
    first, so that a model which does not know one says so at once.
    """
    terms = terms_of(potential)
    local = [term for term in terms if hasattr(term, "constants")]
    local = local or [term for term in terms if not getattr(term, "electrostatic", False)]
    whole = evaluator(potential, device=device)
    lone: Evaluator | None = whole
    if terms:
        lone = evaluator(Potential(local), device=device) if local else None
    results: dict[int, Evaluation] = {}
    for k in track(_by_elements(frames), what, len(frames), show=progress):
        atoms = frames[k]
        with naming(atoms.info.get("source")):
            results[k] = _alone(lone, atoms) if is_isolated(atoms) else whole.evaluate(atoms)
    return [results[k] for k in range(len(frames))]


def _by_elements(frames: Sequence[Atoms]) -> list[int]:
    """All frames, those first in which an element occurs for the first time."""
    seen: set[int] = set()
    first = []
    for k, atoms in enumerate(frames):
        if not seen.issuperset(atoms.numbers.tolist()):
            seen.update(atoms.numbers.tolist())
            first.append(k)
    return [*first, *sorted(set(range(len(frames))) - set(first))]


def _alone(local: Evaluator | None, atoms: Atoms) -> Evaluation:
    """An isolated atom with the local terms, or with none."""
    if local is None:
        return Evaluation.zero(len(atoms))
    atoms = atoms.copy()
    atoms.info.setdefault("total_charge", 0.0)
    return local.evaluate(atoms)


def comparable(potential: Model, frames: Sequence[Atoms]) -> Sequence[Atoms]:
    """The frames with those labels that the potential is to reproduce.

    A model of charges alone has an energy, that of its charges, which is not the energy of the labels.
    """
    if "energies" not in potential.provenance:
        return frames
    kept = [atoms.copy() for atoms in frames]
    for atoms in kept:
        for name in ("energy", "forces", "stress"):
            label = LABELS[name]
            (atoms.info if label.where == "info" else atoms.arrays).pop(label.key, None)
    return kept


def born_by_species(potential: Model, atoms: Atoms) -> dict[str, float] | None:
    """Mean of a third of the trace of the Born effective charges (e) of each element in one structure.

    None for a potential without charges, and for one with atomic dipoles, which do not feel a field.
    """
    if not all(getattr(term, "feels_field", True) for term in terms_of(potential)):
        return None
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="latent charges")  # they are shown as what they are
        response = potential.response
    if response is None:
        return None
    values = born_charges(atoms, response).values
    mean = np.trace(values, axis1=1, axis2=2) / 3
    symbols = np.array(atoms.get_chemical_symbols())
    return {str(symbol): float(mean[symbols == symbol].mean()) for symbol in np.unique(symbols)}


def write_predictions(path: str | Path, frames: Sequence[Atoms], predictions: Sequence[Evaluation]) -> None:
    """Write frames with their labels and `superion_energy` (eV), `superion_forces` (eV/Å), `superion_stress`.

    Stress (eV/Å³, Voigt) for frames with a cell, if the model gives one. Where it has charges,
    `superion_charges` (e), and `superion_dipole` (e·Å, about the origin of the positions) for frames without
    periodic axes.
    """
    written = []
    for atoms, found in zip(frames, predictions, strict=True):
        copy = atoms.copy()
        copy.info.pop("unmapped_labels", None)
        copy.info["superion_energy"] = found.energy
        copy.arrays["superion_forces"] = found.forces
        if copy.cell.rank == 3 and np.isfinite(found.virial).all():
            stress = full_3x3_to_voigt_6_stress(-found.virial / copy.get_volume())
            copy.info["superion_stress"] = stress
        if found.charges is not None:
            copy.arrays["superion_charges"] = found.charges
        if found.dipole is not None and not copy.pbc.any():
            copy.info["superion_dipole"] = found.dipole
        written.append(copy)
    text = io.StringIO()
    write(text, written, format="extxyz")
    write_atomic(path, text.getvalue())


def write_parity(path: Path, frames: Sequence[Atoms], predictions: Sequence[Evaluation]) -> None:
    """Write reference beside prediction as one safetensors file, see docs/study.md."""
    pairs = parity(frames, predictions)
    charged = [
        (atoms, found)
        for atoms, found in zip(frames, predictions, strict=True)
        if found.charges is not None and not is_isolated(atoms)
    ]
    arrays: dict[str, Any] = {
        "energy_reference": pairs.energy_reference,
        "energy_predicted": pairs.energy_prediction,
        "force_reference": pairs.force_reference,
        "force_predicted": pairs.force_prediction,
        "numbers": np.array([atomic_numbers[symbol] for symbol in pairs.species], dtype=np.int64),
        "stress_reference": pairs.stress_reference,
        "stress_predicted": pairs.stress_prediction,
        "charge_reference": pairs.charge_reference,
        "charge_predicted": pairs.charge_prediction,
        "dipole_reference": pairs.dipole_reference,
        "dipole_predicted": pairs.dipole_prediction,
        "charges": np.concatenate([np.empty(0), *(found.charges for _, found in charged)]),
        "charge_numbers": np.concatenate([np.empty(0, np.int64), *(atoms.numbers for atoms, _ in charged)]),
    }
    write_atomic(path, save({name: np.ascontiguousarray(array) for name, array in arrays.items()}))
