"""A crystal of one ion in a cage that has two minima, of which one ends as the cell expands."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.stress import full_3x3_to_voigt_6_stress

SIDE = 5.0
MODULUS, DEPTH, WIDTH = 0.2, 0.05, 1.0  # eV/Å³, eV, Å
"""Of the cage; of the wells at ±WIDTH along x; the lower one is the left one."""
END = 8 / 27**0.5
"""Tilt at which the right well ends."""


def crystal(x=WIDTH):
    """The cage (C) at the origin, the ion (Li) in the middle, off by x."""
    return Atoms("CLi", [[0, 0, 0], [SIDE / 2 + x, SIDE / 2, SIDE / 2]], cell=[SIDE] * 3, pbc=True)


class DoubleWell(Calculator):
    """E = elastic energy of the cage + DEPTH [(u² − 1)² + tilt(V) u] + ½ k (y² + z²), u = x/WIDTH.

    The tilt grows with the volume, so that the right well ends at `end`; `rest` is the volume of the cage
    alone, both in units of SIDE³. Forces and stress are the derivatives.
    """

    implemented_properties = ("energy", "forces", "stress")

    def __init__(self, end=1.02, rest=1.07, growth=8.0, stressless=False):
        super().__init__()
        self.end, self.rest, self.growth, self.stressless = end, rest, growth, stressless

    def calculate(self, atoms=None, properties=("energy",), system_changes=tuple(all_changes)):
        super().calculate(atoms, properties, system_changes)
        cell = self.atoms.cell.array
        away = self.atoms.positions[1] - self.atoms.positions[0] - 0.5 * cell.sum(axis=0)
        u, volume = away[0] / WIDTH, abs(np.linalg.det(cell))
        tilt = END + self.growth * (volume / SIDE**3 - self.end)
        rest = self.rest * SIDE**3
        # the cage: Birch and Murnaghan with B' = 4
        s = (rest / volume) ** (2 / 3)
        energy = 9 / 8 * rest * MODULUS * (s - 1) ** 2 + DEPTH * ((u**2 - 1) ** 2 + tilt * u)
        energy += 0.5 * (away[1] ** 2 + away[2] ** 2)
        pull = -np.array([DEPTH * (4 * u * (u**2 - 1) + tilt) / WIDTH, away[1], away[2]])
        slope = -9 / 4 * rest * MODULUS * (s - 1) * 2 / 3 * s / volume + DEPTH * self.growth * u / SIDE**3
        # away scales with the cell as a whole, so that its part of the virial is that of a position
        virial = np.outer(pull, away)
        stress = slope * np.eye(3) - 0.5 * (virial + virial.T) / volume
        self.results = {"energy": energy, "forces": np.array([-pull, pull])}
        if not self.stressless:
            self.results["stress"] = full_3x3_to_voigt_6_stress(stress)
