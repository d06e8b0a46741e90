"""Coulomb matrices of structures, stacked where sizes agree, and what they pull on atoms and cells.

An energy that depends on the geometry through Coulomb matrices M, with the derivative Λ = ∂E/∂M, gives atoms
the force −Σ_j (Λ_ij + Λ_ji) ∂M_ij/∂r_i: every M_ij is a function of r_i − r_j and the cell. Training asks for
forces of one geometry many times and keeps those derivatives; a single evaluation goes back through M once.
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
from superion.errors import InputError, naming

Array = np.ndarray


@dataclass(frozen=True, slots=True)
class Stack:
    """Structures with n atoms each, b of them.

    structures: (b,) which ones. atoms: (b, n) their atoms among those of all structures. charge: (b,) e, the
    total. matrix: (b, n, n) eV/e². slopes: (b, n, n, 3) eV/(e²Å), ∂M_ij/∂r_i, or None; then `ends` are
    positions (n, 3) Å and strain (3, 3) of each structure, of which `matrix` is a function with a graph.
    """

    structures: Tensor
    atoms: Tensor
    charge: Tensor
    matrix: Tensor
    slopes: Tensor | None
    ends: tuple[tuple[Tensor, Tensor], ...] = ()

    def forces(self, slope: Tensor) -> Tensor:
        """(b, n, 3) eV/Å for derivatives (b, n, n) of the energy by the matrices; differentiable."""
        assert self.slopes is not None
        return -torch.einsum("bij,bijc->bic", slope + slope.transpose(1, 2), self.slopes)

    def pull(self, slope: Tensor) -> tuple[Tensor, Tensor]:
        """Forces (b, n, 3) eV/Å and virials (b, 3, 3) eV for constant derivatives (b, n, n)."""
        inputs = [tensor for pair in self.ends for tensor in pair]
        found = torch.autograd.grad(self.matrix, inputs, slope, materialize_grads=True)
        return -torch.stack(found[0::2]), -torch.stack(found[1::2])


def stacks(
    structures: Sequence[Atoms],
    charges: Sequence[float],
    densities: Sequence[Density],
    kinds: Sequence[Array],
    accuracy: float,
    device: torch.device,
    keep_slopes: bool,
) -> list[Stack]:
    """The Coulomb matrices of all structures, computed on the CPU, then moved to the device.

    charges: total charge of each in e. densities and kinds: the distinct ones, and which of them each atom
    has. keep_slopes: compute `slopes` for `forces`; without, the graph for `pull` is kept.
    """
    first = np.cumsum([0, *(len(atoms) for atoms in structures)])
    found = []
    for size in sorted({len(atoms) for atoms in structures if len(atoms)}):
        chosen = [k for k, atoms in enumerate(structures) if len(atoms) == size]
        parts = []
        for k in chosen:
            with naming(structures[k].info.get("source", k if len(structures) > 1 else None)):
                parts.append(_matrix(structures[k], densities, kinds[k], accuracy))
        slopes = None
        if keep_slopes:
            slopes = torch.stack([_slopes(matrix, positions) for matrix, positions, _ in parts]).to(device)
        matrix = torch.stack([matrix.detach() if keep_slopes else matrix for matrix, _, _ in parts])
        found.append(
            Stack(
                torch.tensor(chosen, device=device),
                torch.tensor(first[chosen, None] + np.arange(size), device=device),
                torch.tensor([float(charges[k]) for k in chosen], dtype=torch.float64, device=device),
                matrix.to(device),
                slopes,
                () if keep_slopes else tuple((positions, strain) for _, positions, strain in parts),
            )
        )
    return found


def _matrix(
    atoms: Atoms, densities: Sequence[Density], kinds: Array, accuracy: float
) -> tuple[Tensor, Tensor, Tensor]:
    """The matrix (n, n) of one structure, with the positions (n, 3) and the strain (3, 3) it depends on."""
    if atoms.pbc.any() and not atoms.pbc.all():
        raise InputError(
            f"periodic axes {atoms.pbc.tolist()}: Coulomb sums need three periodic axes or none.",
            remedy='write pbc="T T T" into the file, with vacuum around a slab or wire (its images then '
            'interact across the vacuum), or pbc="F F F" for a cluster (in Python atoms.pbc = False).',
        )
    positions = torch.tensor(atoms.positions, dtype=torch.float64, requires_grad=True)
    strain = torch.zeros(3, 3, dtype=torch.float64, requires_grad=True)
    deform = torch.eye(3, dtype=torch.float64) + strain
    cell = torch.tensor(atoms.cell.array, dtype=torch.float64) @ deform if atoms.pbc.all() else None
    which = torch.tensor(kinds, dtype=torch.int64)
    return coulomb_matrix(positions @ deform, cell, densities, which, accuracy), positions, strain


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
