"""The energy that equilibrated charges minimise, as a term of a potential."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
from ase import Atoms

from superion.electrostatics.charge_equilibration import ChargeEquilibration
from superion.electrostatics.charges import restore_charges
from superion.electrostatics.sources import Sources
from superion.errors import ModelError
from superion.terms import Evaluation

Array = np.ndarray


class EquilibrationTerm:
    """The least energy of a charge equilibration (QEq, kQEq, CENT), see `charge_equilibration`.

    The charges are at a minimum, so that forces are derivatives at fixed charges (Hellmann and Feynman).
    Energy of atom i: χ_i q_i + ½ J_i q_i² + ½ q_i times the potential it feels, and that of q_i in the field.
    """

    kind: ClassVar[str] = "equilibration"

    def __init__(self, charges: ChargeEquilibration) -> None:
        self.charges = charges

    electrostatic: ClassVar[bool] = True

    def field_sources(self) -> Sources:
        """Charges and densities."""
        return Sources(self.charges, self.charges.densities)

    def with_background(self, background: bool | None) -> Self:
        """The same term, which does something else with charged cells."""
        return type(self)(self.charges.with_background(background))

    def evaluate(self, atoms: Atoms) -> Evaluation:
        """Energy, forces, virial, charges and dipole; errors of `ChargeEquilibration.equilibrium`."""
        found = self.charges.equilibrium(atoms)
        q = found.charges
        if len(atoms) == 0:
            return replace(Evaluation.zero(0), charges=q, dipole=np.zeros(3))
        coulomb = found.coulomb()
        energies = q * (
            found.electronegativity + found.external + 0.5 * (found.hardness * q + coulomb.potential)
        )
        pulls = (
            self.charges.electronegativity.vjp(atoms, q),
            self.charges.hardness.vjp(atoms, 0.5 * q * q),
            self.charges.external_vjp(atoms, q),
        )
        return Evaluation(
            energy=float(energies.sum()),
            energies=energies,
            forces=coulomb.forces + sum(forces for forces, _ in pulls),
            virial=coulomb.virial + sum(virial for _, virial in pulls),
            charges=q.copy(),
            dipole=q @ atoms.positions,
        )

    def settings(self) -> dict[str, Any]:
        """Everything that `restore` needs, as JSON-ready values."""
        return {"charges": self.charges.settings()}

    def arrays(self) -> dict[str, Array]:
        """The arrays of the charge model."""
        return self.charges.arrays()

    @classmethod
    def restore(cls, settings: dict[str, Any], arrays: dict[str, Array]) -> Self:
        """Rebuild the term from `settings` and `arrays`."""
        charges = restore_charges(settings["charges"], arrays)
        if not isinstance(charges, ChargeEquilibration):
            raise ModelError(
                f"an equilibration term needs a charge equilibration, found a charge model {charges.kind!r}.",
                remedy="the model was edited by hand.",
            )
        return cls(charges)
