"""What training makes small: squared errors of energies, forces and charges in units of their sigmas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from ase import Atoms
from torch import Tensor

from superion.errors import InputError, naming
from superion.potentials.neural.geometry import Geometry
from superion.potentials.neural.model import Model, slopes
from superion.potentials.neural.settings import LabelSigmas, Stage
from superion.terms import Evaluation

Array = np.ndarray


@dataclass(frozen=True, slots=True)
class Labelled:
    """Structures side by side with what is known of them; NaN where a label is missing.

    energies: (B,) eV and forces: (N, 3) eV/Å, without fixed terms. charges: (N,) e. sizes: (B,) atoms.
    """

    geometry: Geometry
    energies: Tensor
    forces: Tensor
    charges: Tensor
    sizes: Tensor

    def counts(self) -> Tensor:
        """(3,) how many energies, force components and charges are labelled."""
        labels = self.energies, self.forces, self.charges
        return torch.stack([(~torch.isnan(label)).sum() for label in labels]).double()

    @classmethod
    def of(
        cls, frames: Sequence[Atoms], fixed: Sequence[Evaluation], model: Model, device: torch.device
    ) -> Labelled:
        """Describe frames for training."""
        geometry = Geometry.of(frames, model.functions, model.settings, model.densities, device)
        energies, forces, charges = [], [], []
        for k, (atoms, known) in enumerate(zip(frames, fixed, strict=True)):
            with naming(atoms.info.get("source", k)):
                energies.append(_label(atoms.info, "REF_energy", ()) - known.energy)
                forces.append(_label(atoms.arrays, "REF_forces", (len(atoms), 3)) - known.forces)
                charges.append(_label(atoms.arrays, "REF_charges", (len(atoms),)))
        return cls(
            geometry,
            torch.tensor(np.array(energies), device=device),
            torch.tensor(np.concatenate(forces), device=device),
            torch.tensor(np.concatenate(charges), device=device),
            torch.tensor([float(len(atoms)) for atoms in frames], dtype=torch.float64, device=device),
        )


def _label(found: dict, name: str, shape: tuple[int, ...]) -> Array:
    """The label, or NaN in its place; InputError for a wrong shape or numbers that are not finite."""
    if name not in found:
        return np.full(shape, np.nan)
    value = np.asarray(found[name], dtype=np.float64)
    if value.shape != shape or not np.isfinite(value).all():
        raise InputError(
            f"{name} has the shape {value.shape}, expected {shape}, or numbers that are not finite.",
            remedy="correct the label, or remove it.",
        )
    return value


def squares(data: Labelled, model: Model, sigma: LabelSigmas, stage: Stage) -> Tensor:
    """Sums (3,) of squared errors in units of sigma: energies per atom, forces, charges.

    Only of labels that the stage trains on; differentiable in the weights.
    """
    geometry = data.geometry
    values = geometry.values.detach().requires_grad_()
    matrices = [stack.matrix.detach().requires_grad_() for stack in geometry.stacks]
    zero = data.energies.new_zeros(())
    assert sigma.energy is not None
    assert sigma.force is not None
    if stage == "charges":
        found, _ = model.charges(geometry, values, matrices)
        return torch.stack([zero, zero, _squares(found - data.charges, sigma.charge)])
    energies, charges = model.energies(geometry, values, matrices)
    forces = geometry.forces(*slopes(energies.sum(), values, matrices, graph=True))
    totals = torch.zeros_like(data.energies).index_add(0, geometry.owner, energies)
    charge = zero
    if charges is not None and stage == "joint" and learns_charges(model):
        charge = _squares(charges - data.charges, sigma.charge)
    energy = _squares((totals - data.energies) / data.sizes, sigma.energy)
    return torch.stack([energy, _squares(forces - data.forces, sigma.force), charge])


def learns_charges(model: Model) -> bool:
    """Whether charge labels are used where there are any."""
    return model.settings.charged and model.settings.generation != "latent-charges"


def _squares(error: Tensor, sigma: float) -> Tensor:
    """Sum of the squares of errors of what is labelled."""
    known = torch.where(torch.isnan(error), 0.0, error)
    return (known / sigma).square().sum()
