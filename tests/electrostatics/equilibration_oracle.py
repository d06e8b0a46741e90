"""Structures for charge equilibration, and its charges by brute force: all conditions at once."""

import numpy as np
import torch
from ase import Atoms

from superion.electrostatics import ChargeEquilibration, Gaussian, Slater, coulomb_matrix

CHI = {"Li": 3.0, "Cl": 8.5, "O": 8.7}
HARDNESS = {"Li": 9.0, "Cl": 11.0, "O": 13.4}
GAUSSIANS = {"Li": Gaussian(1.1), "Cl": Gaussian(0.9), "O": Gaussian(0.7)}
SLATERS = {"Li": Slater(1.2, 2), "Cl": Slater(1.7, 3), "O": Slater(1.8, 2)}
CELLS = {
    (False, False, False): np.zeros((3, 3)),
    (True, True, True): np.array([[5.2, 0.3, 0.2], [-0.4, 5.4, 0.1], [0.1, 0.3, 5.3]]),
    (True, True, False): np.array([[5.2, 0.3, 0], [-0.4, 5.4, 0], [0.3, -0.2, 9.0]]),
}
CLUSTER, CRYSTAL, SLAB = CELLS


def structure(pbc=CLUSTER, seed=0, symbols="Li3Cl2O3"):
    """Eight atoms, at least about 2 Å apart."""
    rng = np.random.default_rng(seed)
    grid = 2.5 * np.argwhere(np.ones((2, 2, 2))) + rng.uniform(-0.2, 0.2, (8, 3))
    return Atoms(symbols, grid, cell=CELLS[tuple(pbc)], pbc=pbc)


def model(densities=GAUSSIANS, total_charge=0.0, **options):
    return ChargeEquilibration(
        CHI, HARDNESS, densities, total_charge, **{"accuracy": 1e-12, "warn": False, **options}
    )


def strained(atoms, strain):
    moved = atoms.copy()
    moved.set_cell(atoms.cell.array @ (np.eye(3) + strain))
    moved.positions = atoms.positions @ (np.eye(3) + strain)
    return moved


def saddle_point(atoms, own, groups, totals):
    """Charges from all conditions at once, minimum and constraints, with one multiplier for each group."""
    symbols = atoms.get_chemical_symbols()
    distinct = tuple(dict.fromkeys(own.densities.values()))
    kinds = torch.tensor([distinct.index(own.densities[s]) for s in symbols])
    cell = torch.tensor(atoms.cell.array) if atoms.pbc.all() else None
    interaction = coulomb_matrix(torch.tensor(atoms.positions), cell, distinct, kinds, 1e-13).numpy()
    member = np.equal.outer(groups, np.unique(groups)).astype(float)
    count, more = member.shape
    whole = np.block(
        [[interaction + np.diag([HARDNESS[s] for s in symbols]), member], [member.T, np.zeros((more, more))]]
    )
    right = np.concatenate([atoms.positions @ own.field - [CHI[s] for s in symbols], totals])
    return np.linalg.solve(whole, right)[:count]
