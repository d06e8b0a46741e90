"""Errors of energies and of stresses on the test set, where a study asks for them."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import ClassVar

import numpy as np
from ase import Atoms
from ase.stress import full_3x3_to_voigt_6_stress
from pydantic import BaseModel, ConfigDict

from superion.calculations.evaluation import predict
from superion.errors import InputError
from superion.structures import get_label, is_isolated
from superion.structures.clusters import clusters_of
from superion.study.properties.base import Measured, Property, Row
from superion.study.resample import Fit
from superion.terms import Evaluation
from superion.verdict.values import error_value

Array = np.ndarray


class LabelSettings(BaseModel):
    """Errors against the labels of the test set; there is nothing to set."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class _Errors(Property):
    """Root-mean-square errors of one label of test structures."""

    Settings = LabelSettings
    label: ClassVar[str]
    row: ClassVar[Row]

    def identity(self, fit: Fit | None) -> dict[str, object]:
        """What the values depend on."""
        return self.study.settings.data.model_dump(mode="json", exclude={"files"})

    def files(self, fit: Fit | None) -> dict[str, Path]:
        """Files that are read."""
        return self.study.data_files

    def check(self) -> None:
        """There are such labels in the test set."""
        if not self._frames():
            raise InputError(
                f"no test frame has a label of its {self.label}.",
                remedy=f"add test frames with one (data.test), or leave {self.name} out.",
            )

    def rows(self) -> list[Row]:
        """All values there are."""
        return [self.row]

    def measure(self, fit: Fit) -> Measured:
        """The values by one fit."""
        frames = self._frames()
        found = predict(self.study.open(fit), frames)
        apart = [self.wrong(atoms, own) for atoms, own in zip(frames, found, strict=True)]
        if not all(np.isfinite(part).all() for part in apart):
            return Measured([self.row.without(f"the model gives no {self.label} for some test frames")])
        return Measured([error_value(self.row.name, self.row.unit, apart, clusters=clusters_of(frames))])

    @staticmethod
    @abstractmethod
    def wrong(atoms: Atoms, found: Evaluation) -> Array:
        """What a prediction of one structure is wrong by."""

    def _frames(self) -> list[Atoms]:
        test = self.study.data.part("test")
        return [a for a in test if not is_isolated(a) and get_label(a, self.label) is not None]


class Energies(_Errors):
    """Energies per atom, as they are: not shifted."""

    name = "energies"
    about = "errors of energies"
    label = "energy"
    row = Row("energy per atom", "meV/atom", "error")

    @staticmethod
    def wrong(atoms: Atoms, found: Evaluation) -> Array:
        """(1,) meV/atom."""
        return np.array([1e3 * (found.energy - get_label(atoms, "energy")) / len(atoms)])


class Stresses(_Errors):
    """Components of the stress."""

    name = "stresses"
    about = "errors of stresses"
    label = "stress"
    row = Row("stress", "eV/Å³", "error")

    @staticmethod
    def wrong(atoms: Atoms, found: Evaluation) -> Array:
        """(6,) eV/Å³."""
        stress = full_3x3_to_voigt_6_stress(-found.virial / atoms.get_volume())
        return np.ravel(stress - get_label(atoms, "stress"))
