"""What a labeller gives for one structure, and the checks that every label must pass."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal, Self

import numpy as np
from ase import Atoms

from superion.errors import LabelError

Array = np.ndarray
Kind = Literal["first-principles", "calculator", "surrogate"]
FREE_ENERGY = "REF_energy_free"
METHOD, KIND = "reference", "reference_kind"
"""Keys in `info`: how the label was made, and whether it is first-principles."""


class InvalidLabelError(LabelError):
    """A label with wrong shapes or numbers that are not finite."""


class UnconvergedError(LabelError):
    """A self-consistent cycle that did not converge; trying again gives the same."""

    retry = False


@dataclass(frozen=True, slots=True)
class Labels:
    """Labels of one structure of N atoms.

    energy: eV, extrapolated to zero electronic temperature where that applies. free_energy: eV, the energy of
    which the forces are the derivative. forces: (N, 3) eV/Å. stress: (6,) Voigt, eV/Å³, tensile positive.
    charges: (N,) e. dipole: (3,) e·Å. method: one line that says how they were made, with versions.
    """

    energy: float
    forces: Array
    free_energy: float | None = None
    stress: Array | None = None
    charges: Array | None = None
    dipole: Array | None = None
    method: str = ""

    def check(self, atoms: Atoms) -> None:
        """InvalidLabelError unless all shapes fit `atoms` and all numbers are finite."""
        shapes: dict[str, tuple[int, ...]] = {
            "energy": (),
            "free_energy": (),
            "forces": (len(atoms), 3),
            "stress": (6,),
            "charges": (len(atoms),),
            "dipole": (3,),
        }
        for name, shape in shapes.items():
            value = getattr(self, name)
            if value is None and name not in ("energy", "forces"):
                continue
            try:
                numbers = np.asarray(value, dtype=np.float64)
            except (TypeError, ValueError):
                raise InvalidLabelError(f"{name} is not numbers but {str(value)[:40]!r}.") from None
            if numbers.shape != shape:
                raise InvalidLabelError(
                    f"{name} has shape {numbers.shape}, expected {shape} for {len(atoms)} atoms."
                )
            if not np.isfinite(numbers).all():
                raise InvalidLabelError(f"{name} is not finite.")

    def to_json(self) -> dict[str, Any]:
        """JSON-ready, without loss of a digit; absent labels are left out."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            name: value.tolist() if isinstance(value, np.ndarray) else value
            for name, value in values.items()
            if value is not None
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Labels that `to_json` wrote; InvalidLabelError for anything else."""
        try:
            arrays: dict[str, Any] = {k: np.array(v) if isinstance(v, list) else v for k, v in values.items()}
            return cls(**arrays)
        except (TypeError, ValueError, AttributeError) as error:
            raise InvalidLabelError(f"the labels are incomplete or damaged ({error}).") from error

    def write_to(self, atoms: Atoms, kind: Kind) -> None:
        """Put the labels under the keys of the conventions; REF_ labels it had before are removed."""
        from superion.structures import LABELS

        for store in (atoms.info, atoms.arrays):
            for key in [key for key in store if str(key).startswith("REF_")]:
                del store[key]
        for name in ("energy", "forces", "stress", "charges", "dipole"):
            value = getattr(self, name)
            if value is not None:
                label = LABELS[name]
                (atoms.info if label.where == "info" else atoms.arrays)[label.key] = value
        if self.free_energy is not None:
            atoms.info[FREE_ENERGY] = self.free_energy
        atoms.info[METHOD], atoms.info[KIND] = self.method, kind
