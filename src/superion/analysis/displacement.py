"""Displacements of atoms along a trajectory: drift, mean squared displacement."""

from __future__ import annotations

import numpy as np

from superion.errors import InputError
from superion.structures.paths import check_positions, unwrap

__all__ = ["collective", "mean_squared_displacement", "remove_drift", "unwrap"]
Array = np.ndarray


def remove_drift(positions: Array, masses: Array, reference: Array | None = None) -> Array:
    """Positions relative to a moving centre of mass, which stays where it was in the first frame.

    positions: (F, N, 3) Å, unwrapped. masses: (N,) amu. reference: (N,) bool, the atoms whose centre
    of mass is held (default: all). Returns (F, N, 3) Å.
    """
    positions = check_positions(positions)
    masses = np.asarray(masses, dtype=float)
    if masses.shape != (positions.shape[1],) or not (np.isfinite(masses).all() and (masses > 0).all()):
        raise InputError(
            f"masses must be {positions.shape[1]} positive numbers, one per atom, in amu.",
            remedy="pass `atoms.get_masses()`.",
        )
    weights = masses if reference is None else np.where(reference, masses, 0.0)
    if weights.sum() == 0:
        raise InputError(
            "no atom is left to measure the drift of.", remedy="choose another reference for the drift."
        )
    centre = np.einsum("fna,n->fa", positions, weights / weights.sum())
    return positions - (centre - centre[0])[:, None, :]


def collective(positions: Array, charges: Array | None = None) -> Array:
    """The path of one collective coordinate, Σ qᵢ rᵢ / √(Σ qᵢ²).

    positions: (F, N, 3) Å. charges: (N,) e (default: all equal). Returns (F, 1, 3) Å. If the N atoms
    move independently, its mean squared displacement equals that of one atom; the ratio of the two
    is the Haven ratio.
    """
    positions = check_positions(positions)
    charges = np.ones(positions.shape[1]) if charges is None else np.asarray(charges, dtype=float)
    if charges.shape != (positions.shape[1],) or not (np.isfinite(charges).all() and charges.any()):
        raise InputError(f"charges must be {positions.shape[1]} finite numbers in e, not all zero.")
    return np.einsum("fna,n->fa", positions, charges / np.sqrt(charges @ charges))[:, None, :]


def mean_squared_displacement(
    positions: Array, atoms: Array | None = None, *, per_axis: bool = False
) -> Array:
    """Mean squared displacement at every lag, averaged over all time origins and the chosen atoms.

    positions: (F, N, 3) Å, unwrapped. atoms: (N,) bool mask or indices (default: all).
    Returns (F,) Å², or (F, 3) Å² along x, y and z with `per_axis`; entry m is the lag of m frames.
    For the collective displacement pass what :func:`collective` returns.

    The sum over origins is an autocorrelation, evaluated by fast Fourier transform (Kneller et al.,
    Comput. Phys. Commun. 91, 191, 1995): F log F instead of F².
    """
    positions = check_positions(positions)
    if atoms is not None:
        positions = check_positions(positions[:, atoms])
    frames, count, _ = positions.shape
    size = 1 << (2 * frames - 1).bit_length()
    power = np.zeros((size // 2 + 1, 3))
    squares = np.zeros((frames, 3))
    for atom in range(count):
        path = positions[:, atom] - positions[:, atom].mean(axis=0)
        squares += path * path
        spectrum = np.fft.rfft(path, size, axis=0)
        power += spectrum.real**2 + spectrum.imag**2
    products = np.fft.irfft(power, size, axis=0)[:frames]
    before = np.vstack([np.zeros(3), np.cumsum(squares, axis=0)])
    # Σ over origins t of r(t)² + r(t + m)²: all squares, less the last m and less the first m
    ends = before[frames:0:-1] + before[-1] - before[:frames]
    msd = (ends - 2 * products) / (np.arange(frames, 0, -1)[:, None] * count)
    msd[0] = 0.0
    np.maximum(msd, 0.0, out=msd)
    return msd if per_axis else msd.sum(axis=1)
