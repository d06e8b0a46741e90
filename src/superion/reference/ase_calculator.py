"""Labels from any ASE calculator that the user names, and from superion models."""

from __future__ import annotations

import re
import sys
from importlib import import_module
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator as AseCalculator
from ase.calculators.calculator import PropertyNotImplementedError, SCFError

from superion.errors import InputError
from superion.files import sha256
from superion.reference.labeller import SetupError, made_with
from superion.reference.labels import InvalidLabelError, Kind, Labels, UnconvergedError

WRITTEN = frozenset({"", ".log", ".txt", ".out", ".err", ".traj", ".db"})
"""Suffixes of files that calculators write: what is in them is not what a label depends on."""
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


def implemented(calculator: AseCalculator) -> frozenset[str]:
    """What a calculator says it gives."""
    return frozenset(getattr(calculator, "implemented_properties", ())) | {"energy", "forces"}


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
        self.name, self._arguments, self._hashed = path, arguments, _hashed(arguments)
        self._calculator: AseCalculator | None = None
        self._unused: AseCalculator | None = None
        self._properties: frozenset[str] | None = None
        self.packages = (*_distributions(path), *(() if path.startswith("ase.") else ("ase",)))

    def settings(self) -> dict[str, Any]:
        """The class and its arguments; a file that it reads, such as a model, by its SHA-256."""
        return {"ase": self.name, "arguments": self._hashed}

    def label(self, atoms: Atoms) -> Labels:
        """Energy, forces and whatever else the calculator implements."""
        kept, self._calculator = self._calculator, None  # one that fails is not used again
        if kept is None or not hasattr(kept, "reset"):
            kept = self.new()
        else:
            kept.reset()
        found = labels_from(atoms, kept, f"{self.name}, {made_with(*self.packages)}")
        self._calculator = kept
        return found

    def properties(self) -> frozenset[str]:
        """What the calculator implements; SetupError if there can be none."""
        if self._properties is None:
            self._unused = self.calculator()
            self._properties = implemented(self._unused)
        return self._properties

    def sources(self) -> dict[str, str]:
        """SHA-256 of a module of the user's own, which no version tells from another; else nothing."""
        module = self.name.partition(":")[0]
        file = getattr(sys.modules.get(module), "__file__", None)
        known = _distributions(self.name) or file is None
        return {} if known else {module: sha256(str(file))}

    def new(self) -> AseCalculator:
        """A calculator that has not computed anything yet: the one that told its properties, or a new one."""
        found, self._unused = self._unused, None
        return self.calculator() if found is None else found

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


