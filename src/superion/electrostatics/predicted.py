"""Charges predicted atom by atom, with what they lack to the total charge spread evenly."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from ase import Atoms

from superion.electrostatics.charge_constraints import undivided_total
from superion.electrostatics.charges import CHARGE_MODELS
from superion.electrostatics.properties import AtomicProperty, Vjp, part_of, prefixed, restore_property
from superion.errors import ModelError

Array = np.ndarray


class PredictedCharges:
    """q_i = p_i, or q_i = p_i + (Q − Σ_j p_j)/N where the total charge Q is to be conserved.

    Charges that follow from the environment of each atom alone: the third generation in the counting of
    Behler, Chem. Rev. 121, 10037 (2021). The even spread of what is missing makes them sum to Q; it is the
    smallest change, in the sense of least squares, that does.
    """

    kind: ClassVar[str] = "predicted"

    def __init__(
        self, property: AtomicProperty, conserve: bool = True, total_charge: float | None = None
    ) -> None:
        """property: predicts charges (e). conserve: whether they are made to sum to the total charge.

        total_charge: Q (e) of structures without `info["total_charge"]`; None refuses those.
        """
        self.property = property
        self.conserve = bool(conserve)
        self.total_charge = None if total_charge is None else float(total_charge)

    def charges(self, atoms: Atoms) -> Array:
        """(N,) e; if the total is conserved, ModelError if nobody states it and InputError for fragments."""
        predicted = self.property.values(atoms)
        if not self.conserve or len(atoms) == 0:
            return predicted
        total = undivided_total(atoms, self.total_charge)
        if total is None:
            raise ModelError(
                "neither the structure nor the charge model states the total charge.",
                remedy="give --total-charge 0 (e), or write total_charge=0 into the file, atoms.info, or the "
                "settings of the model.",
            )
        return predicted + (total - predicted.sum()) / len(atoms)

    def vjp(self, atoms: Atoms, slope: Array) -> Vjp:
        """Forces (N, 3) eV/Å and virial (3, 3) eV of Σ_i slope_i q_i at constant slope (N,) eV/e."""
        slope = np.asarray(slope, dtype=np.float64)
        if self.conserve and len(slope):
            slope = slope - slope.mean()
        return self.property.vjp(atoms, slope)

    def settings(self) -> dict[str, Any]:
        """Everything but arrays, as JSON-ready values."""
        return {
            "kind": self.kind,
            "property": self.property.settings(),
            "conserve": self.conserve,
            "total_charge": self.total_charge,
        }

    def arrays(self) -> dict[str, Array]:
        """The arrays of the property."""
        return prefixed("property", self.property.arrays())

    @classmethod
    def restore(cls, settings: dict[str, Any], arrays: dict[str, Array]) -> Self:
        """Rebuild from what `settings` and `arrays` returned."""
        own = restore_property(settings["property"], part_of("property", arrays))
        return cls(own, settings["conserve"], settings["total_charge"])


CHARGE_MODELS.add(PredictedCharges)
