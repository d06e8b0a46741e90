"""A periodic structure as the sums over it see it: a compact cell and wrapped fractional coordinates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from superion.electrostatics.ewald import _checked_volume, _reduced_axes
from superion.errors import InputError

Array = np.ndarray
LOST = 1e7
"""Fractional coordinate beyond which too few digits are left for the position within the cell."""


@dataclass(frozen=True, slots=True)
class Lattice:
    """N atoms in a compact cell of their lattice.

    axes: (3, 3) Å, rows are lattice vectors that adding another would not shorten. inverse: its inverse
    (1/Å). volume: Å³. fractional: (N, 3), from 0 up to, not including, 1. positions: (N, 3) Å, wrapped.
    """

    axes: Array
    inverse: Array
    volume: float
    fractional: Array
    positions: Array

    @classmethod
    def of(cls, positions: Array, cell: Array) -> Lattice:
        """Wrap positions (N, 3) Å; InputError for a flat cell and for atoms too far away to be wrapped."""
        volume = _checked_volume(float(abs(np.linalg.det(cell))))
        axes = _reduced_axes(cell, 0.0)[0] @ cell
        inverse = np.linalg.inv(axes)
        fractional = positions @ inverse
        if len(positions) and not np.abs(fractional).max() < LOST:
            atom = int(np.argmax(np.abs(fractional).max(axis=1)))
            raise InputError(
                f"atom {atom} at {positions[atom].tolist()} Å is {LOST:.0e} cells away or farther.",
                remedy="check the units of the positions; a simulation that gave it has lost atoms.",
            )
        fractional -= np.floor(fractional)
        fractional[fractional >= 1.0] = 0.0  # -1e-17 - floor(-1e-17) rounds to 1
        return cls(axes, inverse, volume, fractional, fractional @ axes)

    @property
    def heights(self) -> Array:
        """(3,) Å, the distance between opposite faces along each axis."""
        return 1 / np.sqrt((self.inverse**2).sum(axis=0))


@dataclass(frozen=True, slots=True)
class Sums:
    """A part of the Coulomb energy that is quadratic in the charges, in units of e²/(4πε₀).

    potential: (N,) e/Å, its derivative with respect to the charges, so that the energy is half of charges
    times potential. forces: (N, 3) e²/Å². virial: (3, 3) e²/Å, minus the derivative by strain.
    """

    potential: Array
    forces: Array
    virial: Array

    def __add__(self, other: Sums) -> Sums:
        return Sums(self.potential + other.potential, self.forces + other.forces, self.virial + other.virial)
