"""How far a structure lies from what a model was fitted to."""

from __future__ import annotations

import numpy as np
from ase import Atoms

from superion.potentials import Potential
from superion.potentials.gp import SparseGP
from superion.potentials.maxvol import active_sets, grade
from superion.potentials.soap import SoapBlock


class Trust:
    """Extrapolation grade and predicted deviation of forces, of a potential that can tell."""

    def __init__(self, potential: Potential) -> None:
        self._potential = potential
        local = [term for term in potential.terms if isinstance(term, SparseGP)]
        blocks = [block for term in local for block in term.blocks if isinstance(block, SoapBlock)]
        self._block = blocks[0] if blocks else None
        self._active = active_sets(blocks[0].points) if blocks else {}
        self._variance = any(term.factor is not None for term in local)

    def grade(self, atoms: Atoms) -> float | None:
        """Largest extrapolation grade of an environment, against the sparse environments of the model.

        Those are environments of its training set, so that above 1 an environment lies outside of what was
        kept of it. None for a model without SOAP.
        """
        if self._block is None:
            return None
        spectra = self._block.spectra(atoms)
        worst = 0.0
        for z in np.unique(atoms.numbers).tolist():
            rows = spectra[atoms.numbers == z]
            if z in self._block.bases:
                rows = rows @ self._block.bases[z].T
            worst = max(worst, grade({z: self._active[z]}, atoms[atoms.numbers == z], rows))
        return worst

    def deviation(self, atoms: Atoms) -> float | None:
        """Largest predicted standard deviation of the force on an atom in eV/Å; None if there is none."""
        if not self._variance:
            return None
        return float(np.linalg.norm(self._potential.deviation(atoms).forces, axis=1).max())
