"""A uniform electric field on any charge model: U = −E·μ with the dipole μ of the whole structure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
from ase import Atoms

from superion.electrostatics.charged_cells import with_background
from superion.electrostatics.charges import ChargeModel, are_constant, restore_charges
from superion.electrostatics.polarization import ORDER, BornModel, born_charges, checked_charges
from superion.errors import InputError
from superion.terms import Evaluation

Array = np.ndarray
NEUTRAL = 1e-6
"""Total charge (e) up to which a periodic structure counts as neutral."""


class UniformField:
    """Energy of a structure in a uniform field E (V/Å) that acts on its charges.

    Energy −E·(Σ q_i r_i + Σ p_i) of the positions as given, with p_i the dipoles of polarizable atoms; forces
    Σ_β Z_iαβ E_β with Born charges (`polarization`): q_i·E for fixed charges. An atom given in the next
    periodic cell has an energy that differs by its charge times the voltage over the cell; give positions
    that were never wrapped, as molecular dynamics here does.

    Forces are exactly minus the derivative of the energy for fixed charges, and for any charges without
    periodic axes. Where charges depend on the structure of a periodic cell, charge flows to the nearest image
    of a neighbour; the energy follows as long as neighbours that exchange charge are given in one image. Over
    long paths the work of the forces is −E times the tracked dipole (`dipole_path`, and dynamics with a
    field). Their sum over a periodic structure is zero (acoustic sum rule, enforced). The virial is that of
    the energy at constant E; the charges are those without field, so that all is of first order in it.
    """

    kind: ClassVar[str] = "uniform_field"

    def __init__(
        self, field: Sequence[float], charges: ChargeModel, scale: float = 1.0, order: int = ORDER
    ) -> None:
        """field: (3,) V/Å. scale: of the charges. order: of Born charges in periodic cells.

        scale: charges that describe interactions in a medium whose electrons screen are smaller than what a
        field acts on, by the square root of the electronic dielectric constant (Leontyev, Stuchebrukhov,
        Phys. Chem. Chem. Phys. 13, 2613, 2011). Raises InputError for what is not three finite numbers.
        """
        self.field = np.asarray(field, dtype=np.float64)
        if self.field.shape != (3,) or not np.isfinite(self.field).all():
            raise InputError(
                f"a uniform field has three finite components in V/Å, found {field!r}.",
                remedy="give Ex, Ey, Ez.",
            )
        if not np.isfinite(scale):
            raise InputError(f"the scale of the charges must be a finite number, found {scale}.")
        self.charges, self.scale, self.order = charges, float(scale), order

    @property
    def applied_field(self) -> Array:
        """(3,) V/Å, what a unit charge of the model feels."""
        return self.scale * self.field

    def with_background(self, background: bool | None) -> Self:
        """The same field, whose charges do something else with charged cells."""
        return type(self)(
            self.field.tolist(), with_background(self.charges, background), self.scale, self.order
        )

    def turned(self, rotation: Array) -> Self:
        """The same field in a frame of reference in which vectors v are `v @ rotation`."""
        return type(self)((self.field @ rotation).tolist(), self.charges, self.scale, self.order)

    def evaluate(self, atoms: Atoms) -> Evaluation:
        """Energy, forces, virial; no charges and no dipole, which belong to the term that made them.

        Raises InputError for a charged structure with the field along one of its periodic axes.
        """
        q = self.scale * checked_charges(atoms, self.charges)
        check_neutral(atoms, q, self.field)
        charges = self.charges.bare if isinstance(self.charges, BornModel) else self.charges
        slope = -self.scale * (atoms.positions @ self.field)
        flow, strain = charges.vjp(atoms, slope)
        if atoms.pbc.any() and not are_constant(charges):
            forces = self.scale * born_charges(atoms, charges, self.order).conserving().values @ self.field
        else:
            forces = q[:, None] * self.field + flow
        work = np.outer(q @ atoms.positions, self.field)
        energies = -q * (atoms.positions @ self.field)
        found = Evaluation(float(energies.sum()), energies, forces, 0.5 * (work + work.T) + strain)
        if isinstance(self.charges, BornModel) and len(atoms):
            return found + self.charges.in_field(atoms, self.scale * self.field)
        return found

    def settings(self) -> dict[str, Any]:
        """Everything that `restore` needs, as JSON-ready values."""
        return {
            "field": self.field.tolist(),
            "charges": self.charges.settings(),
            "scale": self.scale,
            "order": self.order,
        }

    def arrays(self) -> dict[str, Array]:
        """The arrays of the charge model."""
        return self.charges.arrays()

    @classmethod
    def restore(cls, settings: dict[str, Any], arrays: dict[str, Array]) -> Self:
        """Rebuild the term from `settings` and `arrays`."""
        charges = restore_charges(settings["charges"], arrays)
        return cls(settings["field"], charges, settings["scale"], settings["order"])


def check_neutral(atoms: Atoms, charges: Array, field: Array) -> None:
    """InputError if `field` (3,) would pull a structure with `charges` (N,) e along a periodic axis."""
    total = float(charges.sum())
    along = np.where(atoms.pbc, np.abs(atoms.cell.array @ field), 0.0)
    if abs(total) > NEUTRAL and along.max() > 0:
        axis = int(along.argmax())
        raise InputError(
            f"the structure has a total charge of {total:+.6g} e and the field points along its periodic "
            f"axis {axis}: it would be pulled along without end.",
            remedy="use charges that add up to zero, or a field across axes that are not periodic.",
        )
