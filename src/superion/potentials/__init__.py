"""Descriptors, the sparse Gaussian process, potentials, model files, the calculator."""

from superion.potentials.calculator import Calculator
from superion.potentials.classical.fit import fit_classical
from superion.potentials.classical.settings import ClassicalSettings
from superion.potentials.gap.fit import fit
from superion.potentials.gap.memory import estimate_memory
from superion.potentials.gap.settings import FitSettings, Sigmas
from superion.potentials.kernel_charges.gap import fit_kqeq_gap
from superion.potentials.kernel_charges.qeq import fit_kqeq
from superion.potentials.kernel_charges.settings import KernelQEqSettings
from superion.potentials.potential import Potential
from superion.potentials.torch_path.potential import TorchPotential

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
