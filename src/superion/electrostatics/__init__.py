"""Charge densities, Coulomb sums, atomic properties, charge models, the Coulomb term, electric fields."""

from superion.electrostatics.charge_equilibration import ChargeEquilibration
from superion.electrostatics.charge_transfer import ChargeTransferWarning, neutral_fragments
from superion.electrostatics.charged_cells import ChargedCells, ChargedCellWarning
from superion.electrostatics.charges import ChargeModel, FixedCharges
from superion.electrostatics.coulomb import CoulombTerm
from superion.electrostatics.coulomb_matrix import coulomb_matrix
from superion.electrostatics.densities import (
    COULOMB,
    Density,
    Gaussian,
    Point,
    Slater,
    interaction,
    penetration,
    self_interaction,
)
from superion.electrostatics.direct import direct_energy
from superion.electrostatics.equilibration_term import EquilibrationTerm
from superion.electrostatics.ewald import Splitting, ewald_energy
from superion.electrostatics.makov_payne import MakovPayne
from superion.electrostatics.polarizable_term import PolarizableTerm
from superion.electrostatics.polarization import (
    BornCharges,
    born_charges,
    born_errors,
    dipole_path,
)
from superion.electrostatics.predicted import PredictedCharges
from superion.electrostatics.properties import AtomicProperty, ElementValues
from superion.electrostatics.rappe_goddard import published_charges, rappe_goddard
from superion.electrostatics.site_energies import interaction_matrix
from superion.electrostatics.slater import screened_1s
from superion.electrostatics.uniform_field import UniformField

__all__ = [
    "COULOMB",
    "AtomicProperty",
    "BornCharges",
    "ChargeEquilibration",
    "ChargeModel",
    "ChargeTransferWarning",
    "ChargedCellWarning",
    "ChargedCells",
    "CoulombTerm",
    "Density",
    "ElementValues",
    "EquilibrationTerm",
    "FixedCharges",
    "Gaussian",
    "MakovPayne",
    "Point",
    "PolarizableTerm",
    "PredictedCharges",
    "Slater",
    "Splitting",
    "UniformField",
    "born_charges",
    "born_errors",
    "coulomb_matrix",
    "dipole_path",
    "direct_energy",
    "ewald_energy",
    "interaction",
    "interaction_matrix",
    "neutral_fragments",
    "penetration",
    "published_charges",
    "rappe_goddard",
    "screened_1s",
    "self_interaction",
]
