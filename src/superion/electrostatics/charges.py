"""Charge models: what charge each atom of a structure carries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers

from superion.errors import InputError, ModelError, suggest

Array = np.ndarray


@runtime_checkable
class ChargeModel(Protocol):
    """Answers with the charges of a structure, which do not change when its atoms move.

    `kind` names the model in model files; `settings` (JSON-ready) holds all that `restore` needs.
    """

    kind: ClassVar[str]

    def charges(self, atoms: Atoms) -> Array:
        """(N,) e."""
        ...

    def settings(self) -> dict[str, Any]:
        """Everything that `restore` needs, as JSON-ready values."""
        ...

    @classmethod
    def restore(cls, settings: dict[str, Any]) -> Self:
        """Rebuild the model from what `settings` returned."""
        ...


class FixedCharges:
    """One charge (e) for each element, whatever its surroundings."""

    kind: ClassVar[str] = "fixed"

    def __init__(self, values: Mapping[str, float]) -> None:
        """values: charge in e of each element symbol; InputError for a wrong symbol or number."""
        for symbol, value in values.items():
            if symbol not in atomic_numbers or symbol == "X":
                raise InputError(
                    f"{symbol!r} is not an element symbol.{suggest(str(symbol), atomic_numbers)}",
                    remedy='give charges as {"Li": 0.445, ...}.',
                )
            if not np.isfinite(value):
                raise InputError(f"the charge of {symbol} is {value!r}.", remedy="give a finite number of e.")
        self.values: dict[str, float] = {symbol: float(value) for symbol, value in values.items()}

    def __repr__(self) -> str:
        return f"FixedCharges({self.values})"

    def charges(self, atoms: Atoms) -> Array:
        """(N,) e; ModelError if an element of the structure has no charge."""
        symbols = atoms.get_chemical_symbols()
        missing = sorted(set(symbols) - set(self.values))
        if missing:
            raise ModelError(
                f"no charge for {', '.join(missing)} (atom {symbols.index(missing[0])}); "
                f"the model knows {', '.join(sorted(self.values)) or 'no element'}.",
                remedy="add the charge, or check the structure.",
            )
        return np.array([self.values[symbol] for symbol in symbols], dtype=np.float64)

    def settings(self) -> dict[str, Any]:
        """The charges, as JSON-ready values."""
        return {"kind": self.kind, "values": dict(self.values)}

    @classmethod
    def restore(cls, settings: dict[str, Any]) -> Self:
        """Rebuild from `settings`."""
        return cls(settings["values"])


CHARGE_MODELS: dict[str, type[ChargeModel]] = {FixedCharges.kind: FixedCharges}


def restore_charges(settings: dict[str, Any]) -> ChargeModel:
    """The charge model that `settings` describes; ModelError if it is of no known kind."""
    kind = settings.get("kind")
    if kind not in CHARGE_MODELS:
        raise ModelError(
            f"unknown charge model {kind!r}; known: {', '.join(CHARGE_MODELS)}.",
            remedy="the model was written by a newer version, or edited by hand.",
        )
    return CHARGE_MODELS[kind].restore(settings)
