"""Energies of point defects, also in electric fields, and what they are made of."""

from superion.calculations.defects.dipoles import charges_for_field
from superion.calculations.defects.frames import FRAMES, LabelledEnergy, labelled_energies
from superion.calculations.defects.result import (
    BACK,
    DefectEnergy,
    DefectResult,
    FieldCurve,
    FieldPoint,
    SeparatedPair,
)
from superion.calculations.defects.run import JOURNAL, RESULT, run_defects
from superion.calculations.defects.settings import DefectSettings
from superion.calculations.defects.structures import (
    Defect,
    defects_of,
    frenkel_pairs_of,
    interstitials_of,
    vacancies_of,
)

__all__ = [
    "BACK",
    "FRAMES",
    "JOURNAL",
    "RESULT",
    "Defect",
    "DefectEnergy",
    "DefectResult",
    "DefectSettings",
    "FieldCurve",
    "FieldPoint",
    "LabelledEnergy",
    "SeparatedPair",
    "charges_for_field",
    "defects_of",
    "frenkel_pairs_of",
    "interstitials_of",
    "labelled_energies",
    "run_defects",
    "vacancies_of",
]
