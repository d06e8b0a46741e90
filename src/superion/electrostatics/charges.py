"""Charge models: what charge each atom of a structure carries, and how it changes when atoms move."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

import numpy as np
from ase import Atoms

from superion.electrostatics.properties import ElementValues, Vjp
from superion.registry import NEWER, Registry, UnknownKindError

Array = np.ndarray


@runtime_checkable
class ChargeModel(Protocol):
    """Answers with the charges of a structure.

    `kind` names the model in model files; `settings` (JSON-ready) and `arrays` hold all that `restore` needs.
    One whose charges never change has the attribute `constant`, true.
    """

    kind: ClassVar[str]

    def charges(self, atoms: Atoms) -> Array:
        """(N,) e."""
        ...

    def vjp(self, atoms: Atoms, slope: Array) -> Vjp:
        """Forces (N, 3) eV/Å and virial (3, 3) eV of the energy Σ_i slope_i q_i at constant slope (N,) eV/e.

        A vector–Jacobian product: what charges that depend on the structure add to the derivatives of an
        energy whose derivative with respect to the charges is `slope`.
        """
        ...

    def settings(self) -> dict[str, Any]:
        """Everything but arrays, as JSON-ready values."""
        ...

    def arrays(self) -> dict[str, Array]:
        """Named arrays stored beside the settings."""
        ...

    @classmethod
    def restore(cls, settings: dict[str, Any], arrays: dict[str, Array]) -> Self:
        """Rebuild the model from what `settings` and `arrays` returned."""
        ...


def are_constant(charges: ChargeModel) -> bool:
    """Whether the charges of atoms are the same wherever they are."""
    return bool(getattr(charges, "constant", False))


def charges_of(term: object) -> ChargeModel | None:
    """The charge model that a term is or has; None without charges."""
    held = term if isinstance(term, ChargeModel) else getattr(term, "charges", None)
    return held if isinstance(held, ChargeModel) and getattr(held, "charged", True) else None


class FixedCharges:
    """One charge (e) for each element, whatever its environment."""

    kind: ClassVar[str] = "fixed"
    constant: ClassVar[bool] = True

    def __init__(self, values: Mapping[str, float]) -> None:
        """values: charge in e of each element symbol; InputError for a wrong symbol or number."""
        self._elements = ElementValues(values, "charge")
        self.values = self._elements.of

    def __repr__(self) -> str:
        return f"FixedCharges({self.values})"

    def charges(self, atoms: Atoms) -> Array:
        """(N,) e; ModelError if an element of the structure has no charge."""
        return self._elements.values(atoms)

    def vjp(self, atoms: Atoms, slope: Array) -> Vjp:
        """Nothing: the charges do not change when atoms move."""
        return self._elements.vjp(atoms, slope)

    def settings(self) -> dict[str, Any]:
        """The charges, as JSON-ready values."""
        return {"kind": self.kind, "values": dict(self.values)}

    def arrays(self) -> dict[str, Array]:
        """No arrays: all numbers are in the settings."""
        return {}

    @classmethod
    def restore(cls, settings: dict[str, Any], arrays: dict[str, Array]) -> Self:
        """Rebuild from `settings`."""
        return cls(settings["values"])


CHARGE_MODELS: Registry[type[ChargeModel]] = Registry(
    "charge model", "superion.charge_models", UnknownKindError, NEWER
)
"""Charge models that model files may hold, by kind; rooms below and other packages add theirs."""
CHARGE_MODELS.add(FixedCharges)


def restore_charges(settings: dict[str, Any], arrays: dict[str, Array]) -> ChargeModel:
    """The charge model that `settings` and `arrays` describe; ModelError if it is of no known kind."""
    return CHARGE_MODELS.find(str(settings.get("kind"))).restore(settings, arrays)
