"""Charges in cells of all shapes, and their Coulomb sums by automatic differentiation of `ewald_energy`."""

import numpy as np
import torch

from superion.electrostatics import COULOMB, Gaussian, Point, Slater, ewald_energy
from superion.electrostatics.densities import reach
from superion.electrostatics.periodic import periodic_sum

DENSITIES = {
    "points": (Point(), Point()),
    "gaussians": (Gaussian(0.6), Gaussian(0.9)),
    "gaussian and point": (Gaussian(0.8), Point()),
    "slater 1s": (Slater.from_screening(2.0), Slater.from_screening(2.0)),
    "slater 2s 3s": (Slater(1.6, 2), Slater(1.9, 3)),
    "slater and point": (Slater(1.5, 1), Point()),
}
SHAPES = {
    "cube": np.diag([8.0, 8, 8]),
    "triclinic": np.array([[8.0, 1, -2], [-1.5, 9, 2], [2, -3, 7]]),
    "strongly skewed": np.array([[1.0, 3, -2], [0, 1, 4], [0, 0, 1]]) @ np.diag([8.0, 7, 9]),
    "needle": np.diag([4.0, 4.5, 36]),
    "plate": np.diag([14.0, 15, 3.2]),
    "left-handed": np.array([[-1.5, 9.0, 2], [8, 1, -2], [2, -3, 7]]),
}


def disordered(shape="triclinic", seed=0, neutral=True):
    """Positions (N, 3), cell, charges and kinds: 24 or so atoms no closer than about 1.2 Å."""
    rng = np.random.default_rng(seed)
    cell = SHAPES[shape]
    fractional = rng.random((1, 3))
    images = np.argwhere(np.ones((3, 3, 3))) - 1.0
    compact = cell if shape != "strongly skewed" else np.diag([8.0, 7, 9])
    for trial in rng.random((2000, 3)):
        apart = ((trial - fractional)[:, None] + images) @ compact
        if (np.linalg.norm(apart, axis=-1).min() > 1.2) and len(fractional) < 24:
            fractional = np.vstack([fractional, trial])
    charges = rng.normal(size=len(fractional))
    charges -= charges.mean() if neutral else 0.4
    return fractional @ compact, cell, charges, rng.integers(0, 2, len(fractional))


def oracle(positions, cell, charges, kinds, densities, accuracy=1e-14):
    """Potential, forces and virial in e²/(4πε₀)."""
    x, h, q = (torch.tensor(array, requires_grad=True) for array in (positions, cell, charges))
    distinct = tuple(densities)
    energy = ewald_energy(x, h, q, densities=distinct, kinds=torch.from_numpy(kinds), accuracy=accuracy)
    slope, strain, potential = (g.numpy() / COULOMB for g in torch.autograd.grad(energy, (x, h, q)))
    virial = -(positions.T @ slope + cell.T @ strain)
    return potential, -slope, (virial + virial.T) / 2


def found(positions, cell, charges, kinds, densities, accuracy, method):
    sums = periodic_sum(
        positions,
        cell,
        charges,
        densities=tuple(densities),
        kinds=kinds,
        accuracy=accuracy,
        reach=reach(tuple(densities), accuracy),
        method=method,
    )
    return sums.potential, sums.forces, sums.virial


def relative(value, exact):
    """Root mean square of the error over that of the exact value."""
    return np.sqrt(((value - exact) ** 2).mean() / (exact**2).mean())
