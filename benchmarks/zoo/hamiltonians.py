"""Energies and forces of known Hamiltonians, in plain NumPy and of nothing that is to be tested.

Energies in eV, forces in eV/Å, positions in Å, charges in e. All functions return (energy, forces (N, 3)).
"""

from __future__ import annotations

import numpy as np
from scipy.special import erfc

COULOMB = 14.399645478425668
"""e²/4πε₀ in eV·Å (CODATA 2018)."""
Array = np.ndarray


def pairwise(positions: Array, cell: Array | None, radial, which: Array | None = None):
    """Sum over pairs of nearest images. radial: (energy, slope) of r. which: (N, N), those counted."""
    apart = positions[None] - positions[:, None]
    if cell is not None:
        apart = apart - np.round(apart @ np.linalg.inv(cell)) @ cell
    r = np.linalg.norm(apart, axis=-1) + 1e9 * np.eye(len(positions))
    energy, slope = radial(r)
    if which is not None:
        energy, slope = np.where(which, energy, 0.0), np.where(which, slope, 0.0)
    np.fill_diagonal(energy, 0.0)
    np.fill_diagonal(slope, 0.0)
    return float(0.5 * energy.sum()), np.sum((slope / r)[..., None] * apart, axis=1)


def lennard_jones(epsilon: float, sigma: float, cutoff: float = np.inf):
    """4ε((σ/r)¹² − (σ/r)⁶), beyond 0.8 of the cutoff switched off by a quintic."""

    def radial(r: Array) -> tuple[Array, Array]:
        six = (sigma / r) ** 6
        energy = 4 * epsilon * (six**2 - six)
        slope = -24 * epsilon * (2 * six**2 - six) / r
        return switched(r, energy, slope, cutoff)

    return radial


def morse(depth: float, steepness: float, minimum: float, cutoff: float):
    """D((1 − e^{−a(r−r₀)})² − 1), switched off at the cutoff."""

    def radial(r: Array) -> tuple[Array, Array]:
        wave = np.exp(-steepness * (np.minimum(r, 1e3) - minimum))
        energy = depth * ((1 - wave) ** 2 - 1)
        return switched(r, energy, 2 * depth * steepness * wave * (1 - wave), cutoff)

    return radial


def switched(r: Array, energy: Array, slope: Array, cutoff: float) -> tuple[Array, Array]:
    """An energy and its slope that end smoothly (to second order) between 0.8 and 1 of a cutoff."""
    if not np.isfinite(cutoff):
        return energy, slope
    x = np.clip((r / cutoff - 0.8) / 0.2, 0.0, 1.0)
    factor = 1 - 10 * x**3 + 15 * x**4 - 6 * x**5
    change = -30 * x**2 * (1 - x) ** 2 / (0.2 * cutoff)
    return factor * energy, factor * slope + change * energy


def coulomb(positions: Array, charges: Array, which: Array | None = None) -> tuple[float, Array]:
    """Point charges in vacuum."""
    product = COULOMB * charges[:, None] * charges

    def radial(r: Array) -> tuple[Array, Array]:
        return product / r, -product / r**2

    return pairwise(positions, None, radial, which)


def ewald(positions: Array, charges: Array, edge: float, accuracy: float = 1e-9) -> tuple[float, Array]:
    """Point charges in a cubic cell, summed by Ewald's method in a conducting surrounding."""
    reach = edge / 2
    eta = np.sqrt(-np.log(accuracy)) / reach
    product = COULOMB * charges[:, None] * charges

    def radial(r: Array) -> tuple[Array, Array]:
        near = np.where(r < reach, erfc(eta * r), 0.0)
        bell = np.where(r < reach, 2 * eta / np.sqrt(np.pi) * np.exp(-((eta * np.minimum(r, reach)) ** 2)), 0)
        return product * near / r, -product * (near / r**2 + bell / r)

    energy, forces = pairwise(positions, edge * np.eye(3), radial)
    largest = int(np.ceil(2 * eta * np.sqrt(-np.log(accuracy)) * edge / (2 * np.pi)))
    grid = np.stack(np.meshgrid(*[np.arange(-largest, largest + 1)] * 3, indexing="ij"), -1).reshape(-1, 3)
    k = 2 * np.pi / edge * grid
    square = np.sum(k**2, axis=1)
    kept = (square > 0) & (square < (2 * np.pi / edge * largest) ** 2 * (1 + 1e-9))
    k, square = k[kept], square[kept]
    weight = 4 * np.pi * COULOMB / edge**3 * np.exp(-square / (4 * eta**2)) / square
    phase = positions @ k.T
    cosine, sine = np.cos(phase), np.sin(phase)
    real, imaginary = charges @ cosine, charges @ sine
    energy += (
        float(0.5 * weight @ (real**2 + imaginary**2)) - COULOMB * eta / np.sqrt(np.pi) * charges @ charges
    )
    forces = forces + charges[:, None] * ((weight * (sine * real - cosine * imaginary)) @ k)
    return float(energy), forces
