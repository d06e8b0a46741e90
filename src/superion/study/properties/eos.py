"""The energy–volume curve at labelled structures: its error, the equilibrium volume, the bulk modulus."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from ase import Atoms, units
from pydantic import BaseModel, Field, model_validator

from superion.calculations.branch import energy_curve
from superion.calculations.doubt import doubts, far
from superion.calculations.eos import EquationOfState, birch_murnaghan, curve_record, mismatch
from superion.calculations.eos_judge import judged
from superion.calculations.eos_result import CurveFile
from superion.errors import InputError
from superion.results import write_result
from superion.structures import trajectory_of
from superion.structures.dataset import read_files
from superion.structures.foreign import Foreign
from superion.study.properties.base import Measured, Property, Row
from superion.study.properties.settings import STRICT
from superion.study.resample import Fit
from superion.verdict.values import REFERENCE, Value, error_value

CURVE = Row("energy–volume curve", "meV/atom", "error")
VOLUME = Row("equilibrium volume", "Å³", "positive")
MODULUS = Row("bulk modulus of the curve", "GPa", "positive")


FEWEST = 5
"""Volumes that a curve needs."""


class EosSettings(BaseModel):
    """The energy–volume curve at labelled structures, their ions as they are."""

    model_config = STRICT

    file: str | None = Field(
        None, description="labelled frames of one crystal at 5 or more volumes, relative to the YAML file"
    )
    trajectory: str | None = Field(
        None,
        description="trajectory of the data that holds them; null: the one whose name has the word eos in it",
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.file is not None and self.trajectory is not None:
            raise ValueError("give file or trajectory, not both")
        return self


class Eos(Property):
    """Energies of single points, compared after both minima are put at zero."""

    name = "eos"
    about = "energy–volume curve"
    Settings = EosSettings

    def files(self, fit: Fit | None) -> dict[str, Path]:
        """Files that are read."""
        file = self.settings.file
        return self.study.data_files | ({} if file is None else {"frames": Path(file)})

    def identity(self, fit: Fit | None) -> dict[str, object]:
        """What the values depend on."""
        return super().identity(fit) | self.study.settings.data.model_dump(mode="json", exclude={"files"})

    def labelled(self) -> bool:
        """Labels are what it is about."""
        return True

    def check(self) -> None:
        """The frames are of one crystal, at enough volumes."""
        volumes = {round(atoms.get_volume(), 6) for atoms in self.frames}
        if len(volumes) < FEWEST:
            raise InputError(
                f"its frames have {len(volumes)} different volumes.",
                file=self.settings.file,
                remedy=f"name labelled frames of one crystal at {FEWEST} or more volumes.",
            )

    def rows(self) -> list[Row]:
        """All values there are."""
        return [CURVE, VOLUME, MODULUS]

    def measure(self, fit: Fit) -> Measured:
        """The values by one fit."""
        calculator = self.calculator(fit)
        points = energy_curve(self.frames, calculator)
        found = birch_murnaghan(points.volumes, points.energies)
        labels, truth = self._labels()
        difference = mismatch(points.energies.tolist(), found, labels, truth)
        each = 1000 * np.array(difference["differences_eV"]) / len(self.frames[0])
        doubt = doubts(calculator, self.frames)
        flags = judged(points.volumes, points.energies, found)
        flags += far(doubt.get("extrapolated"), [f"{volume:.5g} Å³" for volume in points.volumes])
        curve = curve_record(fit.name, points.volumes, points.energies, found) | doubt
        curve |= {"difference": difference, "notes": flags}
        error = error_value(CURVE.name, CURVE.unit, list(each), seen=self.seen(self.frames))
        values = [error, *_minimum(found, flags)]
        return Measured(values, files=[self._write_curve(curve)])

    def reference(self) -> Measured:
        """Volume and modulus of the labels."""
        energies, found = self._labels()
        volumes = [atoms.get_volume() for atoms in self.frames]
        curve = curve_record(REFERENCE, volumes, energies, found)
        flags = [*judged(volumes, energies, found), *self.seen_trajectories(self.frames)]
        values = _minimum(found, flags, self.seen(self.frames))
        return Measured(values, self._notes(), [self._write_curve(curve)])

    def _write_curve(self, curve: dict[str, Any]) -> Path:
        """Write a curve for the figure of the report."""
        path = self.study.folder / "eos" / f"{curve['name']}.json"
        path.parent.mkdir(exist_ok=True)
        write_result(path, CurveFile.model_validate(curve | {"atoms": len(self.frames[0])}))
        return path

    def _labels(self) -> tuple[list[float], EquationOfState]:
        energies = [float(atoms.info["REF_energy"]) for atoms in self.frames]
        return energies, birch_murnaghan([atoms.get_volume() for atoms in self.frames], energies)

    @cached_property
    def frames(self) -> list[Atoms]:
        """The labelled structures; InputError if they are not those of one crystal."""
        if self.settings.file is not None:
            foreign = Foreign.of(self.study.settings.data.keys)  # which this file need not have
            frames, source = read_files([self.settings.file], foreign), "this file"
        else:
            every = self.study.data.frames
            name = self.settings.trajectory or _named_eos(every)
            frames = [atoms for atoms in every if trajectory_of(atoms) == name]
            source = f"the trajectory {name!r}"
        lacking = [atoms for atoms in frames if "REF_energy" not in atoms.info]
        if not frames or lacking or len({str(atoms.symbols) for atoms in frames}) > 1:
            problem = (
                f"there are no frames in {source}"
                if not frames
                else f"{len(lacking)} frames of {source} have no energy"
                if lacking
                else f"the frames of {source} are not of one crystal"
            )
            raise InputError(
                f"properties.eos: {problem}.",
                file=self.settings.file,
                remedy="name labelled frames of one crystal at 5 or more volumes under file or trajectory.",
            )
        return frames

    def _notes(self) -> list[str]:
        seen = self.seen(self.frames)
        return [] if seen is None else [f"{seen}, and do not judge."]


def _minimum(found: EquationOfState, flags: Sequence[str], seen: str | None = None) -> list[Value]:
    _, volume, modulus, _ = found.errors
    return [
        VOLUME.of(found.volume, volume / found.volume, flags, seen),
        MODULUS.of(found.modulus / units.GPa, modulus / found.modulus, flags, seen),
    ]


def _named_eos(frames: list[Atoms]) -> str:
    """The one trajectory with the word eos in its name."""
    names = sorted({trajectory_of(atoms) for atoms in frames})
    found = [name for name in names if re.search(r"(?i)(?<![a-z])eos(?![a-z])", name)]
    if len(found) != 1:
        raise InputError(
            f"properties.eos: {len(found)} trajectories of the data have the word eos in their names.",
            remedy="name one under trajectory, or a file of labelled frames under file.",
        )
    return found[0]
