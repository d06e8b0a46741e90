"""From trajectories and predictions to results with uncertainties."""

from superion.analysis.accuracy import Parity, parity
from superion.analysis.dielectric import (
    Dielectric,
    from_displacements,
    from_fields,
    from_fluctuations,
    lattice_dielectric,
)
from superion.analysis.diffusion import DiffusionEstimate, diffusion_coefficient
from superion.analysis.displacement import collective, mean_squared_displacement, remove_drift, unwrap
from superion.analysis.infrared import InfraredSpectrum, current_of
from superion.analysis.profiles import Profile, electrostatic_profile
from superion.analysis.transport import conductivity_against_length, nernst_einstein, transport
from superion.analysis.transport_result import TransportResult

__all__ = [
    "Dielectric",
    "DiffusionEstimate",
    "InfraredSpectrum",
    "Parity",
    "Profile",
    "TransportResult",
    "collective",
    "conductivity_against_length",
    "current_of",
    "diffusion_coefficient",
    "electrostatic_profile",
    "from_displacements",
    "from_fields",
    "from_fluctuations",
    "lattice_dielectric",
    "mean_squared_displacement",
    "nernst_einstein",
    "parity",
    "remove_drift",
    "transport",
    "unwrap",
]
