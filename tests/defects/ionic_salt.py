"""Rock salt of point charges with Born-Mayer repulsion: a potential whose defects are known."""

from __future__ import annotations

from ase.build import bulk

from superion.calculations.defects import DefectSettings
from superion.electrostatics import CoulombTerm, FixedCharges, Point
from superion.potentials import Potential
from superion.potentials.classical.pair_forms import Buckingham
from superion.potentials.classical.pair_potentials import PairPotentials

CHARGES = {"Na": 1.0, "Cl": -1.0}
REPULSION = PairPotentials({("Na", "Cl"): Buckingham(1256.3, 0.3162)}, species=["Na", "Cl"], cutoff=6.0)
SALT = Potential([CoulombTerm(FixedCharges(CHARGES), Point(), accuracy=1e-9), REPULSION])
RIGID = 1e6
"""eV/Å; with such a limit no atom moves."""


def crystal():
    return bulk("NaCl", "rocksalt", a=5.64, cubic=True)


def settings(**values):
    chosen = {"species": "Na", "supercells": [(2, 2, 2)], "count": 1, "separation": 4.0, "fmax": 1e-3}
    return DefectSettings.model_validate(chosen | values)
