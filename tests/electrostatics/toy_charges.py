"""Charge models whose dipole is known exactly, also in periodic cells."""

from __future__ import annotations

import numpy as np

from superion.neighbours import neighbour_pairs

REACH = 3.5  # Å
STRENGTH = 0.5  # e
FORMAL = {"Na": 1.0, "Cl": -1.0, "Ar": 0.0}


class Transfer:
    """Formal charges, and what flows from Na to Cl across each pair closer than R.

    g(r) = c (1 − r/R)³ e, times 1 + crowding · Σ g of all pairs of the Na. The flow is pairwise, so that the
    dipole, Σ formal charge · r + Σ flow·(r_Cl − r_Na), is known with the right image of each pair.
    """

    kind = "transfer"

    def __init__(self, reach: float = REACH, strength: float = STRENGTH, crowding: float = 1.0) -> None:
        self.reach, self.strength, self.crowding = reach, strength, crowding

    def _pairs(self, atoms):
        """Na, Cl, vector from Na to Cl, g, its slope along the vector (P, 3), and 1 + crowding · Σ g (P,)."""
        pairs = neighbour_pairs(atoms, self.reach)
        symbols = np.array(atoms.get_chemical_symbols())
        keep = (symbols[pairs.i] == "Na") & (symbols[pairs.j] == "Cl")
        na, cl, vector, r = pairs.i[keep], pairs.j[keep], pairs.vector[keep], pairs.distance[keep]
        x = 1 - r / self.reach
        g, slope = self.strength * x**3, -3 * self.strength * x**2 / self.reach
        crowd = 1 + self.crowding * np.bincount(na, g, len(atoms))[na]
        return na, cl, vector, g, (slope / r)[:, None] * vector, crowd

    def charges(self, atoms):
        q = np.array([FORMAL[symbol] for symbol in atoms.get_chemical_symbols()])
        na, cl, _, g, _, crowd = self._pairs(atoms)
        np.add.at(q, na, -g * crowd)
        np.add.at(q, cl, g * crowd)
        return q

    def vjp(self, atoms, slope):
        na, cl, vector, g, along, crowd = self._pairs(atoms)
        drop = slope[cl] - slope[na]
        others = np.bincount(na, g * drop, len(atoms))[na]
        gradient = (crowd * drop + self.crowding * others)[:, None] * along
        forces = np.zeros((len(atoms), 3))
        np.add.at(forces, na, gradient)
        np.add.at(forces, cl, -gradient)
        return forces, -gradient.T @ vector

    def exact_born(self, atoms):
        """Derivative of the exact dipole."""
        born = np.zeros((len(atoms), 3, 3))
        for k, symbol in enumerate(atoms.get_chemical_symbols()):
            born[k] = FORMAL[symbol] * np.eye(3)
        na, cl, vector, g, along, crowd = self._pairs(atoms)
        others = np.zeros((len(atoms), 3))
        np.add.at(others, na, g[:, None] * vector)
        moved = crowd[:, None] * vector + self.crowding * others[na]
        part = along[:, :, None] * moved[:, None, :] + (g * crowd)[:, None, None] * np.eye(3)
        np.add.at(born, cl, part)
        np.add.at(born, na, -part)
        return born

    def exact_dipole(self, atoms):
        """Of unwrapped positions: formal charges that move, and the flow across pairs."""
        formal = np.array([FORMAL[symbol] for symbol in atoms.get_chemical_symbols()])
        _, _, vector, g, _, crowd = self._pairs(atoms)
        return formal @ atoms.positions + (g * crowd) @ vector