def _hashed(value: Any) -> Any:
    """Arguments in which the SHA-256 of a file stands for its path, unless calculators write such files."""
    if isinstance(value, dict):
        return {key: _hashed(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_hashed(inner) for inner in value]
    if isinstance(value, str) and Path(value).suffix not in WRITTEN and Path(value).is_file():
        return f"sha256:{sha256(value)}"
    return value


class CalculatorLabeller:
    """An ASE calculator that was made in Python; its class and parameters are what it is known by."""

    kind: ClassVar[Kind] = "calculator"

    def __init__(self, calculator: AseCalculator) -> None:
        """InputError for what is no calculator."""
        if not callable(getattr(calculator, "get_property", None)):
            raise InputError(
                f"cannot open a {type(calculator).__name__} as a model.",
                remedy="give a model file, a settings file (.yaml), the name of a labeller, or an ASE "
                "calculator.",
            )
        kind = type(calculator)
        self.name = f"{kind.__module__}:{kind.__qualname__}"
        self.packages = (*_distributions(self.name), *(() if self.name.startswith("ase.") else ("ase",)))
        self._calculator = calculator

    def settings(self) -> dict[str, Any]:
        """The class, and its parameters as text."""
        parameters = dict(getattr(self._calculator, "parameters", None) or {})
        return {"ase": self.name, "parameters": {key: repr(value) for key, value in parameters.items()}}

    def properties(self) -> frozenset[str]:
        """What the calculator implements."""
        return implemented(self._calculator)

    def label(self, atoms: Atoms) -> Labels:
        """Energy, forces and whatever else the calculator implements."""
        return labels_from(atoms, self._calculator, f"{self.name}, {made_with(*self.packages)}")


class MetatomicLabeller(AseLabeller):
    """A TorchScript file of metatomic, through the ASE calculator of that project.

    metatomic: Bigi et al., J. Chem. Phys. 164, 064113 (2026). The settings are the hash of the file.
    """

    kind: ClassVar[Kind] = "surrogate"

    def __init__(self, path: Path, device: str | None, extensions: Path | None, variant: str | None) -> None:
        if not path.is_file():
            raise SetupError("there is no such metatomic model.", file=path, remedy="check the path.")
        super().__init__("metatomic_ase:MetatomicCalculator", {})
        self.name = "metatomic"
        self.packages = ("metatomic-ase", "metatomic-torch", "ase")
        self._path, self._digest, self._device = path.resolve(), sha256(path), device
        self._extensions, self._variant = extensions, variant

    def settings(self) -> dict[str, Any]:
        """SHA-256 of the file, and the variant if one was chosen."""
        return {"metatomic": self._digest} | ({} if self._variant is None else {"variant": self._variant})

    def properties(self) -> frozenset[str]:
        """Energy, forces and stress; its calculator declares all that ASE knows."""
        return super().properties() & {"energy", "forces", "stress"}

    def calculator(self) -> AseCalculator:
        """A new calculator; SetupError without the package, or for a file that it does not take."""
        try:
            kind = _metatomic().MetatomicCalculator
        except ImportError as error:
            raise SetupError(
                f"metatomic models need its ASE calculator ({error}).",
                remedy="pip install metatomic-torch metatomic-ase",
            ) from error
        chosen = {
            "device": self._device,
            "extensions_directory": None if self._extensions is None else str(self._extensions),
            "variants": None if self._variant is None else {"energy": self._variant},
        }
        try:
            return kind(str(self._path), **{key: value for key, value in chosen.items() if value is not None})
        except Exception as error:  # PyTorch raises many kinds
            raise SetupError(
                f"the metatomic model cannot be opened ({type(error).__name__}: {error}).",
                file=self._path,
                remedy="check the file, its device, its extensions, and the version of metatomic-torch.",
            ) from error


def _metatomic() -> Any:
    """The module of the calculator, which older releases keep elsewhere."""
    try:
        return import_module("metatomic_ase")
    except ModuleNotFoundError as error:
        try:
            return import_module("metatomic.torch.ase_calculator")
        except ModuleNotFoundError:
            raise error from None


def _distributions(path: str) -> tuple[str, ...]:
    """Distributions that a module is installed by; none of a module that lies in a folder of the user."""
    top = re.split(r"[.:]", path)[0]
    return ("ase",) if top == "ase" else tuple(dict.fromkeys(packages_distributions().get(top, ())))


class ModelLabeller:
    """A model file of superion: a surrogate, whose settings are the hash of the file."""

    name: ClassVar[str] = "model"
    kind: ClassVar[Kind] = "surrogate"

    def __init__(self, path: Path, charged_cells: str | None = None, base: str | None = None) -> None:
        if not path.is_file():
            raise SetupError("there is no such model.", file=path, remedy="check the path.")
        self._path, self._digest = path.resolve(), sha256(path)
        self._charged_cells, self._base = charged_cells, base
        self._calculator: AseCalculator | None = None
        self.packages: tuple[str, ...] = ()

    def settings(self) -> dict[str, Any]:
        """SHA-256 of the model file, and what is done with charged cells if that was chosen."""
        chosen = {} if self._charged_cells is None else {"charged_cells": self._charged_cells}
        if self._base is not None:
            chosen["base"] = sha256(self._base) if Path(self._base).is_file() else self._base
        return {"model": self._digest} | chosen

    def label(self, atoms: Atoms) -> Labels:
        """Prediction of the model."""
        return labels_from(atoms, self._loaded(), f"model {self._digest[:16]}, {made_with()}")

    def properties(self) -> frozenset[str]:
        """What the calculator of a potential gives."""
        return implemented(self._loaded())

    def _loaded(self) -> AseCalculator:
        if self._calculator is None:
            from superion import open_model

            model = open_model(self._path, charged_cells=self._charged_cells, base=self._base)
            self._calculator = model.calculator()
        return self._calculator
