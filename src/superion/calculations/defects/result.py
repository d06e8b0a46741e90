"""What is known of defects after a run, with everything that casts doubt on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from superion.calculations.defects.arrangement import Arrangement
from superion.calculations.defects.attribution import Attribution
from superion.calculations.defects.finite_size import Extrapolation
from superion.calculations.defects.results import (
    DefectFile,
    DefectRow,
    ExtrapolatedRow,
    LabelRow,
    SeparatedRow,
)
from superion.calculations.defects.settings import DefectSettings, Supercell
from superion.calculations.defects.structures import Defect

if TYPE_CHECKING:
    from superion.calculations.defects.frames import LabelledEnergy

Array = np.ndarray
BACK = "relaxed back to the crystal"


@dataclass(frozen=True, slots=True)
class FieldPoint:
    """A formation energy in a field, the crystal in the same field as reference.

    field: V/Å. energy: eV, or None and `why`. dipole: (3,) e·Å, of the defect less that of the crystal, both
    in the field. rigid: eV, −Δp(0)·E. relaxation: eV, what is left of the change. hopped: an ion has changed
    place on the way here.
    """

    field: float
    energy: float | None
    why: str | None = None
    flags: tuple[str, ...] = ()
    dipole: Array | None = None
    rigid: float | None = None
    relaxation: float | None = None
    hopped: bool = False

    def to_json(self) -> dict[str, Any]:
        """JSON-ready, with units in the names."""
        return {
            "field_V_per_A": self.field,
            "energy_eV": self.energy,
            "why": self.why,
            "flags": list(self.flags),
            "dipole_change_eA": None if self.dipole is None else self.dipole.tolist(),
            "rigid_dipole_eV": self.rigid,
            "relaxation_eV": self.relaxation,
            "hopped": self.hopped,
        }


@dataclass(frozen=True, slots=True)
class FieldCurve:
    """Formation energy along one Cartesian axis, from the lowest field to the highest.

    back: the same on the way back to zero. hysteresis: eV, the largest difference of both ways, None without
    a way back. attribution: of slope and curvature at zero field, or None and `why`.
    """

    axis: str
    points: tuple[FieldPoint, ...]
    back: tuple[FieldPoint, ...] = ()
    hysteresis: float | None = None
    attribution: Attribution | None = None
    why: str | None = None

    def to_json(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "axis": self.axis,
            "points": [point.to_json() for point in self.points],
            "back": [point.to_json() for point in self.back],
            "hysteresis_eV": self.hysteresis,
            "attribution": None if self.attribution is None else self.attribution.to_json(),
            "why": self.why,
        }


@dataclass(frozen=True, slots=True)
class DefectEnergy:
    """One defect in one supercell.

    energy: eV, E(defect) − E(crystal), both relaxed without field: of a Frenkel pair the formation energy; of
    a vacancy or interstitial without what its atom has elsewhere. None with the reason in `why`. charge: e,
    of the cell, None without charges. dipole: (3,) e·Å, change against the crystal, followed in runs with
    fields. curves: by Cartesian axis.
    """

    defect: Defect
    supercell: Supercell
    atoms: int
    energy: float | None
    why: str | None
    flags: tuple[str, ...]
    arrangement: Arrangement | None
    charge: float | None = None
    dipole: Array | None = None
    dipole_error: float = 0.0
    grade: float | None = None
    deviation: float | None = None
    steps: int = 0
    curves: dict[str, FieldCurve] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Of the defect; the same in every supercell and for every model."""
        return self.defect.name

    def to_json(self) -> dict[str, Any]:
        """JSON-ready, with units in the names."""
        defect, now = self.defect, self.arrangement
        return {
            "name": defect.name,
            "kind": defect.kind,
            "supercell": list(self.supercell),
            "atoms": self.atoms,
            "vacancy": defect.vacancy,
            "site_A": None if defect.site is None else defect.site.tolist(),
            "displacement_A": None if defect.displacement is None else defect.displacement.tolist(),
            "separation_A": defect.separation,
            "equivalent": defect.equivalent,
            "energy_eV": self.energy,
            "why": self.why,
            "flags": list(self.flags),
            "relaxed": None
            if now is None
            else {
                "vacancies": list(now.vacancies),
                "interstitials": list(now.interstitials),
                "exchanged": list(now.exchanged),
                "separation_A": now.separation,
                "longest_way_A": now.moved,
            },
            "charge_e": self.charge,
            "dipole_change_eA": None if self.dipole is None else self.dipole.tolist(),
            "dipole_error_eA": self.dipole_error,
            "extrapolation_grade": self.grade,
            "force_deviation_eV_per_A": self.deviation,
            "steps": self.steps,
            "fields": {axis: curve.to_json() for axis, curve in self.curves.items()},
        }


@dataclass(frozen=True, slots=True)
class SeparatedPair:
    """E(vacancy) + E(interstitial) − 2 E(crystal) in eV: a Frenkel pair whose ends are far from each other.

    Of the vacancy and the interstitial of lowest energy in one supercell. flags: those of both.
    """

    supercell: Supercell
    vacancy: str
    interstitial: str
    energy: float
    flags: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "supercell": list(self.supercell),
            "vacancy": self.vacancy,
            "interstitial": self.interstitial,
            "energy_eV": self.energy,
            "flags": list(self.flags),
        }


@dataclass(frozen=True, slots=True)
class DefectResult:
    """All defects of one crystal and one potential.

    defects: by supercell, then in the order of `defects_of`. computed: relaxations made now, not recalled.
    """

    species: str
    formula: str
    model: str
    defects: tuple[DefectEnergy, ...]
    separated: tuple[SeparatedPair, ...]
    extrapolated: tuple[Extrapolation, ...]
    notes: tuple[str, ...]
    computed: int

    def record(self, settings: DefectSettings, labels: Sequence[LabelledEnergy] = ()) -> DefectFile:
        """What is written, with units in the names."""
        return DefectFile(
            species=self.species,
            formula=self.formula,
            model=self.model,
            defects=[DefectRow.model_validate(one.to_json()) for one in self.defects],
            separated_pairs=[SeparatedRow(**pair.to_json()) for pair in self.separated],
            extrapolated=[ExtrapolatedRow(**one.to_json()) for one in self.extrapolated],
            notes=list(self.notes),
            settings=settings.model_dump(mode="json"),
            labels=[LabelRow(**one.to_json()) for one in labels] or None,
        )
