"""Everything that decides how a run goes on: one state, copied, stored and restored exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from ase import Atoms, units

Array = np.ndarray

CHAIN = 3
"""Length of the Nosé-Hoover chains; longer chains change nothing measurable (Martyna et al. 1992)."""


@dataclass(slots=True)
class State:
    """A point of the extended phase space of N atoms, in ASE units.

    step: number of the step, negative while equilibrating. positions: (N, 3) Å, never wrapped.
    momenta: (N, 3) amu·Å per ASE time unit, zero total momentum. cell: (3, 3) Å. energy: eV.
    forces: (N, 3) eV/Å, zero net force. stress: (6,) eV/Å³ Voigt in ASE's sign, zeros if not needed.
    thermostat, barostat: (2, CHAIN) positions and velocities of the Nosé-Hoover chains.
    strain_rate: velocity of the logarithm of the cell length; strain_rates: (3, 3) of a cell that changes
    its shape, else empty. heat: eV taken from the Langevin bath.
    summed: eV, total energies added up in the second half of an equilibration (nve).
    generator: source of all randomness. extra: further results of the calculator.
    Only in a run with electric settings, else empty: dipole (3,) e·Å, tracked; born (N, 3, 3) e and seen
    (N, 3) Å, Born charges and positions when it was brought up to date.
    """

    step: int
    positions: Array
    momenta: Array
    cell: Array
    generator: np.random.Generator
    energy: float = 0.0
    forces: Array = field(default_factory=lambda: np.zeros((0, 3)))
    stress: Array = field(default_factory=lambda: np.zeros(6))
    thermostat: Array = field(default_factory=lambda: np.zeros((2, CHAIN)))
    barostat: Array = field(default_factory=lambda: np.zeros((2, CHAIN)))
    strain_rate: float = 0.0
    heat: float = 0.0
    summed: float = 0.0
    extra: dict[str, Any] = field(default_factory=dict)
    strain_rates: Array = field(default_factory=lambda: np.zeros((0, 0)))
    dipole: Array = field(default_factory=lambda: np.zeros(0))
    born: Array = field(default_factory=lambda: np.zeros((0, 3, 3)))
    seen: Array = field(default_factory=lambda: np.zeros((0, 3)))

    @property
    def volume(self) -> float:
        """Volume of the cell in Å³."""
        return abs(float(np.linalg.det(self.cell)))


Packed = tuple[dict[str, Any], dict[str, Array]]

_SCALARS = ("step", "energy", "strain_rate", "heat")
_SINCE = ("summed",)
"""Values that states written by older versions lack; they have their defaults there."""
_ARRAYS = ("positions", "momenta", "cell", "forces", "stress", "thermostat", "barostat")
_SOMETIMES = ("strain_rates", "dipole", "born", "seen")
"""Arrays that are empty in most runs and are not written there."""


def pack(state: State) -> Packed:
    """A copy of the state as JSON-ready values and named arrays; `unpack` restores it bit for bit."""
    values = {name: getattr(state, name) for name in _SCALARS + _SINCE}
    values["generator"] = state.generator.bit_generator.state
    names = [*_ARRAYS, *(name for name in _SOMETIMES if len(getattr(state, name)))]
    return values, {name: getattr(state, name).copy() for name in names}


def unpack(values: dict[str, Any], arrays: dict[str, Array]) -> State:
    """Rebuild what `pack` returned; the extra results of the calculator are not part of it."""
    bits = np.random.PCG64()
    bits.state = values["generator"]
    fields: dict[str, Any] = {name: values[name] for name in _SCALARS}
    fields |= {name: values[name] for name in _SINCE if name in values}
    fields |= {name: np.array(arrays[name]) for name in _ARRAYS}
    fields |= {name: np.array(arrays[name]) for name in _SOMETIMES if name in arrays}
    return State(generator=np.random.Generator(bits), **fields)


def without_drift(momenta: Array, masses: Array) -> Array:
    """Momenta (N, 3) seen from their centre of mass; masses (N, 1) amu."""
    return momenta - masses * (momenta.sum(axis=0) / masses.sum())


def initial_state(
    atoms: Atoms, *, temperature: float, seed: int, step: int, keep: bool, fixed: Sequence[int] = ()
) -> State:
    """The first state of a run, forces not yet known.

    temperature: K. keep: take the velocities of `atoms` instead of Maxwell-Boltzmann ones. Without the
    drift of the centre of mass, the momenta are canonical in the other 3N − 3 degrees of freedom. fixed:
    atoms at rest; with them, nothing is taken off the momenta of the others.
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    masses = atoms.get_masses()[:, None]
    if keep:
        momenta = atoms.get_momenta()
    else:
        momenta = np.sqrt(masses * units.kB * temperature) * generator.standard_normal((len(atoms), 3))
    if len(fixed):
        momenta = momenta.copy()
        momenta[list(fixed)] = 0.0
    else:
        momenta = without_drift(momenta, masses)
    return State(
        step=step,
        positions=atoms.get_positions(),
        momenta=momenta,
        cell=atoms.cell.array.copy(),
        generator=generator,
    )
