"""A salt of three elements with known charges and a short-range potential, and its locality samples."""

from __future__ import annotations

import numpy as np
from ase import Atoms

from superion.calculations.locality import LocalitySettings, Samples
from superion.calculations.locality.spheres import displaced, make_series, reference_atoms
from superion.electrostatics import CoulombTerm, FixedCharges, Slater
from superion.neighbours import neighbour_pairs

CHARGES = {"Li": 0.6, "Mg": 1.1, "Cl": -0.425}
SCREENING = 1.5
REACH = 3.2
"""Å, of the short-range forces."""


def crystal() -> Atoms:
    """96 atoms, 16 each of Li and Mg and 64 of Cl on a cubic lattice without order, in a skewed cell."""
    rng = np.random.default_rng(5)
    grid = np.stack(np.meshgrid(*(np.arange(n) for n in (4, 4, 6)), indexing="ij"), axis=-1).reshape(-1, 3)
    symbols = np.array(["Li"] * 16 + ["Mg"] * 16 + ["Cl"] * 64)
    cell = np.array([[12.0, 0, 0], [1.0, 12.5, 0], [-1.0, 0.5, 13.0]])
    atoms = Atoms(rng.permutation(symbols), scaled_positions=grid / [4, 4, 6], cell=cell, pbc=True)
    atoms.positions += rng.normal(scale=0.1, size=atoms.positions.shape)
    return atoms


def charged(screening: float = SCREENING) -> CoulombTerm:
    """The truth at long range: 16 · 0.6 + 16 · 1.1 − 64 · 0.425 = 0."""
    return CoulombTerm(FixedCharges(CHARGES), Slater.from_screening(screening))


def short_range(atoms: Atoms) -> np.ndarray:
    """(N, 3) eV/Å, of the pair energy (1 − r/REACH)³ eV."""
    pairs = neighbour_pairs(atoms, REACH)
    pull = 3 / REACH * (1 - pairs.distance / REACH) ** 2 / pairs.distance
    forces = np.zeros((len(atoms), 3))
    np.add.at(forces, pairs.i, -pull[:, None] * pairs.vector)
    return forces


def samples(settings: LocalitySettings, *, term: CoulombTerm | None = None, noise: float = 0.0) -> Samples:
    """Labelled with the short-range forces, with those of a term, and with noise (eV/Å)."""
    atoms = crystal()
    centres = reference_atoms(atoms, settings.reference, np.random.default_rng(settings.seed))
    frames = list(displaced(atoms, make_series(atoms, centres, settings), settings))
    rng = np.random.default_rng(3)
    for frame in frames:
        forces = short_range(frame) + noise * rng.normal(size=(len(frame), 3))
        frame.arrays["REF_forces"] = forces + (term.evaluate(frame).forces if term else 0)
    return Samples.of(frames)
