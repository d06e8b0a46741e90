"""Labels that depend linearly on the charges of a structure, as matrices.

A label o and charges q obey o = O·q: charges themselves, dipoles, quadrupoles, electrostatic potentials.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from ase import Atoms
from torch import Tensor

from superion.electrostatics.densities import COULOMB
from superion.errors import InputError, naming
from superion.potentials.kernel_charges.settings import KernelQEqSettings

Array = np.ndarray

POINTS, POTENTIALS = "REF_esp_points", "REF_esp"


@dataclass(frozen=True, slots=True)
class Observables:
    """R labels of one structure of N atoms, as linear functions of charges and atomic dipoles.

    charges: (R, N) from charges (e) of given widths (N,) Å. dipoles: (R, N, 3) from atomic dipoles (e·Å)
    of the widths that atoms had at the start. labels: (R,). sigma: (R,), in the units of the labels.
    """

    charges: Callable[[Tensor], Tensor]
    dipoles: Array
    labels: Tensor
    sigma: Tensor


def observables(atoms: Atoms, settings: KernelQEqSettings, width: Array) -> Observables:
    """All labels of a frame that `settings` uses; InputError where one has no meaning or a wrong shape.

    width: (N,) Å of the charges.
    """
    n = len(atoms)
    charges, dipoles = [np.zeros((0, n))], [np.zeros((0, n, 3))]
    labels, sigmas = [np.zeros(0)], [np.zeros(0)]

    def add(rows: Array, vectors: Array, values: Array, sigma: float) -> None:
        charges.append(rows)
        dipoles.append(vectors)
        labels.append(values)
        sigmas.append(np.full(len(values), sigma))

    distance = None
    with naming(atoms.info.get("source")):
        if "charge" in settings.use and "REF_charges" in atoms.arrays:
            values = _shaped(atoms.arrays["REF_charges"], (n,), "REF_charges")
            add(np.eye(n), np.zeros((n, n, 3)), values, settings.sigma.charge)
        if "dipole" in settings.use and "REF_dipole" in atoms.info:
            values = _label(atoms, "REF_dipole", (3,))
            vectors = np.repeat(np.eye(3)[:, None], n, axis=1)
            add(atoms.positions.T, vectors, values, settings.sigma.dipole)
        if "quadrupole" in settings.use and "REF_quadrupole" in atoms.info:
            values = _label(atoms, "REF_quadrupole", (6,))
            rows, vectors = quadrupole_matrix(atoms.positions), quadrupole_of_dipoles(atoms.positions)
            add(rows, vectors, values, settings.sigma.quadrupole)
        if "esp" in settings.use and POTENTIALS in atoms.info:
            values = _label(atoms, POTENTIALS, np.shape(atoms.info[POTENTIALS]))
            away = _points(atoms, len(values))[:, None] - atoms.positions
            distance = torch.from_numpy(np.linalg.norm(away, axis=-1))
            add(np.zeros((0, n)), _potential_of_dipoles(away, width), values, settings.sigma.esp)
    fixed = torch.from_numpy(np.concatenate(charges))

    def of_charges(width: Tensor) -> Tensor:
        if distance is None:
            return fixed
        return torch.cat([fixed, COULOMB * torch.erf(distance / (width * 2**0.5)) / distance])

    both = (torch.from_numpy(np.concatenate(parts)) for parts in (labels, sigmas))
    return Observables(of_charges, np.concatenate(dipoles), *both)


def quadrupole_matrix(positions: Array) -> Array:
    """(6, N) Å²: charges to the traceless quadrupole ½ Σ q (3 r_a r_b − r² δ_ab), xx yy zz yz xz xy.

    Buckingham, Q. Rev. Chem. Soc. 13, 183 (1959); positions (N, 3) Å from the origin it refers to.
    """
    x, y, z = positions.T
    square = (positions**2).sum(axis=1)
    second = np.stack([x * x, y * y, z * z, y * z, x * z, x * y])
    second = 1.5 * second
    second[:3] -= 0.5 * square
    return second


def quadrupole_of_dipoles(positions: Array) -> Array:
    """(6, N, 3) Å: what atomic dipoles add to the quadrupole of `quadrupole_matrix`, its derivative."""
    n = len(positions)
    out = np.zeros((6, n, 3))
    for row, (a, b) in enumerate(((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))):
        out[row, :, a] += 1.5 * positions[:, b]
        out[row, :, b] += 1.5 * positions[:, a]
        if a == b:
            out[row] -= positions
    return out


def _potential_of_dipoles(away: Array, width: Array) -> Array:
    """(P, N, 3) V per e·Å at points `away` (P, N, 3) Å from atoms: −∇ of the potential of Gaussians."""
    r = np.linalg.norm(away, axis=-1)
    x = torch.from_numpy(r / (width * 2**0.5))
    damping = torch.erf(x) - 2 / torch.pi**0.5 * x * torch.exp(-(x**2))
    return COULOMB * away * (damping.numpy() / r**3)[..., None]


def _points(atoms: Atoms, count: int) -> Array:
    if POINTS not in atoms.info:
        raise InputError(
            f"{POTENTIALS} without {POINTS}.",
            remedy=f"give the points (P, 3) in Å as info[{POINTS!r}].",
        )
    return _shaped(atoms.info[POINTS], (count, 3), POINTS)


def _label(atoms: Atoms, name: str, shape: Sequence[int]) -> Array:
    if atoms.pbc.any():
        raise InputError(
            f"{name} in a structure with periodic axes {atoms.pbc.tolist()} has no unique value.",
            remedy='write pbc="F F F" into the file of a molecule or cluster (in Python atoms.pbc = False), '
            "or leave this label out (`use`).",
        )
    return _shaped(atoms.info[name], shape, name)


def _shaped(value: object, shape: Sequence[int], name: str) -> Array:
    numbers = np.asarray(value, dtype=np.float64)
    if numbers.shape != tuple(shape) or not np.isfinite(numbers).all():
        raise InputError(
            f"{name} must be finite and have the shape {tuple(shape)}, found {numbers.shape}.",
            remedy="check the labels of this frame.",
        )
    return numbers
