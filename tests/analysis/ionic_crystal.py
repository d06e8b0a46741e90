"""Rock salt with point charges and Born-Mayer repulsion; its Hessian gives its dielectric constant."""

from __future__ import annotations

from functools import cache

import numpy as np
from ase.build import bulk
from ase.calculators.calculator import Calculator, all_changes

from superion.electrostatics import CoulombTerm, FixedCharges, Point
from superion.neighbours import neighbour_pairs
from superion.terms import Evaluation

CHARGES = FixedCharges({"Na": 1.0, "Cl": -1.0})
HEIGHT, DECAY, CUTOFF = 1256.3, 0.3162, 5.5  # eV, Å, Å
BORN = CHARGES.charges(bulk("NaCl", "rocksalt", a=5.64, cubic=True))[:, None, None] * np.eye(3)


def crystal():
    return bulk("NaCl", "rocksalt", a=5.64, cubic=True)


class BornMayer:
    """Pair energies A exp(−r/ρ) between unlike ions."""

    kind = "born-mayer"

    def evaluate(self, atoms):
        pairs = neighbour_pairs(atoms, CUTOFF)
        unlike = atoms.numbers[pairs.i] != atoms.numbers[pairs.j]
        i, r, vector = pairs.i[unlike], pairs.distance[unlike], pairs.vector[unlike]
        energy = 0.5 * HEIGHT * np.exp(-r / DECAY)
        forces = np.zeros((len(atoms), 3))
        np.add.at(forces, i, -(2 * energy / DECAY / r)[:, None] * vector)
        energies = np.bincount(i, energy, len(atoms))
        return Evaluation(float(energies.sum()), energies, forces, np.zeros((3, 3)))

    def settings(self):
        return {}

    def arrays(self):
        return {}

    @classmethod
    def restore(cls, settings, arrays):
        return cls()


TERMS = (CoulombTerm(CHARGES, Point(), accuracy=1e-8), BornMayer())


def forces(atoms):
    return sum(term.evaluate(atoms).forces for term in TERMS)


@cache
def hessian():
    """(24, 24) eV/Å²."""
    atoms, h, rows = crystal(), 1e-3, []
    for atom in range(8):
        for axis in range(3):
            ends = []
            for step in (h, -h):
                moved = atoms.copy()
                moved.positions[atom, axis] += step
                ends.append(forces(moved))
            rows.append(-(ends[0] - ends[1]).ravel() / (2 * h))
    matrix = np.array(rows)
    return 0.5 * (matrix + matrix.T)


class Harmonic(Calculator):
    """The crystal in the harmonic approximation."""

    implemented_properties = ("energy", "forces")

    def __init__(self):
        super().__init__()
        self.rest, self.matrix = crystal().positions, hessian()

    def calculate(self, atoms=None, properties=("energy",), system_changes=tuple(all_changes)):
        u = (atoms.positions - self.rest).ravel()
        pull = self.matrix @ u
        self.results = {"energy": 0.5 * float(u @ pull), "forces": -pull.reshape(-1, 3)}
