"""Where training begins: what the last layers can know from the labels by least squares.

An atom with the charge q in the potential φ = (Mq) of the others has, up to a number that its structure has
in common, the electronegativity χ = −(Jq + φ): the equations of equilibration, solved for χ instead of q.
With hard atoms that is tens or hundreds of volts, which training in small steps from zero does not reach.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from superion.potentials.neural.model import CHARGE, ENERGY, Model
from superion.potentials.neural.networks import Weights
from superion.potentials.neural.objective import Labelled, learns_charges

CHARGE_FLOOR = 0.01  # e, least spread of a charge; times J of an electronegativity


def first_energies(model: Model, batches: Sequence[Labelled]) -> Weights:
    """Biases of the last layers (offsets of cent) from energies less baseline and labelled Coulomb energy."""
    known, right = [], []
    for batch in batches:
        owner, elements = batch.geometry.owner, batch.geometry.elements
        counts = batch.energies.new_zeros(batch.geometry.count, len(model.symbols))
        counts.index_put_((owner, elements), torch.ones_like(batch.charges), accumulate=True)
        energies = batch.energies - counts @ model.scales.baseline - _coulomb(model, batch)
        known.append(counts[~torch.isnan(energies)])
        right.append(energies[~torch.isnan(energies)])
    found = _least_squares(torch.cat(known), torch.cat(right))
    if model.settings.generation == "cent":
        return {"offset": found}
    return _biases(model, ENERGY, found)


def first_charges(model: Model, batches: Sequence[Labelled]) -> tuple[Weights, Tensor]:
    """Biases of the last layers of the charge networks, and the unit (S,) of what these give.

    The unit is the spread of what they have to give: V of electronegativities, e of charges. Without labels
    it is 1, and there are no biases.
    """
    unknown = torch.ones_like(model.scales.output)
    if not learns_charges(model):
        return {}, unknown
    of_elements, wanted, elements = [], [], []
    for which, target in _outputs(model, batches):
        one = torch.nn.functional.one_hot(which, len(model.symbols)).to(target)
        if model.settings.equilibrated:
            one, target = one - one.mean(dim=1, keepdim=True), target - target.mean(dim=1, keepdim=True)
        of_elements.append(one.flatten(0, 1))
        wanted.append(target.flatten())
        elements.append(which.flatten())
    if not wanted:
        return {}, unknown
    known, right, which = torch.cat(of_elements), torch.cat(wanted), torch.cat(elements)
    found = _least_squares(known, right)
    left = right - known @ found
    floor = CHARGE_FLOOR * (model.hardness().detach() if model.settings.equilibrated else unknown)
    counts = torch.bincount(which, minlength=len(found)).clamp(min=1)
    spread = (torch.bincount(which, left**2, minlength=len(found)) / counts).sqrt()
    unit = torch.maximum(spread, floor)
    return _biases(model, CHARGE, found / unit), unit


def _outputs(model: Model, batches: Sequence[Labelled]) -> Iterator[tuple[Tensor, Tensor]]:
    """Elements (b, n) and wanted outputs (b, n) of the structures whose charges are all known."""
    for batch in batches:
        for stack in batch.geometry.stacks:
            charges, elements = batch.charges[stack.atoms], batch.geometry.elements[stack.atoms]
            whole = ~torch.isnan(charges).any(dim=1)
            charges, elements, matrix = charges[whole], elements[whole], stack.matrix[whole]
            if not whole.any():
                continue
            if model.settings.equilibrated:
                felt = torch.einsum("bij,bj->bi", matrix, charges)
                yield elements, -(model.hardness().detach()[elements] * charges + felt)
            else:
                yield elements, charges


def _coulomb(model: Model, batch: Labelled) -> Tensor:
    """(B,) eV, ½ qᵀMq of labelled charges; 0 where they are not known, or mean something else."""
    energies = torch.zeros_like(batch.energies)
    if not learns_charges(model) or model.settings.generation == "cent":
        return energies
    for stack in batch.geometry.stacks:
        charges = batch.charges[stack.atoms]
        felt = 0.5 * torch.einsum("bi,bij,bj->b", charges, stack.matrix, charges)
        energies = energies.index_add(0, stack.structures, torch.nan_to_num(felt, nan=0.0))
    return energies


def _biases(model: Model, network: str, found: Tensor) -> Weights:
    last = len(model.settings.hidden)
    return {f"{network}.{s}.{last}.bias": found[k : k + 1].clone() for k, s in enumerate(model.symbols)}


def _least_squares(known: Tensor, right: Tensor) -> Tensor:
    """The smallest solution: elements whose numbers are in proportion share what they have in common."""
    found = torch.linalg.lstsq(known.cpu(), right.cpu()[:, None], rcond=1e-8, driver="gelsd").solution
    return found[:, 0].to(right.device)
