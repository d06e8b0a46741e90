"""Descriptors, the sparse Gaussian process, potentials, model files, the calculator."""

from superion.potentials.calculator import Calculator
from superion.potentials.fit import FitSettings, Sigmas, fit
from superion.potentials.memory import estimate_memory
from superion.potentials.potential import Potential
from superion.potentials.torch_potential import TorchPotential

__all__ = [
    "Calculator",
    "FitSettings",
    "Potential",
    "Sigmas",
    "TorchPotential",
    "estimate_memory",
    "fit",
]
