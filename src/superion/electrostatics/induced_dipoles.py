"""Dipoles that charges and other dipoles induce: the minimum of a quadratic energy, or a catastrophe.

    E(μ) = Σ_i μ_i²/2α_i + ½ Σ_ij μ_i·T_ij·μ_j − Σ_i μ_i·E_i

With m = μ/√α the conditions are (1 + √α T √α) m = √α E: atoms without polarizability need no special case,
and other blocks of the matrix are small beside the 1. It is positive definite unless dipoles amplify each
other without limit, the polarization catastrophe (Thole, Chem. Phys. 59, 341 (1981)). Small structures are
solved by Cholesky's method, large ones by conjugate gradients without building the matrix.
"""

from __future__ import annotations

import torch
from torch import Tensor

from superion.electrostatics.multipoles import Multipoles
from superion.errors import InputError

DIRECT = 200
"""Most atoms for which the matrix is built and factorised."""
TOLERANCE = 1e-10
"""Of conjugate gradients: residual over right-hand side."""


def roots(polarizabilities: Tensor) -> Tensor:
    """√α (N,), with a slope of zero where α is zero."""
    some = polarizabilities > 0
    return torch.where(some, torch.sqrt(torch.where(some, polarizabilities, 1.0)), 0.0)


def induced_dipoles(geometry: Multipoles, polarizabilities: Tensor, damped: Tensor, fields: Tensor) -> Tensor:
    """Dipoles (F, N, 3) e·Å in F outer fields (F, N, 3) e/Å², mutual induction included.

    polarizabilities: (N,) Å³. damped: of `Multipoles.damped`. Raises InputError for a polarization
    catastrophe, with the atoms that take part in it.
    """
    root = roots(polarizabilities)
    right = root[:, None] * fields
    if geometry.count <= DIRECT:
        return root[:, None] * _direct(geometry, root, damped, right)
    return root[:, None] * torch.stack([_iterate(geometry, root, damped, one) for one in right])


def system(geometry: Multipoles, root: Tensor, damped: Tensor) -> Tensor:
    """The matrix 1 + √α T √α, (3N, 3N)."""
    scale = root.repeat_interleave(3)
    identity = torch.eye(len(scale), dtype=torch.float64)
    return identity + scale[:, None] * geometry.matrix(damped) * scale


def _direct(geometry: Multipoles, root: Tensor, damped: Tensor, right: Tensor) -> Tensor:
    matrix = system(geometry, root, damped)
    factor, failed = torch.linalg.cholesky_ex(matrix)
    if failed:
        raise _catastrophe(torch.linalg.eigh(matrix)[1][:, 0].reshape(-1, 3))
    return torch.cholesky_solve(right.reshape(len(right), -1).T, factor).T.reshape(right.shape)


def _iterate(geometry: Multipoles, root: Tensor, damped: Tensor, right: Tensor) -> Tensor:
    """Conjugate gradients (Hestenes and Stiefel, J. Res. Natl. Bur. Stand. 49, 409 (1952)) for one field."""
    scale, nothing = root[:, None], torch.zeros_like(root)
    found, residual = torch.zeros_like(right), right
    search, square = residual, (residual * residual).sum()
    end = TOLERANCE**2 * square
    for _ in range(10 * geometry.count):
        if square <= end:
            return found
        product = search - scale * geometry.respond(damped, nothing, scale * search)[1]
        curvature = (search * product).sum()
        if curvature <= 0:
            raise _catastrophe(search)
        found = found + square / curvature * search
        residual = residual - square / curvature * product
        before, square = square, (residual * residual).sum()
        search = residual + square / before * search
    raise InputError(
        f"induced dipoles did not converge: residual {float(square / end) ** 0.5 * TOLERANCE:.1e}.",
        remedy="the structure is close to a polarization catastrophe: enlarge Thole's damping.",
    )


def _catastrophe(mode: Tensor) -> InputError:
    """The error, with the atoms that move most in a mode (N, 3) of no or negative stiffness."""
    weight = (mode * mode).sum(dim=1)
    chosen = torch.argsort(weight, descending=True)[:4]
    atoms = sorted(int(a) for a in chosen if weight[a] > 0.1 * weight.max())
    return InputError(
        f"polarization catastrophe: the induced dipoles of atoms {atoms} amplify each other without limit.",
        remedy="use a smaller a of Thole's damping (which damps more), smaller polarizabilities, or look for "
        "atoms that are too close.",
    )
