"""Descriptors, the sparse Gaussian process, potentials, model files, the calculator."""

from superion.potentials.calculator import Calculator
from superion.potentials.classical_fit import fit_classical
from superion.potentials.classical_settings import ClassicalSettings
from superion.potentials.fit import fit
from superion.potentials.fit_settings import FitSettings, Sigmas
from superion.potentials.kernel_gap import fit_kqeq_gap
from superion.potentials.kernel_qeq import fit_kqeq
from superion.potentials.kernel_settings import KernelQEqSettings
from superion.potentials.memory import estimate_memory
from superion.potentials.potential import Potential
from superion.potentials.torch_potential import TorchPotential

__all__ = [
    "Calculator",
    "ClassicalSettings",
    "FitSettings",
    "KernelQEqSettings",
    "Potential",
    "Sigmas",
    "TorchPotential",
    "estimate_memory",
    "fit",
    "fit_classical",
    "fit_kqeq",
    "fit_kqeq_gap",
]
