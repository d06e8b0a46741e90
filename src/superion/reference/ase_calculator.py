"""Labels from any ASE calculator that the user names, and from superion models."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator as AseCalculator
from ase.calculators.calculator import PropertyNotImplementedError, SCFError

from superion.files import sha256
from superion.reference.labeller import SetupError, made_with
from superion.reference.labels import InvalidLabelError, Kind, Labels, UnconvergedError

_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


def labels_from(atoms: Atoms, calculator: AseCalculator, method: str) -> Labels:
    """What a calculator says about `atoms`, which it sees as a copy without labels.

    The stress of cells that are not periodic along all axes is left out, and so is a dipole of periodic ones.
    """
    structure = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    stated = ("total_charge", "fragment_charges", "multiplicity")
    structure.info = {key: atoms.info[key] for key in stated if key in atoms.info}
    if "fragment" in atoms.arrays:
        structure.set_array("fragment", atoms.arrays["fragment"])
    structure.calc = calculator
    try:
        energy = float(structure.get_potential_energy())
        forces = np.array(structure.get_forces())
    except SCFError as error:
        raise UnconvergedError(f"the self-consistent cycle did not converge ({error}).") from error
    if not _same(structure, atoms):
        raise InvalidLabelError(
            "the calculator changed the structure or the order of its atoms.",
            remedy="use a calculator that leaves the structure alone: its forces belong to other atoms.",
        )
    periodic = bool(atoms.pbc.all())
    return Labels(
        energy=energy,
        free_energy=_optional(calculator, "free_energy", structure),
        forces=forces,
        stress=_optional(calculator, "stress", structure) if periodic else None,
        charges=_optional(calculator, "charges", structure),
        dipole=None if atoms.pbc.any() else _optional(calculator, "dipole", structure),
        method=method,
    )


def _optional(calculator: AseCalculator, name: str, atoms: Atoms) -> Any:
    """A property if the calculator has it, else None; some declare one that they lack for this structure."""
    if name not in calculator.implemented_properties:
        return None
    try:
        return calculator.get_property(name, atoms)
    except PropertyNotImplementedError:
        return None


def _same(one: Atoms, other: Atoms) -> bool:
    return len(one) == len(other) and bool(
        (one.numbers == other.numbers).all()
        and (one.positions == other.positions).all()
        and (one.cell.array == other.cell.array).all()
    )


class AseLabeller:
    """A calculator class `module:Class` with its arguments; one is kept, without results, between labels."""

    kind: ClassVar[Kind] = "calculator"

    def __init__(self, path: str, arguments: dict[str, Any]) -> None:
        if not _PATH.fullmatch(path):
            raise SetupError(
                f"{path!r} is not the path of a calculator.",
                remedy="write module:Class, e.g. ase.calculators.emt:EMT.",
            )
        self.name, self._arguments = path, arguments
        self._calculator: AseCalculator | None = None

    def settings(self) -> dict[str, Any]:
        """The class and its arguments."""
        return {"ase": self.name, "arguments": self._arguments}

    def label(self, atoms: Atoms) -> Labels:
        """Energy, forces and whatever else the calculator implements."""
        kept, self._calculator = self._calculator, None  # one that fails is not used again
        if kept is None or not hasattr(kept, "reset"):
            kept = self.calculator()
        else:
            kept.reset()
        found = labels_from(atoms, kept, f"{self.name}, {made_with('ase')}")
        self._calculator = kept
        return found

    def calculator(self) -> AseCalculator:
        """A new calculator; SetupError if there can be none."""
        module, _, name = self.name.partition(":")
        try:
            return getattr(import_module(module), name)(**self._arguments)
        except (ImportError, AttributeError, TypeError, SystemExit) as error:
            raise SetupError(
                f"the calculator {self.name} cannot be made ({type(error).__name__}: {error}).",
                remedy="check its path and its arguments, and that its package is installed.",
            ) from error


class ModelLabeller:
    """A model file of superion: a surrogate, whose settings are the hash of the file."""

    name: ClassVar[str] = "model"
    kind: ClassVar[Kind] = "surrogate"

    def __init__(self, path: Path, charged_cells: str | None = None) -> None:
        if not path.is_file():
            raise SetupError("there is no such model.", file=path, remedy="check the path.")
        self._path, self._digest = path.resolve(), sha256(path)
        self._charged_cells = charged_cells
        self._calculator: AseCalculator | None = None

    def settings(self) -> dict[str, Any]:
        """SHA-256 of the model file, and what is done with charged cells if that was chosen."""
        chosen = {} if self._charged_cells is None else {"charged_cells": self._charged_cells}
        return {"model": self._digest} | chosen

    def label(self, atoms: Atoms) -> Labels:
        """Prediction of the model."""
        if self._calculator is None:
            from superion import Calculator

            self._calculator = Calculator(self._path, charged_cells=self._charged_cells)
        return labels_from(atoms, self._calculator, f"model {self._digest[:16]}, {made_with()}")
