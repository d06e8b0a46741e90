"""Born charges where atoms are polarizable: charges, and the dipoles that they induce.

The dipole of a structure is that of its charges and the induced dipoles p. In a weak field E these change by
P·E, with the response P_β of all of them to a unit field along β, mutual induction included, and the force
at the least energy is that at fixed charges and dipoles (Hellmann, Feynman). Its derivative by E is

    Z_β = Z_β(charges) + ∂F(q, p)/∂p · P_β + what changing charges add for the potential of P_β,

exactly, for F is a quadratic form. Of a periodic cell the field is the macroscopic one: Z are transverse
charges.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import torch
from ase import Atoms

from superion.electrostatics.charges import CHARGE_MODELS, ChargeModel
from superion.electrostatics.densities import COULOMB
from superion.electrostatics.multipoles import Multipoles
from superion.electrostatics.polarization import ORDER, BornCharges, born_charges
from superion.electrostatics.properties import Vjp
from superion.terms import TERMS, Evaluation

if TYPE_CHECKING:
    from superion.electrostatics.polarizable_term import PolarizableTerm

Array = np.ndarray


class PolarizableResponse:
    """The charges of a polarizable term, with Born charges that include the induced dipoles."""

    kind: ClassVar[str] = "polarizable"

    def __init__(self, term: PolarizableTerm) -> None:
        self.term = term

    @property
    def bare(self) -> ChargeModel:
        """The charges without dipoles."""
        return self.term.charges

    def with_background(self, background: bool | None) -> Self:
        """The same charges, of a term that does something else with charged cells."""
        return type(self)(self.term.with_background(background))

    def charges(self, atoms: Atoms) -> Array:
        """(N,) e."""
        return self.term.charges.charges(atoms)

    def vjp(self, atoms: Atoms, slope: Array) -> Vjp:
        """That of the charges alone."""
        return self.term.charges.vjp(atoms, slope)

    def born_charges(self, atoms: Atoms, order: int = ORDER) -> BornCharges:
        """Born charges, (N, 3, 3) e; errors of `PolarizableTerm.evaluate`."""
        bare = born_charges(atoms, self.term.charges, order)
        values = bare.values.copy()
        with torch.inference_mode():
            geometry, damped, q, dipoles = self.term.induced(atoms, self.charges(atoms))
            responses = self.term.responses(atoms, geometry, damped) / COULOMB  # e·Å for 1 V/Å
            for axis, response in enumerate(responses):
                values[:, :, axis] += self._pull(atoms, geometry, damped, q, dipoles, response)[0]
        return BornCharges(values, bare.charge)

    def permittivity(self, atoms: Atoms) -> Array:
        """(3, 3) high-frequency relative permittivity ε∞ of a crystal."""
        return self.term.permittivity(atoms)

    def in_field(self, atoms: Atoms, field: Array) -> Evaluation:
        """What the induced dipoles p add in a weak field E (3,) V/Å: the energy −E·Σp and its derivatives."""
        with torch.inference_mode():
            geometry, damped, q, dipoles = self.term.induced(atoms, self.charges(atoms))
            responses = self.term.responses(atoms, geometry, damped) / COULOMB
            response = torch.einsum("a,anc->nc", torch.from_numpy(field), responses)
            forces, virial = self._pull(atoms, geometry, damped, q, dipoles, response)
        energies = -(dipoles.numpy() @ field)
        return Evaluation(float(energies.sum()), energies, forces, virial)

    def _pull(
        self,
        atoms: Atoms,
        geometry: Multipoles,
        damped: torch.Tensor,
        q: torch.Tensor,
        dipoles: torch.Tensor,
        response: torch.Tensor,
    ) -> Vjp:
        """Forces and virial of −E·Σp, with the `response` (N, 3) e·Å of the dipoles to the field E."""
        ends = [geometry.derivatives(damped, q, dipoles + sign * response) for sign in (1, -1)]
        forces, virial = (0.5 * COULOMB * (more - less).numpy() for more, less in zip(*ends, strict=True))
        potential, _ = geometry.respond(damped, torch.zeros_like(q), response)
        flow, strain = self.vjp(atoms, COULOMB * potential.numpy())
        return forces + flow, virial + strain

    def settings(self) -> dict[str, Any]:
        """Those of the term."""
        return {"kind": self.kind, **self.term.settings()}

    def arrays(self) -> dict[str, Array]:
        """Those of the term."""
        return self.term.arrays()

    @classmethod
    def restore(cls, settings: dict[str, Any], arrays: dict[str, Array]) -> Self:
        """Rebuild from what `settings` and `arrays` returned."""
        term: Any = TERMS.find(cls.kind).restore(settings, arrays)
        return cls(term)


CHARGE_MODELS.add(PolarizableResponse)
