"""What in a term makes an electric field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from ase import Atoms

from superion.electrostatics.charges import ChargeModel
from superion.electrostatics.densities import Density

Array = np.ndarray


class Polarizable(Protocol):
    """Atoms with induced dipoles."""

    def induced_dipoles(self, atoms: Atoms, field: Array) -> Array:
        """(N, 3) e·Å in an outer field (3,) V/Å."""
        ...


@dataclass(frozen=True, slots=True)
class Sources:
    """Charges, their densities, and polarizable atoms."""

    charges: ChargeModel
    densities: Mapping[str, Density] | Density
    polarizable: Polarizable | None = None
