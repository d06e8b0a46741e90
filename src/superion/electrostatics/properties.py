"""Numbers that belong to atoms, such as electronegativities, hardnesses or charges, and how they change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers

from superion.errors import InputError, ModelError, suggest
from superion.registry import NEWER, Registry, UnknownKindError

Array = np.ndarray
Vjp = tuple[Array, Array]
"""Vector–Jacobian product: forces (N, 3), virial (3, 3), minus the derivatives by positions and strain."""


@runtime_checkable
class AtomicProperty(Protocol):
    """A number for each atom of a structure, and how it changes when atoms move.

    `kind` names it in model files; `settings` (JSON-ready) and `arrays` hold all that `restore` needs.
    """

    kind: ClassVar[str]

    def values(self, atoms: Atoms) -> Array:
        """(N,) in the unit of the property."""
        ...

    def vjp(self, atoms: Atoms, slope: Array) -> Vjp:
        """Forces and virial of the energy Σ_i slope_i value_i at constant slope (N,), eV over the unit."""
        ...

    def settings(self) -> dict[str, Any]:
        """Everything but arrays, as JSON-ready values."""
        ...

    def arrays(self) -> dict[str, Array]:
        """Named arrays stored beside the settings."""
        ...

    @classmethod
    def restore(cls, settings: dict[str, Any], arrays: dict[str, Array]) -> Self:
        """Rebuild from what `settings` and `arrays` returned."""
        ...


class ElementValues:
    """One value for each element, whatever its environment."""

    kind: ClassVar[str] = "element"

    def __init__(self, of: Mapping[str, float], name: str = "value") -> None:
        """of: value of each element symbol; name: of the property, for messages.

        Raises InputError for a wrong symbol or number.
        """
        for symbol, value in of.items():
            if symbol not in atomic_numbers or symbol == "X":
                raise InputError(
                    f"{symbol!r} is not an element symbol.{suggest(str(symbol), atomic_numbers)}",
                    remedy=f'give each {name} under its element, as in {{"Li": 0.445, ...}}.',
                )
            if not np.isfinite(value):
                raise InputError(f"the {name} of {symbol} is {value!r}.", remedy="give a finite number.")
        self.of: dict[str, float] = {symbol: float(value) for symbol, value in of.items()}
        self.name = name

    def __repr__(self) -> str:
        return f"ElementValues({self.of}, {self.name!r})"

    def values(self, atoms: Atoms) -> Array:
        """(N,); ModelError if an element of the structure has no value."""
        symbols = atoms.get_chemical_symbols()
        missing = sorted(set(symbols) - set(self.of))
        if missing:
            raise ModelError(
                f"no {self.name} for {', '.join(missing)} (atom {symbols.index(missing[0])}); "
                f"the model knows {', '.join(sorted(self.of)) or 'no element'}.",
                remedy=f"add the {self.name} where those of the others stand (--charges of `superion fit`, "
                "settings), or check the structure.",
            )
        return np.array([self.of[symbol] for symbol in symbols], dtype=np.float64)

    def vjp(self, atoms: Atoms, slope: Array) -> Vjp:
        """Nothing: the values do not change when atoms move."""
        return np.zeros((len(atoms), 3)), np.zeros((3, 3))

    def settings(self) -> dict[str, Any]:
        """The values, as JSON-ready numbers."""
        return {"kind": self.kind, "of": dict(self.of), "name": self.name}

    def arrays(self) -> dict[str, Array]:
        """No arrays: all numbers are in the settings."""
        return {}

    @classmethod
    def restore(cls, settings: dict[str, Any], arrays: dict[str, Array]) -> Self:
        """Rebuild from `settings`."""
        return cls(settings["of"], settings["name"])


PROPERTIES: Registry[type[AtomicProperty]] = Registry(
    "atomic property", "superion.charge_properties", UnknownKindError, NEWER
)
"""Properties that model files may hold, by kind; rooms below and other packages add theirs."""
PROPERTIES.add(ElementValues)


def restore_property(settings: dict[str, Any], arrays: dict[str, Array]) -> AtomicProperty:
    """The property that `settings` and `arrays` describe; ModelError if it is of no known kind."""
    return PROPERTIES.find(str(settings.get("kind"))).restore(settings, arrays)


def prefixed(prefix: str, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """The arrays of one part of a model under names that begin with its own."""
    return {f"{prefix}.{name}": array for name, array in arrays.items()}


def part_of(prefix: str, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """What `prefixed` was given."""
    start = f"{prefix}."
    return {name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}
