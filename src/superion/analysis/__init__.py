"""From trajectories and predictions to results with uncertainties."""

from superion.analysis.accuracy import Parity, parity
from superion.analysis.diffusion import DiffusionEstimate, diffusion_coefficient
from superion.analysis.displacement import collective, mean_squared_displacement, remove_drift, unwrap
from superion.analysis.transport import (
    TransportResult,
    conductivity_against_length,
    nernst_einstein,
    transport,
)

__all__ = [
    "DiffusionEstimate",
    "Parity",
    "TransportResult",
    "collective",
    "conductivity_against_length",
    "diffusion_coefficient",
    "mean_squared_displacement",
    "nernst_einstein",
    "parity",
    "remove_drift",
    "transport",
    "unwrap",
]
