"""A Nosé-Hoover chain: a deterministic thermostat for one kinetic energy.

Equations of motion: G. J. Martyna, M. L. Klein, M. E. Tuckerman, J. Chem. Phys. 97, 2635 (1992).
Reversible integration: M. E. Tuckerman et al., J. Phys. A 39, 5629 (2006), with the fourth-order
weights of H. Yoshida, Phys. Lett. A 150, 262 (1990).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp

import numpy as np

from superion.simulation.state import CHAIN

Array = np.ndarray

_OUTER = 1 / (2 - 2 ** (1 / 3))
WEIGHTS = (_OUTER, 1 - 2 * _OUTER, _OUTER)


@dataclass(frozen=True, slots=True)
class Chain:
    """Thermostat of `degrees` degrees of freedom at thermal energy `kT` (eV).

    time: time scale in ASE units; the masses degrees·kT·time² and kT·time² follow the first reference.
    """

    degrees: int
    kT: float
    time: float

    @property
    def masses(self) -> tuple[float, ...]:
        """Masses of the thermostats, eV·(ASE time)²."""
        one = self.kT * self.time**2
        return (self.degrees * one, *(one,) * (CHAIN - 1))

    def advance(self, chain: Array, twice_kinetic: float, time: float) -> float:
        """Advance `chain` (2, CHAIN) in place by `time`; return the factor for the thermostatted momenta.

        twice_kinetic: eV, twice the kinetic energy of the thermostatted momenta.
        """
        position, velocity = chain.tolist()
        masses, kT, last = self.masses, self.kT, CHAIN - 1
        target = self.degrees * kT
        factor = 1.0

        def kick(j: int, h: float) -> None:
            pull = twice_kinetic - target if j == 0 else masses[j - 1] * velocity[j - 1] ** 2 - kT
            damp = exp(-h / 4 * velocity[j + 1]) if j < last else 1.0
            velocity[j] = (velocity[j] * damp + h / 2 * pull / masses[j]) * damp

        for weight in WEIGHTS:
            h = weight * time
            for j in range(last, -1, -1):
                kick(j, h)
            for j in range(CHAIN):
                position[j] += h * velocity[j]
            scale = exp(-h * velocity[0])
            factor *= scale
            twice_kinetic *= scale * scale
            for j in range(CHAIN):
                kick(j, h)
        chain[0], chain[1] = position, velocity
        return factor

    def energy(self, chain: Array) -> float:
        """Energy of the chain in eV, its part of the conserved quantity."""
        position, velocity = chain.tolist()
        kinetic = 0.5 * sum(m * v * v for m, v in zip(self.masses, velocity, strict=True))
        return kinetic + self.kT * (self.degrees * position[0] + sum(position[1:]))
