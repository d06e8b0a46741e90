"""Neural potentials of every generation: local, with predicted or with equilibrated charges."""

from superion.potentials.neural.settings import (
    LabelSigmas,
    NeuralSettings,
    NeuralTraining,
    SymmetrySettings,
)
from superion.potentials.neural.symmetry_functions import SymmetryFunctions
from superion.potentials.neural.term import NeuralTerm
from superion.potentials.neural.train import fit_neural

__all__ = [
    "LabelSigmas",
    "NeuralSettings",
    "NeuralTerm",
    "NeuralTraining",
    "SymmetryFunctions",
    "SymmetrySettings",
    "fit_neural",
]
