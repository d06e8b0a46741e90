"""Potentials whose saddle points are known."""

from __future__ import annotations

import numpy as np
from ase import Atoms

from superion.potentials import Potential
from superion.terms import Evaluation

HEIGHT, CURVATURE, BEND = 0.4, 3.0, 0.5


class Wells:
    """V = h (x² − 1)² + ½ k (y − b (1 − x²))² + ½ k z² of one atom: minima at (±1, 0), saddle h at (0, b)."""

    kind = "wells"

    def __init__(self, height: float = HEIGHT) -> None:
        self.height = height

    def evaluate(self, atoms: Atoms) -> Evaluation:
        x, y, z = atoms.positions[0]
        off = y - BEND * (1 - x * x)
        energy = self.height * (x * x - 1) ** 2 + 0.5 * CURVATURE * (off * off + z * z)
        slope = [
            4 * self.height * x * (x * x - 1) + 2 * CURVATURE * BEND * off * x,
            CURVATURE * off,
            CURVATURE * z,
        ]
        forces = np.zeros((len(atoms), 3))
        forces[0] = -np.array(slope)
        return Evaluation(energy, np.full(len(atoms), energy / len(atoms)), forces, np.zeros((3, 3)))

    def settings(self):
        return {"height": self.height}

    def arrays(self):
        return {}

    @classmethod
    def restore(cls, settings, arrays):
        return cls(**settings)


def wells(height: float = HEIGHT) -> Potential:
    return Potential([Wells(height)])


def ends() -> tuple[Atoms, Atoms]:
    """Near the two minima."""
    return Atoms("Li", [[-0.9, 0.1, 0.05]]), Atoms("Li", [[1.1, 0.0, -0.05]])
