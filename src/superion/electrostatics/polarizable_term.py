"""Charges and polarizable atoms: the Coulomb energy with dipoles that follow at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
import torch
from ase import Atoms

from superion.electrostatics.charged_cells import restored, stored, with_background
from superion.electrostatics.charges import ChargeModel, restore_charges
from superion.electrostatics.coulomb import CoulombTerm
from superion.electrostatics.densities import COULOMB, Point, checked_accuracy
from superion.electrostatics.induced_dipoles import induced_dipoles
from superion.electrostatics.multipoles import Multipoles
from superion.electrostatics.polarizable_response import PolarizableResponse
from superion.electrostatics.properties import ElementValues
from superion.electrostatics.sources import Sources
from superion.errors import InputError
from superion.terms import TERMS, Evaluation

Array = np.ndarray
THOLE = 0.39
"""Thole's a of the AMOEBA water model (Ren and Ponder, J. Phys. Chem. B 107, 5933 (2003))."""


class PolarizableTerm:
    """Energy of point charges and of the dipoles that they and other dipoles induce, with Thole's damping.

    Three periodic axes (Ewald sum, conducting surroundings) or none. The energy is a minimum with respect to
    the dipoles, so that forces and virial are those at fixed dipoles. Per-atom energies are half the charge
    times the potential it feels. With no polarizability at all it is a `CoulombTerm` of points.
    """

    kind: ClassVar[str] = "polarizable"

    def __init__(
        self,
        charges: ChargeModel,
        polarizabilities: Mapping[str, float],
        thole: float = THOLE,
        accuracy: float = 1e-7,
        background: bool | None = None,
    ) -> None:
        """charges: the charge model. polarizabilities: Å³ of each element symbol, at least 0.

        thole: a of the damping exp(−a u³), smaller is softer. accuracy: of the periodic sum, relative to a
        bare pair interaction. background: of charged periodic cells, as of `CoulombTerm`. Raises InputError
        for numbers out of range.
        """
        self._elements = ElementValues(polarizabilities, "polarizability")
        self.polarizabilities = self._elements.of
        if not (min(self.polarizabilities.values(), default=0.0) >= 0 and 0 < thole < np.inf):
            raise InputError(
                f"polarizabilities must be at least 0 Å³ and Thole's a positive, found "
                f"{self.polarizabilities} and {thole}.",
                remedy="check signs and units; 1 bohr³ is 0.1482 Å³.",
            )
        self.charges, self.thole = charges, float(thole)
        self.accuracy = checked_accuracy(accuracy)
        self._coulomb = CoulombTerm(charges, Point(), self.accuracy, background)

    electrostatic: ClassVar[bool] = True

    def response(self) -> PolarizableResponse:
        """The charges, with the induced dipoles in Born charges and in fields."""
        return PolarizableResponse(self)

    def field_sources(self) -> Sources:
        """Charges, points, and the induced dipoles."""
        return Sources(self.charges, Point(), self)

    def with_background(self, background: bool | None) -> Self:
        """The same term, which does something else with charged cells; so do its charges."""
        charges = with_background(self.charges, background)
        return type(self)(charges, self.polarizabilities, self.thole, self.accuracy, background)

    def evaluate(self, atoms: Atoms) -> Evaluation:
        """Energy, forces, virial, charges and dipole (induced ones included) of one structure.

        Raises ModelError for elements without charge or polarizability, InputError for one or two periodic
        axes, a charged periodic cell if those are refused, overlapping atoms, and a polarization catastrophe.
        """
        q, _ = self._coulomb.sources(atoms)
        if len(atoms) == 0:
            return replace(Evaluation.zero(0), charges=q, dipole=np.zeros(3))
        with torch.inference_mode():
            geometry, damped, charges, dipoles = self.induced(atoms, q)
            potential = COULOMB * geometry.respond(damped, charges, dipoles)[0].numpy()
            forces, virial = (COULOMB * x.numpy() for x in geometry.derivatives(damped, charges, dipoles))
        energies = 0.5 * q * potential  # quadratic in charges and dipoles, stationary in dipoles (Euler)
        flow, strain = self.charges.vjp(atoms, potential)
        return Evaluation(
            energy=float(energies.sum()),
            energies=energies,
            forces=forces + flow,
            virial=virial + strain,
            charges=q,
            dipole=q @ atoms.positions + dipoles.numpy().sum(axis=0),
        )

    def induced_dipoles(self, atoms: Atoms, field: Array | None = None) -> Array:
        """(N, 3) e·Å; field: uniform outer field (3,) in V/Å, of a periodic cell the macroscopic one."""
        q, _ = self._coulomb.sources(atoms)
        if len(atoms) == 0:
            return np.zeros((0, 3))
        with torch.inference_mode():
            return self.induced(atoms, q, field)[3].numpy()

    def polarizability(self, atoms: Atoms) -> Array:
        """(3, 3) Å³, response of the induced dipole of a cluster, or of a cell, to a uniform field.

        Charges are kept where they are; of a periodic cell the field is the macroscopic one.
        """
        with torch.inference_mode():
            geometry = Multipoles.of(atoms, self.accuracy)
            alpha = torch.from_numpy(self._elements.values(atoms))
            return self.responses(atoms, geometry, geometry.damped(alpha, self.thole)).sum(dim=1).numpy().T

    def responses(self, atoms: Atoms, geometry: Multipoles, damped: torch.Tensor) -> torch.Tensor:
        """Dipoles (3, N, 3) Å³ that unit fields along the three axes induce."""
        alpha = torch.from_numpy(self._elements.values(atoms))
        fields = torch.eye(3, dtype=torch.float64)[:, None].expand(3, len(atoms), 3)
        return induced_dipoles(geometry, alpha, damped, fields)

    def permittivity(self, atoms: Atoms) -> Array:
        """(3, 3) high-frequency relative permittivity ε∞ of a periodic cell."""
        if not atoms.pbc.all():
            raise InputError(
                f"periodic axes {atoms.pbc.tolist()}: only a crystal has a permittivity.",
                remedy="use polarizability for a cluster.",
            )
        return np.eye(3) + 4 * np.pi / atoms.get_volume() * self.polarizability(atoms)

    def induced(
        self, atoms: Atoms, q: Array, field: Array | None = None
    ) -> tuple[Multipoles, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Geometry, damped radial functions, charges (N,) and dipoles (N, 3)."""
        geometry = Multipoles.of(atoms, self.accuracy)
        alpha = torch.from_numpy(self._elements.values(atoms))
        damped = geometry.damped(alpha, self.thole)
        charges = torch.from_numpy(q)
        felt = geometry.respond(damped, charges, torch.zeros(len(q), 3, dtype=torch.float64))[1]
        if field is not None:
            felt = felt + torch.from_numpy(np.asarray(field, dtype=np.float64) / COULOMB)
        return geometry, damped, charges, induced_dipoles(geometry, alpha, damped, felt[None])[0]

    def settings(self) -> dict[str, Any]:
        """Everything that `restore` needs, as JSON-ready values."""
        return {
            "charges": self.charges.settings(),
            "polarizabilities": dict(self.polarizabilities),
            "thole": self.thole,
            "accuracy": self.accuracy,
            "charged_cells": stored(self._coulomb.background),
        }

    def arrays(self) -> dict[str, Array]:
        """The arrays of the charge model."""
        return self.charges.arrays()

    @classmethod
    def restore(cls, settings: dict[str, Any], arrays: dict[str, Array]) -> Self:
        """Rebuild the term from `settings` and `arrays`."""
        return cls(
            restore_charges(settings["charges"], arrays),
            settings["polarizabilities"],
            settings["thole"],
            settings["accuracy"],
            restored({"background": False} | settings),  # files of older versions lack both
        )


TERMS.add(PolarizableTerm)
