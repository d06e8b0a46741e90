"""Dynamics at constant electric field E or constant electric displacement D, with the dipole tracked.

The dipole μ of a periodic cell has a meaning only along a path. It is therefore a part of the state, which
every step changes by Σ Z·Δr, with Born charges Z averaged over both ends of the step: exactly Σ q Δr for
fixed charges, and in error of second order in the time step, as the integrators are, for others.

    constant E:  U = U₀ − E·μ                                        (force E·Z)
    constant D:  U = U₀ + ½ V ε₀ε∞ E²,  E = (D/ε₀ − μ/(ε₀V)) / ε∞       (force E·Z with that E)

for each Cartesian axis apart, with V the volume. U₀ is the energy under conducting surroundings, as Ewald
sums give it. Stengel, Spaldin, Vanderbilt, Nat. Phys. 5, 304 (2009); Zhang, Sprik, Phys. Rev. B 93, 144201
(2016).
"""

from __future__ import annotations

from typing import Annotated, Self

import numpy as np
from ase import Atoms
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, model_validator

from superion.electrostatics import ChargeModel, born_charges
from superion.electrostatics.polarization import EPSILON_0, permittivity_of, step_dipole
from superion.electrostatics.uniform_field import check_neutral
from superion.errors import InputError
from superion.simulation.state import State

Array = np.ndarray
Vector = tuple[float, float, float]


class ElectricSettings(BaseModel):
    """Uniform electric field of a run; with all at default, the dipole is tracked without field."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    field: Vector = Field((0.0, 0.0, 0.0), description="Constant electric field in V/Å along x, y, z.")
    displacement: tuple[float | None, float | None, float | None] = Field(
        (None, None, None),
        description="Constant electric displacement over ε₀, in V/Å, along x, y, z; null: constant field "
        "along this axis. Needs a cell that is periodic along all three axes.",
    )
    start_dipole: Vector = Field(
        (0.0, 0.0, 0.0),
        description="Dipole of the structure at the start in e·Å, from where it is tracked; zero for "
        "crystals with a centre of inversion. With a displacement it decides where E vanishes.",
    )
    charge_scale: PositiveFloat = Field(
        1.0,
        description="Factor from the charges of the model to those that a field acts on: the square root of "
        "the electronic dielectric constant for charges that describe interactions screened by electrons.",
    )
    epsilon_inf: Annotated[float, Field(ge=1)] = Field(
        1.0, description="Electronic dielectric constant beside the charges (with a displacement)."
    )

    @model_validator(mode="after")
    def _one_for_each_axis(self) -> Self:
        for axis, e, d in zip("xyz", self.field, self.displacement, strict=True):
            if e != 0 and d is not None:
                raise ValueError(f"field ({e} V/Å) and displacement ({d} V/Å) are both set along {axis}")
        if self.epsilon_inf != 1 and not self.at_constant_d.any():
            raise ValueError("epsilon_inf has no effect without a displacement; remove it")
        return self

    @property
    def at_constant_d(self) -> Array:
        """(3,) whether the displacement is constant along each axis."""
        return np.array([d is not None for d in self.displacement])

    def field_at(self, dipole: Array, volume: float) -> Array:
        """(3,) V/Å, the electric field at a dipole (3,) e·Å and a volume in Å³."""
        fixed = np.array(self.field)
        if not self.at_constant_d.any():
            return fixed
        vacuum = np.array([d or 0.0 for d in self.displacement])
        inner = (vacuum - dipole / (EPSILON_0 * volume)) / self.epsilon_inf
        return np.where(self.at_constant_d, inner, fixed)

    def energy_at(self, dipole: Array, volume: float) -> float:
        """Energy in eV that the field adds; minus its derivative by the dipole is `field_at`."""
        field = self.field_at(dipole, volume)
        stored = 0.5 * volume * EPSILON_0 * self.epsilon_inf * field**2
        return float(np.where(self.at_constant_d, stored, -field * dipole).sum())


class FieldCoupling:
    """Adds the field to the energy and forces of a state, and follows its dipole."""

    def __init__(self, settings: ElectricSettings, atoms: Atoms, charges: ChargeModel) -> None:
        """Raises InputError for a charged cell in a field and for a displacement without periodic cell."""
        self.settings, self._charges = settings, charges
        if settings.at_constant_d.any() and not (atoms.pbc.all() and atoms.cell.rank == 3):
            raise InputError(
                f"a constant displacement needs a cell that is periodic along all three axes, found pbc "
                f"{atoms.pbc.tolist()}.",
                remedy="use a constant field (--field), or a structure file with three lattice vectors.",
            )
        own = settings.at_constant_d.any() and settings.epsilon_inf == 1
        if own and (tensor := permittivity_of(charges, atoms)) is not None:
            inner = float(np.trace(tensor)) / 3
            raise InputError(
                "a constant displacement needs the electronic dielectric constant of polarizable atoms.",
                remedy=f"give it as epsilon_inf (--epsilon-inf); that of this structure is {inner:.4g}.",
            )
        active = (np.array(settings.field) != 0) | settings.at_constant_d
        check_neutral(atoms, settings.charge_scale * charges.charges(atoms), active.astype(float))

    def __call__(self, state: State, atoms: Atoms) -> Array:
        """Forces (N, 3) eV/Å of the field; adds its energy to `state` and brings the dipole up to date.

        atoms: the structure at the positions of `state`.
        """
        born = born_charges(atoms, self._charges)
        values = (born.conserving() if atoms.pbc.any() else born).values * self.settings.charge_scale
        if not len(state.dipole):
            state.dipole = np.array(self.settings.start_dipole)
        else:
            state.dipole = state.dipole + step_dipole(state.born, state.seen, values, state.positions)
        state.born, state.seen = values, state.positions.copy()
        volume = state.volume
        state.energy += self.settings.energy_at(state.dipole, volume)
        return values @ self.settings.field_at(state.dipole, volume)
