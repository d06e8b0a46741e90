"""Coulomb matrices of structures, stacked where sizes agree, and what they pull on atoms and cells.

An energy that depends on the geometry through Coulomb matrices M, with the derivative Λ = ∂E/∂M, gives atoms
the force −Σ_j (Λ_ij + Λ_ji) ∂M_ij/∂r_i: every M_ij is a function of r_i − r_j and the cell. Training asks for
forces of one geometry many times and keeps those derivatives. Evaluation needs no matrices (evaluation.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from ase import Atoms
from torch import Tensor

from superion.electrostatics.coulomb_matrix import coulomb_matrix
from superion.electrostatics.densities import Density
from superion.electrostatics.equilibration import Constraints
from superion.errors import InputError, naming

Array = np.ndarray


@dataclass(frozen=True, slots=True)
class Stack:
    """Structures with n atoms and g fragments each, b of them.

    structures: (b,) which ones. atoms: (b, n) their atoms among those of all structures. members: (b, n, g),
    1 where an atom belongs to a fragment. charge: (b, g) e, the total of each. matrix: (b, n, n) eV/e².
    slopes: (b, n, n, 3) eV/(e²Å), ∂M_ij/∂r_i.
    """

    structures: Tensor
    atoms: Tensor
    members: Tensor
    charge: Tensor
    matrix: Tensor
    slopes: Tensor

    @property
    def sizes(self) -> Tensor:
        """(b, g) atoms of each fragment."""
        return self.members.sum(dim=1)

    def forces(self, slope: Tensor) -> Tensor:
        """(b, n, 3) eV/Å for derivatives (b, n, n) of the energy by the matrices; differentiable."""
        return -torch.einsum("bij,bijc->bic", slope + slope.transpose(1, 2), self.slopes)


def stacks(
    structures: Sequence[Atoms],
    constraints: Sequence[Constraints],
    densities: Sequence[Density],
    kinds: Sequence[Array],
    accuracy: float,
    device: torch.device,
) -> list[Stack]:
    """The Coulomb matrices of all structures, computed on the CPU, then moved to the device.

    constraints: fragments of each and their charges. densities and kinds: the distinct ones, and which of
    them each atom has.
    """
    first = np.cumsum([0, *(len(atoms) for atoms in structures)])
    shapes = [(len(atoms), len(own.totals)) for atoms, own in zip(structures, constraints, strict=True)]
    found = []
    for shape in sorted({shape for shape in shapes if shape[0]}):
        chosen = [k for k, own in enumerate(shapes) if own == shape]
        parts = []
        for k in chosen:
            with naming(structures[k].info.get("source", k if len(structures) > 1 else None)):
                parts.append(_matrix(structures[k], densities, kinds[k], accuracy))
        members = np.stack([np.eye(shape[1])[constraints[k].groups] for k in chosen])
        found.append(
            Stack(
                torch.tensor(chosen, device=device),
                torch.tensor(first[chosen, None] + np.arange(shape[0]), device=device),
                torch.tensor(members, device=device),
                torch.tensor(np.stack([constraints[k].totals for k in chosen]), device=device),
                torch.stack([matrix.detach() for matrix, _ in parts]).to(device),
                torch.stack([_slopes(matrix, positions) for matrix, positions in parts]).to(device),
            )
        )
    return found


def _matrix(
    atoms: Atoms, densities: Sequence[Density], kinds: Array, accuracy: float
) -> tuple[Tensor, Tensor]:
    """The matrix (n, n) of one structure, and the positions (n, 3) that it depends on."""
    if atoms.pbc.any() and not atoms.pbc.all():
        raise InputError(
            f"periodic axes {atoms.pbc.tolist()}: training with charges needs three periodic axes or none.",
            remedy='write pbc="T T T" into the file, with vacuum around a slab or wire (its images then '
            'interact across the vacuum), or pbc="F F F" for a cluster (in Python atoms.pbc = False).',
        )
    positions = torch.tensor(atoms.positions, dtype=torch.float64, requires_grad=True)
    cell = torch.tensor(atoms.cell.array, dtype=torch.float64) if atoms.pbc.all() else None
    which = torch.tensor(kinds, dtype=torch.int64)
    return coulomb_matrix(positions, cell, densities, which, accuracy), positions


def _slopes(matrix: Tensor, positions: Tensor) -> Tensor:
    """(n, n, 3), ∂M_ij/∂r_i from one directional derivative for each axis.

    If atom i moves by i steps, M_ij changes by (i − j) ∂M_ij/∂r_i. The derivative is that of a backward pass
    by its own seed, in which it is linear.
    """
    count = len(positions)
    seed = torch.zeros_like(matrix, requires_grad=True)
    if count < 2:
        return matrix.new_zeros(count, count, 3)
    (backward,) = torch.autograd.grad(matrix, positions, seed, create_graph=True)
    step = torch.arange(count, dtype=matrix.dtype)
    apart = step[:, None] - step + torch.eye(count, dtype=matrix.dtype)
    axes = [torch.autograd.grad(backward[:, c], seed, step, retain_graph=True)[0] / apart for c in range(3)]
    return torch.stack(axes, dim=2) * (1 - torch.eye(count, dtype=matrix.dtype))[:, :, None]
