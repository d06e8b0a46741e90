"""Constant pressure with a cell that changes its lengths, or lengths and angles.

G. J. Martyna, D. J. Tobias, M. L. Klein, J. Chem. Phys. 101, 4177 (1994), with a strain rate g that is a
symmetric matrix, so that the cell does not rotate: 6 degrees of freedom, or 3 along fixed axes.

    dr/dt = p/m + g r,   dp/dt = F − (g + Tr g/f) p,   dh/dt = g h,   W dg/dt = V (P − P₀) + Σ p²/m / f

with f degrees of freedom of the atoms and P the tensor of the pressure; Nosé-Hoover chains act on p and g.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from superion.errors import InputError
from superion.simulation.chain import Chain
from superion.simulation.state import State

Array = np.ndarray

_RIGHT = 1e-6
"""Cosine up to which an angle is a right one."""


def axes_of(cell: Array) -> Array:
    """Unit vectors (3, 3) along the edges of a cell (3, 3); InputError unless all its angles are right."""
    edges: Array = cell / np.linalg.norm(cell, axis=1)[:, None]
    if np.abs(edges @ edges.T - np.eye(3)).max() > _RIGHT:
        raise InputError(
            "an anisotropic barostat needs a cell whose angles are all 90°.",
            remedy="use the barostat flexible (--barostat flexible), which changes the angles too.",
        )
    return edges


@dataclass(frozen=True, slots=True)
class FlexibleCell:
    """Nosé-Hoover chains on the atoms and on the strain rate (references above).

    dt in ASE units, masses (N, 1) amu, pressure in eV/Å³; inertia: of each component of the strain rate,
    (f + 3)/3·kT·time² in eV·(ASE time)². axes: (3, 3) unit vectors along which alone the cell changes, or
    None for all six strains. Cell and positions are strained about the origin.
    """

    dt: float
    masses: Array
    chain: Chain
    piston: Chain
    pressure: float
    inertia: float
    axes: Array | None

    def step(self, state: State, evaluate: Callable[[State], None]) -> None:
        """Both chains, cell kick, kick, drift of atoms and cell, and the same backwards."""
        if not len(state.strain_rates):
            state.strain_rates = np.zeros((3, 3))
        half = 0.5 * self.dt
        self._couple_cell(state, half)
        self._couple(state, half)
        self._kick_cell(state, half)
        rates, basis = self._rates(state)
        self._kick(state, half, rates, basis)
        growth, mean = np.exp(self.dt * rates), self.dt * _mean_growth(self.dt * rates)
        moved = (state.positions @ basis) * growth + (state.momenta @ basis) / self.masses * mean
        state.positions = moved @ basis.T
        state.cell = (state.cell @ basis) * growth @ basis.T
        evaluate(state)
        self._kick(state, half, rates, basis)
        self._kick_cell(state, half)
        self._couple(state, half)
        self._couple_cell(state, half)

    def _rates(self, state: State) -> tuple[Array, Array]:
        """Principal strain rates (3,) and their axes, in columns."""
        if self.axes is not None:
            return np.diag(self.axes @ state.strain_rates @ self.axes.T).copy(), self.axes.T
        rates, basis = np.linalg.eigh(state.strain_rates)
        return rates, basis

    def _couple(self, state: State, time: float) -> None:
        twice = float((state.momenta * state.momenta / self.masses).sum())
        state.momenta *= self.chain.advance(state.thermostat, twice, time)

    def _couple_cell(self, state: State, time: float) -> None:
        twice = self.inertia * float((state.strain_rates**2).sum())
        state.strain_rates *= self.piston.advance(state.barostat, twice, time)

    def _kick_cell(self, state: State, time: float) -> None:
        kinetic = state.momenta.T @ (state.momenta / self.masses)
        xx, yy, zz, yz, xz, xy = state.stress
        volume = state.volume
        push = kinetic - volume * np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
        push -= (self.pressure * volume - float(np.trace(kinetic)) / self.chain.degrees) * np.eye(3)
        if self.axes is not None:
            push = self.axes.T @ (np.diag(self.axes @ push @ self.axes.T)[:, None] * self.axes)
        state.strain_rates = state.strain_rates + (time / self.inertia) * 0.5 * (push + push.T)

    def _kick(self, state: State, time: float, rates: Array, basis: Array) -> None:
        x = time * (rates + rates.sum() / self.chain.degrees)
        turned = (state.momenta @ basis) * np.exp(-x)
        turned += (state.forces @ basis) * (time * _mean_growth(-x))
        state.momenta = turned @ basis.T

    def conserved(self, state: State) -> float:
        """Enthalpy with the energies of the cell and of both chains, in eV."""
        kinetic = float((state.momenta * state.momenta / self.masses).sum())
        kinetic += self.inertia * float((state.strain_rates**2).sum())
        chains = self.chain.energy(state.thermostat) + self.piston.energy(state.barostat)
        return state.energy + 0.5 * kinetic + self.pressure * state.volume + chains


def _mean_growth(x: Array) -> Array:
    """(eˣ − 1)/x."""
    safe = np.where(x == 0, 1.0, x)
    return np.where(x == 0, 1.0, np.expm1(safe) / safe)
