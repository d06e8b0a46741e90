"""What a property of a study is: its rows, the files it reads, its values by a fit and by labels."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from ase import Atoms
from ase.calculators.calculator import Calculator
from pydantic import BaseModel

from superion.errors import InputError, SuperionError
from superion.structures import is_isolated, read_structure, structure_hash, trajectory_of
from superion.study.properties.settings import identity
from superion.study.resample import Fit
from superion.verdict.topics import Topic
from superion.verdict.values import REFERENCE, Kind, PropertyFile, Value, property_path, write_property

if TYPE_CHECKING:
    from superion.study.steps import Study


class Row(NamedTuple):
    """What every value of a property is called, its unit, and how it is compared."""

    name: str
    unit: str
    kind: Kind

    def without(self, why: str) -> Value:
        """The row without a value."""
        return Value(name=self.name, unit=self.unit, kind=self.kind, value=None, why=why.rstrip("."))

    def of(
        self, value: float, error: float | None = None, flags: Sequence[str] = (), seen: str | None = None
    ) -> Value:
        """The row with its value; error: one standard error, of the logarithm if the kind is positive.

        seen: why labels that give it cannot judge.
        """
        return Value(
            name=self.name,
            unit=self.unit,
            kind=self.kind,
            value=value,
            error=error,
            seen=seen,
            flags=tuple(flags),
        )


@dataclass(frozen=True, slots=True)
class Measured:
    """Values and notes of one fit, or of labels. files: others that were written."""

    values: Sequence[Value]
    notes: Sequence[str] = ()
    files: Sequence[Path] = ()


def read_crystal(path: Path) -> Atoms:
    """The last structure of a file; InputError if it is not periodic along three axes."""
    atoms = read_structure(path, "-1")
    if not (atoms.pbc.all() and atoms.cell.rank == 3):
        raise InputError(
            f"a crystal is needed, found periodic axes {atoms.pbc.tolist()}.",
            file=path,
            remedy="give a structure with three periodic axes, or leave this property out.",
        )
    return atoms


class Property(ABC):
    """One property of a study.

    name: of the property, its key, its steps and its files. about: what it is, in the schema. Settings: of
    its key; None: it has none and is always computed. topic: how a verdict speaks of it; None: it is one of
    those that verdicts know. from_dynamics: reads the trajectories of the study. apart: takes so long that a
    process of its own is worth it.
    """

    name: ClassVar[str]
    about: ClassVar[str] = ""
    Settings: ClassVar[type[BaseModel] | None] = None
    topic: ClassVar[Topic | None] = None
    from_dynamics: ClassVar[bool] = False
    apart: ClassVar[bool] = False

    def __init__(self, study: Study) -> None:
        self.study = study
        self.settings: Any = study.settings.properties.chosen.get(self.name)

    def identity(self, fit: Fit | None) -> dict[str, Any]:
        """All settings that the values depend on, JSON-ready."""
        return {} if self.settings is None else identity(self.settings)

    def fits(self) -> list[Fit]:
        """The fits it is computed with."""
        return self.study.fits()

    def files(self, fit: Fit | None) -> dict[str, Path]:
        """What is read beside the model, by the name that enters the hash. fit: None for the reference."""
        return {}

    def prepared_from(self) -> dict[str, Path]:
        """What `prepare` reads beside the main model of the last potential; empty: nothing to prepare."""
        return {}

    def prepare(self) -> list[Path]:
        """Make what all fits start from; the files written."""
        return []

    def labelled(self) -> bool:
        """Whether labels give values to compare with."""
        return False

    def check(self) -> None:  # noqa: B027 - most have nothing to look at
        """Raise, before anything is computed, what speaks against it: files, elements, periodic axes."""

    @abstractmethod
    def rows(self) -> list[Row]:
        """All values there are, if nothing fails."""

    @abstractmethod
    def measure(self, fit: Fit) -> Measured:
        """The values by one fit."""

    def reference(self) -> Measured:
        """The values by labels, if it is `labelled`."""
        return Measured([])

    def seen(self, frames: Sequence[Atoms]) -> str | None:
        """Why labels of these frames cannot judge: fits have seen some of them, under whatever name."""
        inside = sum(structure_hash(atoms) in self._trained[0] for atoms in frames)
        if not inside:
            return None
        return f"{inside} of its {len(frames)} labelled structures were trained on"

    def seen_trajectories(self, frames: Sequence[Atoms]) -> list[str]:
        """A flag, if frames are of trajectories that fits have seen others of."""
        found = sorted({trajectory_of(atoms) for atoms in frames} & self._trained[1])
        return [f"from a trajectory that training saw: {', '.join(found)}"] if found else []

    @cached_property
    def _trained(self) -> tuple[set[str], set[str]]:
        """Hashes of the training frames, and names of their trajectories."""
        train = [atoms for atoms in self.study.data.part("train") if not is_isolated(atoms)]
        return {structure_hash(atoms) for atoms in train}, {trajectory_of(atoms) for atoms in train}

    def calculator(self, fit: Fit) -> Calculator:
        """The ASE calculator of a fit."""
        return self.study.open(fit).calculator()

    def write(self, fit: Fit | None) -> list[Path]:
        """Compute and write the values of a fit, or of labels (None); the files written."""
        found = self.reference() if fit is None else self.measure(fit)
        return [self._written(fit, found), *found.files]

    def write_failed(self, fit: Fit | None, why: str) -> list[Path]:
        """Write what is known after a failure: which values are missing, and why."""
        try:
            rows = self.rows()
        except SuperionError:  # nobody knows what is missing; `why` says the same
            rows = []
        return [self._written(fit, Measured([row.without(why) for row in rows], [] if rows else [why]))]

    def _written(self, fit: Fit | None, found: Measured) -> Path:
        potential = REFERENCE if fit is None else fit.potential
        resampled = None if fit is None else fit.resampled
        path = property_path(self.study.folder, self.name, potential, resampled)
        content = PropertyFile(
            property=self.name,
            potential=potential,
            resampled=resampled,
            values=tuple(found.values),
            notes=tuple(found.notes),
        )
        write_property(path, content)
        return path
