"""Small crystals whose physics is known, shared by the tests of molecular dynamics."""

from __future__ import annotations

import time

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import Calculator, all_changes

from superion.neighbours import neighbour_pairs
from superion.potentials import FitSettings, Potential, fit

SPRING = 2.0  # eV/Å²
BOND = 2.6  # Å


def crystal(repeat: int = 2, symbol: str = "Cu") -> Atoms:
    """Face-centred cubic crystal, 4·repeat³ atoms, at the bond length of `Springs`."""
    return bulk(symbol, "fcc", a=BOND * np.sqrt(2), cubic=True) * (repeat, repeat, repeat)


class Springs(Calculator):
    """Nearest neighbours joined for ever by springs.

    bonds=True: ½k(|d| − d₀)², invariant under rotation and anharmonic. bonds=False: ½k|d − d₀|² with
    vectors, an exactly quadratic energy. slow: seconds to waste in each evaluation.
    """

    implemented_properties = ("energy", "free_energy", "forces", "stress", "charges", "dipole")

    def __init__(
        self, atoms: Atoms, *, bonds: bool = True, spring: float = SPRING, slow: float = 0.0
    ) -> None:
        super().__init__()
        pairs = neighbour_pairs(atoms, 1.2 * BOND)
        keep = (pairs.i < pairs.j) | ((pairs.i == pairs.j) & (pairs.vector @ np.array([1.0, 1e-3, 1e-6]) > 0))
        self.i, self.j, self.rest = pairs.i[keep], pairs.j[keep], pairs.vector[keep]
        shift = self.rest - (atoms.positions[self.j] - atoms.positions[self.i])
        self.shift = np.rint(shift @ np.linalg.inv(atoms.cell.array))
        self.bonds, self.spring, self.slow = bonds, spring, slow
        self.count = 0

    def calculate(self, atoms=None, properties=("energy",), system_changes=tuple(all_changes)):
        super().calculate(atoms, properties, system_changes)
        self.count += 1
        if self.slow:
            time.sleep(self.slow)
        vector = atoms.positions[self.j] - atoms.positions[self.i] + self.shift @ atoms.cell.array
        if self.bonds:
            length = np.sqrt((vector * vector).sum(axis=1))
            stretch = vector * (1 - BOND / length)[:, None]
        else:
            stretch = vector - self.rest
        pull = self.spring * stretch
        n = len(atoms)
        forces = np.empty((n, 3))
        for axis in range(3):
            forces[:, axis] = np.bincount(self.i, pull[:, axis], n) - np.bincount(self.j, pull[:, axis], n)
        stress = pull.T @ vector / atoms.get_volume()
        charges = np.where(np.arange(n) % 2, 0.5, -0.5)
        energy = 0.5 * self.spring * float((stretch * stretch).sum())
        self.results = {
            "energy": energy,
            "free_energy": energy,
            "forces": forces,
            "stress": stress.flat[[0, 4, 8, 5, 2, 1]],
            "charges": charges,
            "dipole": charges @ atoms.positions,
        }


def pair_model(sigma: float) -> Potential:
    """A 2-body model of the crystal of `Springs` at its own volume; like a file, it tells how it was fitted.

    sigma: eV per atom, regularisation of the energies.
    """
    frames = []
    for seed in range(6):
        atoms = crystal()
        atoms.rattle(0.05, seed=seed)
        atoms.calc = Springs(crystal())
        atoms.info["REF_energy"] = atoms.get_potential_energy()
        atoms.arrays["REF_forces"] = atoms.get_forces()
        atoms.calc = None
        frames.append(atoms)
    settings = FitSettings.model_validate(
        {"soap": None, "pair": {"cutoff": 4.0, "sparse_points": 12}, "sigma": {"energy": sigma}}
    )
    terms = fit(frames, settings, {"pair": []})["pair"]
    return Potential(terms, {"settings": {"fit": settings.model_dump(mode="json")}})
