"""Labelled trajectories of other chemistries, made here in seconds: what settings are held against.

    python benchmarks/families.py alloy|salt FILE.extxyz

alloy: 32 atoms of Cu, Ag, Au and Pd on an fcc lattice, effective medium theory of ASE. salt: 64 ions of
(Na, K)Cl, charges of ±1 e and Buckingham energies. Three trajectories each, 24 frames apart by 0.1 ps after
1 ps, at three temperatures up to the melt; `trajectory` in each frame.
"""

from __future__ import annotations

import sys

import numpy as np
from ase import Atoms, units
from ase.build import bulk
from ase.calculators.calculator import Calculator as Engine
from ase.calculators.emt import EMT
from ase.io import write
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import thermalize_momenta

from superion import Calculator, Potential
from superion.electrostatics import CoulombTerm, FixedCharges, Point
from superion.potentials.classical.pair_forms import Buckingham
from superion.potentials.classical.pair_potentials import PairPotentials

FRAMES, APART, BEFORE = 24, 50, 500  # steps of 2 fs


def alloy(rng: np.random.Generator) -> tuple[Atoms, Engine]:
    atoms = bulk("Cu", cubic=True, a=4.0) * (2, 2, 2)
    atoms.symbols = rng.permutation(np.repeat(["Cu", "Ag", "Au", "Pd"], 8))
    return atoms, EMT()


def salt(rng: np.random.Generator) -> tuple[Atoms, Engine]:
    atoms = bulk("NaCl", "rocksalt", cubic=True, a=5.9) * (2, 2, 2)
    sodium = np.flatnonzero(atoms.symbols == "Na")
    atoms.symbols[rng.permutation(sodium)[:16]] = "K"
    forms = {
        ("Na", "Cl"): Buckingham(1256.3, 0.3170),
        ("K", "Cl"): Buckingham(1786.9, 0.3390),
        ("Cl", "Cl"): Buckingham(3485.4, 0.3170, 29.06),
    }
    charges = CoulombTerm(FixedCharges({"Na": 1.0, "K": 1.0, "Cl": -1.0}), Point(), 1e-5)
    return atoms, Calculator(Potential([PairPotentials(forms), charges]))


FAMILIES = {"alloy": (alloy, (600, 1000, 1500)), "salt": (salt, (600, 1000, 1400))}


def frames(family: str) -> list[Atoms]:
    """The frames of all trajectories, with labels of the engine."""
    make, temperatures = FAMILIES[family]
    found = []
    for seed, temperature in enumerate(temperatures):
        rng = np.random.default_rng(seed)
        atoms, atoms.calc = make(rng)
        thermalize_momenta(atoms, 2 * temperature, rng=rng)
        dynamics = Langevin(atoms, 2 * units.fs, temperature_K=temperature, friction=0.01 / units.fs, rng=rng)
        dynamics.run(BEFORE)
        for k in range(FRAMES):
            dynamics.run(APART)
            kept = Atoms(atoms.symbols, atoms.positions, cell=atoms.cell, pbc=True)
            kept.info = {"REF_energy": atoms.get_potential_energy(), "REF_stress": atoms.get_stress()}
            kept.info |= {
                "trajectory": f"{family}-{temperature}K",
                "frame_id": f"{family}-{temperature}K-{k}",
            }
            kept.arrays["REF_forces"] = atoms.get_forces()
            found.append(kept)
    return found


if __name__ == "__main__":
    write(sys.argv[2], frames(sys.argv[1]), format="extxyz")
