"""Small molecules and a small kernel charge equilibration that tests share."""

import numpy as np
import torch
from ase import Atoms
from ase.build import molecule

from superion.potentials.kernel_charges.problem import ChargeProblem
from superion.potentials.kernel_charges.response import Elements
from superion.potentials.kernel_charges.settings import KernelQEqSettings
from superion.potentials.kernel_charges.vector import VectorBlock
from superion.potentials.many_body.soap import SoapBlock, SoapSettings

NAMES = ("H2O", "CH3OH", "H2CO", "CH4", "HCOOH", "CH3CHO", "CO2", "H2O2")
SPECIES = (1, 6, 8)
SOAP = SoapSettings(
    cutoff=3.0, cutoff_width=1.5, n_max=3, l_max=2, atom_sigma=0.4, delta=2.0, sparse_points=12
)
DIPOLES = SoapSettings(
    cutoff=3.0, cutoff_width=1.5, n_max=2, l_max=2, atom_sigma=0.4, delta=0.2, sparse_points=6
)
SETTINGS = KernelQEqSettings(
    electronegativity=(SOAP,), atomic_dipoles=(DIPOLES,), total_charge=0.0, learn=(), jitter=1e-10
)
ELEMENTS = Elements.of({"H": 13.0, "C": 10.0, "O": 15.0}, {"H": 0.4, "C": 0.7, "O": 0.6})


def molecules(count: int, seed: int = 0) -> list[Atoms]:
    """Distorted, turned small molecules."""
    rng = np.random.default_rng(seed)
    frames = []
    for k in range(count):
        atoms = molecule(NAMES[k % len(NAMES)])
        atoms.rotate(rng.uniform(0, 360), rng.standard_normal(3))
        atoms.positions += rng.normal(scale=0.06, size=(len(atoms), 3))
        frames.append(Atoms(atoms.numbers, atoms.positions))
    return frames


def problem(
    frames: list[Atoms], settings: KernelQEqSettings = SETTINGS, elements: Elements = ELEMENTS
) -> ChargeProblem:
    """Without anything learned."""
    rng = np.random.default_rng(1)
    blocks = [SoapBlock.choose(frames, soap, SPECIES, rng) for soap in settings.electronegativity]
    vectors = [VectorBlock.choose(frames, soap, SPECIES, rng) for soap in settings.atomic_dipoles]
    return ChargeProblem(frames, blocks, vectors, elements, settings)


def charges_of(
    atoms: Atoms, chi: np.ndarray, elements: Elements = ELEMENTS, total: float = 0.0
) -> np.ndarray:
    """Charges by the equations of Rappé and Goddard, written out with a Lagrange multiplier."""
    from math import erf, pi, sqrt

    n = len(atoms)
    kinds = [elements.species.index(z) for z in atoms.numbers]
    hardness, width = elements.hardness.numpy()[kinds], elements.width.numpy()[kinds]
    system, right = np.zeros((n + 1, n + 1)), np.append(-chi, total)
    for i in range(n):
        system[i, i] = hardness[i] + 14.399645 / (width[i] * sqrt(pi))
        for j in range(i):
            r = np.linalg.norm(atoms.positions[i] - atoms.positions[j])
            value = 14.399645 / r * erf(r / sqrt(2 * (width[i] ** 2 + width[j] ** 2)))
            system[i, j] = system[j, i] = value
    system[n, :n] = system[:n, n] = 1.0
    return np.linalg.solve(system, right)[:n]


def random_unknowns(own: ChargeProblem, seed: int = 3) -> np.ndarray:
    """A draw from the prior."""
    rng, unknowns = np.random.default_rng(seed), np.empty(own.size)
    for part, factor in own.prior():
        unknowns[part] = np.linalg.solve(factor, rng.standard_normal(len(factor)))
    return unknowns


def tensor(values: object) -> torch.Tensor:
    """float64."""
    return torch.tensor(np.asarray(values), dtype=torch.float64)
