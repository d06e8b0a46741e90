"""Coulomb sums of periodic cells with derivatives written by hand: which way to go, and all parts together.

The energy is that of `ewald_energy`. Two ways lead there: reciprocal vectors one by one ("ewald", N^1.5) or
a mesh ("pme", N log N). The mesh wins from 100 (points) to 300 atoms (wide densities, high accuracy) on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import log, pi, sqrt

import numpy as np

from superion.electrostatics.densities import Density
from superion.electrostatics.ewald import Splitting
from superion.electrostatics.lattice import Lattice, Sums
from superion.electrostatics.pme import ORDERS, Mesh, mesh_sum, spacing
from superion.electrostatics.real_space import real_space_sum
from superion.electrostatics.reciprocal import reciprocal_sum
from superion.electrostatics.tables import penetration_tables

Array = np.ndarray
METHODS = ("auto", "ewald", "pme")

# Measured on one core, in ns.
PAIR, AGAIN = 20.0, 0.8  # a pair of atoms; the same with its value kept
VECTOR, VECTORS = 1.5, 100e3  # an atom times a reciprocal vector; once a call
POINT, MESH = 15.0, 100e3  # a mesh point; once a call
SPREAD, ATOM = 1.4, 400.0  # an atom times a mesh point that it touches; an atom
MARGIN = 0.9
"""The mesh has to promise this fraction of the time: forces of the plain sum add up to zero exactly."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How to sum: alpha (1/Å), real-space cutoff (Å), and a reciprocal cutoff (1/Å) or a mesh."""

    alpha: float
    cutoff: float
    long_range: float | Mesh

    @classmethod
    def choose(
        cls, lattice: Lattice, accuracy: float = 1e-8, reach: float = 0.0, method: str = "auto", sums: int = 0
    ) -> Plan:
        """The fastest plan that has the accuracy, relative to a bare pair interaction.

        reach: smallest cutoff (Å), the range of the density corrections. method: one of METHODS. sums: how
        many potentials, on a mesh and with the values of pairs kept, instead of one sum with forces. Raises
        InputError for an accuracy out of range.
        """
        atoms = max(len(lattice.fractional), 1)
        splitting = Splitting.choose(atoms, lattice.volume, accuracy, reach)
        plain = cls(splitting.alpha, splitting.cutoff, splitting.reciprocal_cutoff)
        if method == "ewald":
            return plain
        pair = (PAIR + AGAIN * sums) * atoms**2 * 2 * pi / 3 / lattice.volume  # ns/Å³
        vectors = 4 * lattice.volume * (splitting.reciprocal_cutoff / (2 * pi)) ** 3
        plain_cost = pair * plain.cutoff**3 + VECTOR * atoms * vectors + VECTORS
        decay = sqrt(-log(accuracy)) + 0.2
        best, best_cost = plain, np.inf
        for order in ORDERS:
            h = spacing(accuracy, order) / decay  # in units of the cutoff
            mesh = max(sums, 1) * POINT * lattice.volume / h**3  # ns Å³
            cutoff = max((mesh / pair) ** (1 / 6), reach)
            atom = SPREAD * order**3 + ATOM
            cost = pair * cutoff**3 + mesh / cutoff**3 + max(sums, 1) * (atoms * atom + MESH)
            if cost < best_cost:
                alpha = decay / cutoff
                best = cls(alpha, cutoff, Mesh.choose(lattice.axes, alpha, accuracy, order))
                best_cost = cost
        return best if method == "pme" or sums or best_cost < MARGIN * plain_cost else plain


def periodic_sum(
    positions: Array,
    cell: Array,
    charges: Array,
    *,
    densities: tuple[Density, ...],
    kinds: Array,
    accuracy: float,
    reach: float,
    method: str = "auto",
) -> Sums:
    """Potential, forces and virial of N charges in a periodic cell, in units of e²/(4πε₀).

    positions: (N, 3) Å, N > 0. cell: (3, 3) Å, rows are lattice vectors. charges: (N,) e. kinds: (N,) int64,
    which of the densities each atom has. The rest: see `Plan.choose`. The same input gives the same bits.
    Raises InputError for flat cells, lost atoms, and atoms on top of each other.
    """
    lattice = Lattice.of(positions, cell)
    plan = Plan.choose(lattice, accuracy, reach, method)
    alpha = plan.alpha
    sums = real_space_sum(lattice, charges, kinds, penetration_tables(densities), alpha, plan.cutoff)
    if isinstance(plan.long_range, Mesh):
        sums = sums + mesh_sum(lattice, charges, alpha, plan.long_range)
    else:
        sums = sums + reciprocal_sum(lattice, charges, alpha, plan.long_range)
    moments = np.array([density.second_moment for density in densities])[kinds]
    total = charges.sum()
    background = 2 * pi / 3 * (charges @ moments + total * moments) - pi / alpha**2 * total
    background = background / lattice.volume
    virial = sums.virial + 0.5 * (charges @ background) * np.eye(3)
    return replace(
        sums,
        potential=sums.potential - 2 * alpha / sqrt(pi) * charges + background,
        virial=0.5 * (virial + virial.T),
    )
