"""Integrators with all their memory in the state, so that a run can be resumed exactly.

Each evaluates the forces once per step. Degrees of freedom: see `fixed`; cells that change their shape: see
`flexible`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, expm1, sqrt
from typing import Protocol

import numpy as np
from ase import units

from superion.simulation.chain import Chain
from superion.simulation.fixed import degrees_of_freedom
from superion.simulation.flexible import FlexibleCell, axes_of
from superion.simulation.settings import MDSettings
from superion.simulation.state import State, without_drift

Array = np.ndarray


class Integrator(Protocol):
    """Moves a state by one time step."""

    def step(self, state: State, evaluate: Callable[[State], None]) -> None:
        """Advance everything but the step number; `evaluate` refreshes energy, forces and stress."""
        ...

    def conserved(self, state: State) -> float:
        """The quantity in eV that exact dynamics would keep constant."""
        ...


def twice_kinetic(state: State, masses: Array) -> float:
    """Twice the kinetic energy in eV; masses (N, 1) amu."""
    return float((state.momenta * state.momenta / masses).sum())


def to_energy(state: State, masses: Array, energy: float) -> float:
    """Factor for the momenta that makes `energy` (eV) the total energy; within 0.7 and 1.4."""
    wanted = (energy - state.energy) / (0.5 * twice_kinetic(state, masses))
    return sqrt(min(max(wanted, 0.5), 2.0))


@dataclass(frozen=True, slots=True)
class VelocityVerlet:
    """Constant energy: W. C. Swope et al., J. Chem. Phys. 76, 637 (1982). dt in ASE units, masses (N, 1)."""

    dt: float
    masses: Array

    def step(self, state: State, evaluate: Callable[[State], None]) -> None:
        """Half kick, drift, half kick."""
        state.momenta += 0.5 * self.dt * state.forces
        state.positions += self.dt * state.momenta / self.masses
        evaluate(state)
        state.momenta += 0.5 * self.dt * state.forces

    def conserved(self, state: State) -> float:
        """Total energy in eV."""
        return state.energy + 0.5 * twice_kinetic(state, self.masses)


@dataclass(frozen=True, slots=True)
class Langevin:
    """Constant temperature by friction and noise, splitting BAOAB.

    B. Leimkuhler and C. Matthews, J. Chem. Phys. 138, 174102 (2013). Friction and noise act on the
    momenta relative to the centre of mass, which is the exact Ornstein-Uhlenbeck process of those.
    The conserved quantity is the total energy less the heat from the bath:
    G. Bussi and M. Parrinello, Phys. Rev. E 75, 056707 (2007).
    friction in 1/(ASE time), kT in eV. fixed: atoms without noise, whose momenta are zero; with them, the
    centre of mass of the others is free.
    """

    dt: float
    masses: Array
    kT: float
    friction: float
    fixed: tuple[int, ...] = ()

    def step(self, state: State, evaluate: Callable[[State], None]) -> None:
        """Half kick, half drift, friction and noise, half drift, half kick."""
        keep = exp(-self.friction * self.dt)
        width = np.sqrt(-expm1(-2 * self.friction * self.dt) * self.kT * self.masses)
        state.momenta += 0.5 * self.dt * state.forces
        state.positions += 0.5 * self.dt * state.momenta / self.masses
        before = twice_kinetic(state, self.masses)
        noise = width * state.generator.standard_normal(state.momenta.shape)
        if self.fixed:
            noise[list(self.fixed)] = 0.0
            state.momenta = keep * state.momenta + noise
        else:
            state.momenta = without_drift(keep * state.momenta + noise, self.masses)
        state.heat += 0.5 * (twice_kinetic(state, self.masses) - before)
        state.positions += 0.5 * self.dt * state.momenta / self.masses
        evaluate(state)
        state.momenta += 0.5 * self.dt * state.forces

    def conserved(self, state: State) -> float:
        """Total energy less the heat taken from the bath, in eV."""
        return state.energy + 0.5 * twice_kinetic(state, self.masses) - state.heat


@dataclass(frozen=True, slots=True)
class NoseHoover:
    """Constant temperature by a Nosé-Hoover chain around velocity Verlet (references in `chain`)."""

    dt: float
    masses: Array
    chain: Chain

    def step(self, state: State, evaluate: Callable[[State], None]) -> None:
        """Half chain, velocity Verlet, half chain."""
        self._couple(state)
        state.momenta += 0.5 * self.dt * state.forces
        state.positions += self.dt * state.momenta / self.masses
        evaluate(state)
        state.momenta += 0.5 * self.dt * state.forces
        self._couple(state)

    def _couple(self, state: State) -> None:
        state.momenta *= self.chain.advance(
            state.thermostat, twice_kinetic(state, self.masses), 0.5 * self.dt
        )

    def conserved(self, state: State) -> float:
        """Total energy and that of the chain, in eV."""
        kinetic = 0.5 * twice_kinetic(state, self.masses)
        return state.energy + kinetic + self.chain.energy(state.thermostat)


@dataclass(frozen=True, slots=True)
class MartynaTobiasKlein:
    """Constant isotropic pressure and temperature, each with a Nosé-Hoover chain.

    G. J. Martyna, D. J. Tobias, M. L. Klein, J. Chem. Phys. 101, 4177 (1994), with the
    reversible splitting of M. E. Tuckerman et al., J. Phys. A 39, 5629 (2006). Cell and positions scale
    about the origin. pressure in eV/Å³; inertia of the cell (degrees + 3)·kT·time² in eV·(ASE time)².
    """

    dt: float
    masses: Array
    chain: Chain
    piston: Chain
    pressure: float
    inertia: float

    def step(self, state: State, evaluate: Callable[[State], None]) -> None:
        """Both chains, cell kick, kick, drift of atoms and cell, and the same backwards."""
        half = 0.5 * self.dt
        self._couple(state)
        self._kick_cell(state)
        self._kick(state)
        x = self.dt * state.strain_rate
        growth, mean = exp(x), (expm1(x) / x if x else 1.0)
        state.positions = state.positions * growth + (self.dt * mean) * state.momenta / self.masses
        state.cell = state.cell * growth
        evaluate(state)
        self._kick(state)
        self._kick_cell(state)
        state.momenta *= self.chain.advance(state.thermostat, twice_kinetic(state, self.masses), half)
        state.strain_rate *= self.piston.advance(state.barostat, self.inertia * state.strain_rate**2, half)

    def _couple(self, state: State) -> None:
        half = 0.5 * self.dt
        state.strain_rate *= self.piston.advance(state.barostat, self.inertia * state.strain_rate**2, half)
        state.momenta *= self.chain.advance(state.thermostat, twice_kinetic(state, self.masses), half)

    def _kick_cell(self, state: State) -> None:
        kinetic = twice_kinetic(state, self.masses)
        work = -float(state.stress[:3].sum()) * state.volume + kinetic - 3 * self.pressure * state.volume
        state.strain_rate += 0.5 * self.dt * (work + 3 / self.chain.degrees * kinetic) / self.inertia

    def _kick(self, state: State) -> None:
        half = 0.5 * self.dt
        x = (1 + 3 / self.chain.degrees) * state.strain_rate * half
        mean = -expm1(-x) / x if x else 1.0
        state.momenta = state.momenta * exp(-x) + (half * mean) * state.forces

    def conserved(self, state: State) -> float:
        """Enthalpy with the energies of the cell and of both chains, in eV."""
        kinetic = twice_kinetic(state, self.masses) + self.inertia * state.strain_rate**2
        chains = self.chain.energy(state.thermostat) + self.piston.energy(state.barostat)
        return state.energy + 0.5 * kinetic + self.pressure * state.volume + chains


@dataclass(frozen=True, slots=True)
class Equilibrated:
    """Constant energy, after an equilibration with friction and noise up to step 0.

    At step 0 the momenta are scaled so that the total energy is its mean over the second half of the
    equilibration, which began at step `start`: the temperature of a small cell would else be off by what its
    energy fluctuates.
    """

    bath: Langevin
    free: VelocityVerlet
    start: int

    def step(self, state: State, evaluate: Callable[[State], None]) -> None:
        """A step of one or the other."""
        if state.step >= 0:
            self.free.step(state, evaluate)
            return
        self.bath.step(state, evaluate)
        counted = -self.start // 2
        if state.step < -counted:
            return
        state.summed += self.free.conserved(state)
        if state.step == -1 and counted:
            state.momenta *= to_energy(state, self.free.masses, state.summed / counted)

    def conserved(self, state: State) -> float:
        """Total energy in eV, less the heat from the bath while equilibrating."""
        return self.free.conserved(state) if state.step >= 0 else self.bath.conserved(state)


@dataclass(frozen=True, slots=True)
class Ramp:
    """An integrator whose temperature changes with the step; nothing is conserved.

    at: the integrator for a temperature in K. target: temperature of a step.
    """

    at: Callable[[float], Integrator]
    target: Callable[[int], float]

    def step(self, state: State, evaluate: Callable[[State], None]) -> None:
        """A step at the temperature of its beginning."""
        self.at(self.target(state.step)).step(state, evaluate)

    def conserved(self, state: State) -> float:
        """What would be conserved if the temperature stayed as it is now, in eV."""
        return self.at(self.target(state.step)).conserved(state)


def build(
    settings: MDSettings, masses: Array, fixed: tuple[int, ...] = (), cell: Array | None = None
) -> Integrator:
    """The integrator of `settings` for atoms with `masses` (N, 1) amu.

    fixed: atoms that do not move; without any, the centre of mass rests. cell: (3, 3) Å at the start, for
    the axes along which an anisotropic barostat acts.
    """

    def at(kelvin: float) -> Integrator:
        return _at(settings, masses, fixed, cell, kelvin)

    if settings.ramp_to is not None:
        return Ramp(at, settings.target)
    return at(settings.temperature)


def _at(
    settings: MDSettings, masses: Array, fixed: tuple[int, ...], cell: Array | None, kelvin: float
) -> Integrator:
    dt = settings.timestep * units.fs
    kT = kelvin * units.kB
    if settings.ensemble == "nve":
        free = VelocityVerlet(dt, masses)
        if not settings.equilibrate:
            return free
        bath = Langevin(dt, masses, kT, settings.friction / units.fs, fixed)
        return Equilibrated(bath, free, -settings.equilibrate)
    if settings.ensemble == "nvt" and settings.thermostat == "langevin":
        return Langevin(dt, masses, kT, settings.friction / units.fs, fixed)
    degrees = degrees_of_freedom(len(masses), len(fixed))
    chain = Chain(degrees, kT, settings.thermostat_time * units.fs)
    if settings.ensemble == "nvt":
        return NoseHoover(dt, masses, chain)
    time = settings.barostat_time * units.fs
    inertia = (degrees + 3) * kT * time**2
    if settings.barostat != "isotropic":
        axes = axes_of(cell) if settings.barostat == "anisotropic" and cell is not None else None
        piston = Chain(6 if axes is None else 3, kT, time)
        return FlexibleCell(dt, masses, chain, piston, settings.pressure * units.GPa, inertia / 3, axes)
    return MartynaTobiasKlein(dt, masses, chain, Chain(1, kT, time), settings.pressure * units.GPa, inertia)
