"""A potential: a sum of terms with its provenance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ase import Atoms

from superion.errors import ModelError
from superion.potentials import model_file
from superion.potentials.gp import Deviation, SparseGP
from superion.terms import Evaluation, Term


class Potential:
    """Energy, forces and virial as a sum of terms.

    provenance: JSON-ready facts on how it was made (data hash, settings, versions), kept in its file.
    """

    def __init__(self, terms: Sequence[Term], provenance: Mapping[str, Any] | None = None) -> None:
        if not terms:
            raise ModelError("a potential needs at least one term.", remedy="give it one.")
        self.terms = list(terms)
        self.provenance = dict(provenance or {})

    def evaluate(self, atoms: Atoms) -> Evaluation:
        """Energy (eV), atomic energies, forces (eV/Å), virial (eV), charges (e) and dipole (e·Å)."""
        result = Evaluation.zero(len(atoms))
        for term in self.terms:
            result = result + term.evaluate(atoms)
        return result

    def deviation(self, atoms: Atoms) -> Deviation:
        """Predictive standard deviations of energy (eV), atomic energies (eV) and forces (eV/Å)."""
        for term in self.terms:
            if isinstance(term, SparseGP):
                return term.deviation(atoms)
        raise ModelError("this potential has no Gaussian process, hence no predictive variance.")

    @property
    def species(self) -> list[str]:
        """Chemical symbols of the local model, or an empty list if it has none."""
        return next((term.species for term in self.terms if isinstance(term, SparseGP)), [])

    def save(self, path: str | Path) -> None:
        """Write one self-contained safetensors file, atomically."""
        model_file.save(path, self.terms, self.provenance)

    @classmethod
    def load(cls, path: str | Path) -> Potential:
        """Read a model file; CorruptFileError or ModelError with advice if it cannot be used."""
        return cls(*model_file.load(path))
