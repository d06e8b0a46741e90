"""Energies of point defects, also in electric fields, and what they are made of."""

from superion.defects.dipoles import charges_for_field
from superion.defects.frames import FRAMES, LabelledEnergy, labelled_energies
from superion.defects.result import BACK, DefectEnergy, DefectResult, FieldCurve, FieldPoint, SeparatedPair
from superion.defects.run import JOURNAL, RESULT, run_defects
from superion.defects.settings import DefectSettings
from superion.defects.structures import Defect, defects_of, frenkel_pairs_of, interstitials_of, vacancies_of

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
