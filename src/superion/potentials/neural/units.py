"""Units in which the labels of a training are of the order of one.

With energies E/u, forces F/u, charges q/√u and electronegativities χ/√u every equation of every generation is
as before, Coulomb matrices and hardness as well. The prior of the weights and the first steps then mean the
same for energies of 10⁻⁴ and of 10⁴ eV. u is a power of 100 eV: within a decade of 1 eV nothing changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from ase import Atoms

from superion.potentials.neural.adapt import typical_energy, typical_force
from superion.potentials.neural.model import ENERGY, Model
from superion.potentials.neural.networks import SKIP
from superion.potentials.neural.settings import LabelSigmas, NeuralSettings, NeuralTraining
from superion.structures.bare import FRAGMENT_CHARGES, fragment_charges
from superion.terms import Evaluation


def unit_of(bulk: Sequence[Atoms], known: Sequence[Evaluation]) -> float:
    """The unit u in eV that suits the labels less what is known of them."""
    size = typical_force(bulk, known) or 10 * typical_energy(bulk, known)
    return float(100.0 ** round(0.5 * np.log10(size))) if size > 0 else 1.0


def frame_in(atoms: Atoms, unit: float) -> Atoms:
    """The structure with its labels and its total charge in this unit."""
    found = atoms.copy()
    if "REF_energy" in found.info:
        found.info["REF_energy"] = np.asarray(found.info["REF_energy"], dtype=np.float64) / unit
    for name, part in (("REF_forces", unit), ("REF_charges", unit**0.5)):
        if name in found.arrays:
            found.arrays[name] = np.asarray(found.arrays[name], dtype=np.float64) / part
    if "total_charge" in found.info:
        found.info["total_charge"] = float(found.info["total_charge"]) / unit**0.5
    if FRAGMENT_CHARGES in found.info:
        whole = fragment_charges(found)
        found.info[FRAGMENT_CHARGES] = {label: charge / unit**0.5 for label, charge in whole.items()}
    return found


def known_in(known: Evaluation, unit: float) -> Evaluation:
    """Fixed energies and forces in this unit."""
    return replace(known, energy=known.energy / unit, forces=known.forces / unit)


def settings_in(settings: NeuralSettings, unit: float) -> NeuralSettings:
    """Settings with the total charge in this unit, of structures that were checked before."""
    total = None if settings.total_charge is None else settings.total_charge / unit**0.5
    background = True if settings.background is None else settings.background
    return settings.model_copy(update={"total_charge": total, "background": background})


def training_in(training: NeuralTraining, unit: float) -> NeuralTraining:
    """Expected errors in this unit."""
    energy, force, charge = training.sigma.energy, training.sigma.force, training.sigma.charge
    sigma = LabelSigmas(
        energy=None if energy is None else energy / unit,
        force=None if force is None else force / unit,
        charge=charge / unit**0.5,
    )
    return training.model_copy(update={"sigma": sigma})


def model_out_of(model: Model, unit: float, settings: NeuralSettings) -> Model:
    """The model in eV and e, with these settings."""
    root = unit**0.5
    scales = replace(
        model.scales,
        baseline=model.scales.baseline * unit,
        output=model.scales.output * root,
        charge_mean=model.scales.charge_mean * root,
        charge_scale=model.scales.charge_scale * root,
    )
    last = f".{len(model.settings.hidden)}.", f".{SKIP}"
    weights = {
        name: value * unit
        if name == "offset" or (name.startswith(f"{ENERGY}.") and any(part in name for part in last))
        else value
        for name, value in model.weights.items()
    }
    return replace(model, settings=settings, scales=scales, weights=weights)
