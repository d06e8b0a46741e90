"""The protocol behind which every source of labels stands, and what identifies a label."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType
from typing import Any, Protocol

import numpy as np
from ase import Atoms

from superion.errors import InputError, LabelError
from superion.reference.labels import Kind, Labels
from superion.work.fingerprint import fingerprint


class SetupError(InputError):
    """A labeller that can label nothing: wrong settings, or a code that is not installed."""


class UnfitError(LabelError):
    """A structure that the labeller cannot take."""

    retry = False


class Labeller(Protocol):
    """A source of labels."""

    @property
    def name(self) -> str:
        """Short, for messages."""

    @property
    def kind(self) -> Kind:
        """First-principles, calculator (the user knows what it is) or surrogate (a model)."""

    def settings(self) -> dict[str, Any]:
        """JSON-ready facts of which any change makes other labels."""

    def label(self, atoms: Atoms) -> Labels:
        """Labels of one structure; LabelError if they cannot be made, SetupError if none ever can."""

    @property
    def packages(self) -> tuple[str, ...]:
        """Distributions behind it, whose versions are a part of what made a label."""

    def properties(self) -> frozenset[str]:
        """What a label of a crystal holds, by the names of ASE; SetupError if there can be no label."""


def total_charge(atoms: Atoms) -> float:
    """The total charge in e that the frame states, also by its fragments; 0 where it does not say."""
    if "total_charge" in atoms.info:
        return float(atoms.info["total_charge"])
    from superion.structures.bare import total_of

    return total_of(atoms) or 0.0


def multiplicity(atoms: Atoms) -> int | None:
    """Spin multiplicity 2S + 1 from `info["multiplicity"]`; None means without spin polarisation."""
    value = atoms.info.get("multiplicity")
    if value is None:
        return None
    if isinstance(value, str) or value != int(value) or value < 1:
        raise InputError(
            f"multiplicity is {value!r}, expected a positive whole number (2S + 1).",
            remedy="correct info['multiplicity'], or remove it for a calculation without spin.",
        )
    return int(value)


def structure_key(atoms: Atoms) -> str:
    """SHA-256 of elements, positions and cell (to 1e-8 Å, in the order of atoms), pbc, charge and spin.

    The digits are those that extended XYZ keeps, so that a frame is the same after it was written and read.
    """
    value = {
        "numbers": atoms.numbers.tolist(),
        "positions": _digits(atoms.positions),
        "cell": _digits(atoms.cell.array),
        "pbc": atoms.pbc.tolist(),
        "total_charge": total_charge(atoms),
        "multiplicity": multiplicity(atoms),
    }
    return fingerprint(value)


def _digits(values: np.ndarray) -> list[str]:
    return [f"{value:.8f}".replace("-0.00000000", "0.00000000") for value in values.ravel()]


def label_key(atoms: Atoms, labeller: Labeller) -> str:
    """What identifies one label: the structure and the settings of the labeller.

    Fragments with charges of their own are constraints that first principles do not know.
    """
    settings = fingerprint([labeller.name, labeller.settings()])
    if "fragment" in atoms.arrays and labeller.kind != "first-principles":
        from superion.structures.bare import stated

        settings = fingerprint([settings, stated(atoms)])
    return hashlib.sha256(f"{structure_key(atoms)} {settings}".encode()).hexdigest()


def require(module: str, install: str) -> ModuleType:
    """Import an optional package; SetupError with the step that installs it."""
    try:
        return import_module(module)
    except ImportError as error:
        raise SetupError(
            f"{module} cannot be imported ({error}).", remedy=f"install it: {install}"
        ) from error


def made_with(*packages: str) -> str:
    """Names and versions of the packages that made a label, superion last."""
    return ", ".join(f"{name} {number}" for name, number in versions_of(*packages).items())


def versions_of(*packages: str) -> dict[str, str]:
    """Versions of the packages that are installed, superion last."""
    found = {}
    for name in (*packages, "superion"):
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found
