"""Small structures and untrained neural potentials with every number set, for tests of derivatives."""

import numpy as np
import torch
from ase import Atoms
from ase.data import atomic_numbers

from superion.potentials.neural import NeuralSettings, NeuralTerm, SymmetryFunctions, SymmetrySettings
from superion.potentials.neural.model import Model, Scales, initial_weights

SYMMETRY = SymmetrySettings(cutoff=4.0, radial=4, angular=2, zetas=(1.0, 4.0))
GENERATIONS = {
    "2g": {"generation": "2g"},
    "3g": {"generation": "3g"},
    "3g, not conserved": {"generation": "3g", "conserve": False},
    "cent": {"generation": "cent"},
    "4g": {"generation": "4g"},
    "latent": {"generation": "latent-charges"},
    "latent, equilibrated": {"generation": "latent-charges", "latent": "equilibrated"},
}
CHARGED = [name for name in GENERATIONS if name != "2g"]


def neural_settings(name: str, **changes) -> NeuralSettings:
    return NeuralSettings(symmetry=SYMMETRY, hidden=(6, 5), **(GENERATIONS[name] | changes))


def untrained(name: str, symbols=("H", "C", "O"), seed: int = 0, **changes) -> NeuralTerm:
    """Random networks, scales and baseline, so that no part of the model is trivial."""
    settings = neural_settings(name, **changes)
    generator = torch.Generator().manual_seed(seed)
    species = sorted(atomic_numbers[s] for s in symbols)
    functions = SymmetryFunctions(settings.symmetry, species)
    count, size = len(species), functions.size

    def draw(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, dtype=torch.float64, generator=generator)

    shift, charge = (draw(count, size), 0.5 + draw(count, size)), (draw(count), 0.2 + draw(count))
    scales = Scales(*shift, *charge, draw(count), 0.5 + draw(count))
    symbols = sorted(symbols, key=atomic_numbers.get)
    return NeuralTerm(Model(settings, functions, scales, initial_weights(settings, symbols, size, generator)))


def molecule(seed: int = 0, charge: float = 1.0) -> Atoms:
    rng = np.random.default_rng(seed)
    places = np.array([[0, 0, 0], [1.3, 0, 0], [2.5, 0.4, 0], [3.7, 0, 0.3], [-0.9, 0.6, 0], [0.2, 4.2, 0.5]])
    atoms = Atoms("CCOHHO", places + rng.normal(0, 0.1, (6, 3)))
    atoms.info["total_charge"] = charge
    return atoms


def crystal(seed: int = 0) -> Atoms:
    rng = np.random.default_rng(seed)
    places = np.array([[0, 0, 0], [1.2, 1.1, 1.3], [2.3, 0.2, 1.9], [0.4, 2.4, 2.2], [2.2, 2.1, 0.3]])
    cell = [[3.9, 0, 0], [0.7, 4.1, 0], [0.2, -0.5, 4.3]]
    atoms = Atoms("COHHC", places + rng.normal(0, 0.1, (5, 3)), cell=cell, pbc=True)
    atoms.info["total_charge"] = 0.0
    return atoms


STRUCTURES = {"cluster": molecule, "periodic": crystal}
