"""Settings of a training that follow from its data: weights of labels, frames held out, where it begins."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms

from superion.electrostatics.charge_transfer import bonded_parts
from superion.potentials.neural.settings import LabelSigmas, NeuralSettings, NeuralTraining
from superion.terms import Evaluation

Array = np.ndarray

FORCE_PART = 0.05
"""Expected error of forces, of their root mean square."""
LENGTH = 0.1
"""Å: an expected error of energies per atom, over that of forces."""
ENERGY_PART = 0.1
"""Expected error of energies, of their spread, at most."""
CURVE_FORCE, CURVE_ENERGY = 0.15, 0.03
"""The same where two parts draw apart: energies tell more of what reaches far than the force on an atom."""
FLAT = 1e-9
"""eV per atom or eV/Å below which labels do not vary."""
FEW = 20
"""Frames below which all are learned from, and none is held out to stop by."""
STEPS = 200
"""Epochs of Adam from random networks."""
ITERATIONS = 400
"""Epochs of L-BFGS."""
POLISH = 40
"""Epochs of L-BFGS from a linear model, if nothing tells when to stop."""


def adapted(
    training: NeuralTraining, settings: NeuralSettings, bulk: Sequence[Atoms], known: Sequence[Evaluation]
) -> NeuralTraining:
    """The training with numbers in the place of what is null."""
    sigma = training.sigma
    if not settings.linear:
        usual = LabelSigmas(energy=sigma.energy or 0.005, force=sigma.force or 0.05, charge=sigma.charge)
        return training.model_copy(
            update={
                "sigma": usual,
                "validation": 0.1 if training.validation is None else training.validation,
                "adam_epochs": STEPS if training.adam_epochs is None else training.adam_epochs,
                "lbfgs_epochs": ITERATIONS if training.lbfgs_epochs is None else training.lbfgs_epochs,
                "patience": training.patience or 100,
            }
        )
    force, energy = sigma.force, sigma.energy
    typical, spread = typical_force(bulk, known), typical_energy(bulk, known)
    curve = all(separation(atoms) is not None for atoms in bulk)
    force_part, energy_part = (CURVE_FORCE, CURVE_ENERGY) if curve else (FORCE_PART, ENERGY_PART)
    if force is None:
        force = force_part * typical if typical > FLAT else 0.05
    if energy is None:
        energy = LENGTH * force if typical > FLAT else 0.005
        if spread > FLAT:
            energy = min(energy, energy_part * spread) if typical > FLAT else energy_part * spread
    validation = training.validation
    if validation is None:
        validation = 0.1 if len(bulk) >= FEW else 0.0
    adam = training.adam_epochs
    if adam is None:
        adam = 0
    lbfgs = training.lbfgs_epochs
    if lbfgs is None:
        lbfgs = ITERATIONS if validation else POLISH
    return training.model_copy(
        update={
            "sigma": LabelSigmas(energy=energy, force=force, charge=sigma.charge),
            "validation": validation,
            "adam_epochs": adam,
            "lbfgs_epochs": lbfgs,
            "patience": training.patience or (100 if validation else 10),
        }
    )


def tries_random(
    given: NeuralSettings, settings: NeuralSettings, training: NeuralTraining, frames: int
) -> bool:
    """Whether networks are trained from random weights, too, and what is held out says which are better.

    A linear model may be a minimum of its own from which networks do not improve; nobody asked for it alone.
    """
    assert training.validation is not None
    held = round(training.validation * frames) > 0 and frames >= FEW
    untouched = training.lbfgs_epochs != 0 or bool(training.adam_epochs)
    return bool(given.linear is None and settings.linear and held and untouched)


def from_random(
    given: NeuralTraining,
    settings: NeuralSettings,
    training: NeuralTraining,
    bulk: Sequence[Atoms],
    known: Sequence[Evaluation],
) -> tuple[NeuralSettings, NeuralTraining]:
    """Settings and training from random weights, judged as the one that begins at a linear model is."""
    plain = settings.model_copy(update={"linear": False})
    alike = given.model_copy(update={"sigma": training.sigma, "validation": training.validation})
    return plain, adapted(alike, plain, bulk, known)


def settled(settings: NeuralSettings, bulk: Sequence[Atoms]) -> NeuralSettings:
    """The settings with an answer to whether networks begin as a linear model."""
    if settings.linear is not None:
        return settings
    named = any("REF_charges" in atoms.arrays for atoms in bulk)
    unnamed = settings.generation == "latent-charges" or (settings.generation in ("3g", "4g") and not named)
    return settings.model_copy(update={"linear": unnamed})


def separation(atoms: Atoms) -> float | None:
    """Å between the centres of two parts that no bond joins; None for one part, or more than two."""
    parts = bonded_parts(atoms)
    if parts.max(initial=0) != 1:
        return None
    first, second = (atoms.positions[parts == k].mean(axis=0) for k in (0, 1))
    return float(np.linalg.norm(first - second))


def typical_force(bulk: Sequence[Atoms], known: Sequence[Evaluation]) -> float:
    """eV/Å, root mean square."""
    found = [
        np.asarray(atoms.arrays["REF_forces"], dtype=np.float64) - fixed.forces
        for atoms, fixed in zip(bulk, known, strict=True)
        if "REF_forces" in atoms.arrays and atoms.arrays["REF_forces"].shape == fixed.forces.shape
    ]
    return float(np.sqrt(np.mean(np.concatenate(found) ** 2))) if found else 0.0


def typical_energy(bulk: Sequence[Atoms], known: Sequence[Evaluation]) -> float:
    """EV per atom, standard deviation within compositions, or among all if there is one frame of each."""
    groups: dict[str, list[float]] = {}
    for atoms, fixed in zip(bulk, known, strict=True):
        value = atoms.info.get("REF_energy")
        if isinstance(value, int | float | np.number):
            groups.setdefault(atoms.get_chemical_formula(), []).append(
                (float(value) - fixed.energy) / len(atoms)
            )
    several = [np.asarray(group) for group in groups.values() if len(group) > 1]
    left = [group - group.mean() for group in several]
    freedom = sum(len(group) - 1 for group in several)
    return float(np.sqrt(sum((one**2).sum() for one in left) / freedom)) if freedom else 0.0
