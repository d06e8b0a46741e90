"""A potential: a sum of terms with its provenance."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ase import Atoms

from superion.electrostatics.charged_cells import ChargedCells, with_background
from superion.electrostatics.charges import ChargeModel
from superion.electrostatics.makov_payne import MakovPayne
from superion.electrostatics.polarizable_response import PolarizableResponse
from superion.electrostatics.polarizable_term import PolarizableTerm
from superion.errors import ModelError
from superion.neighbours import NeighbourList
from superion.potentials import model_file
from superion.potentials.gp import Deviation, SparseGP
from superion.potentials.kernel_dipoles import AtomicDipoles
from superion.potentials.neural.term import NeuralTerm
from superion.surroundings import evaluate_local
from superion.terms import Evaluation, LocalTerm, Term


class Potential:
    """Energy, forces and virial as a sum of terms.

    provenance: JSON-ready facts on how it was made (data hash, settings, versions), kept in its file.
    """

    def __init__(self, terms: Sequence[Term], provenance: Mapping[str, Any] | None = None) -> None:
        if not terms:
            raise ModelError("a potential needs at least one term.", remedy="give it one.")
        self.terms = tuple(terms)
        self._local = [term for term in self.terms if isinstance(term, LocalTerm)]
        self._other = [term for term in self.terms if not isinstance(term, LocalTerm)]
        self.provenance = dict(provenance or {})

    def evaluate(self, atoms: Atoms) -> Evaluation:
        """Energy (eV), atomic energies, forces (eV/Å), virial (eV), charges (e) and dipole (e·Å)."""
        return self.evaluate_batch([atoms])[0]

    def evaluate_batch(
        self, structures: Sequence[Atoms], lists: Sequence[NeighbourList] | None = None
    ) -> list[Evaluation]:
        """The evaluation of each structure; the local terms of all are computed together.

        lists: neighbour lists that remember the structures, one for each.
        """
        results = evaluate_local(self._local, structures, lists=lists)
        for term in self._other:
            results = [r + term.evaluate(atoms) for r, atoms in zip(results, structures, strict=True)]
        return results

    def with_precision(self, precision: str) -> Potential:
        """The same potential, its SOAP block evaluated in `float64` or, faster, `float32`.

        Its file stays the same. Sums, 2- and 3-body blocks, repulsion and electrostatics are always float64.
        """
        terms = [t.with_precision(precision) if isinstance(t, SparseGP) else t for t in self.terms]
        return Potential(terms, self.provenance)

    def with_charged_cells(self, chosen: ChargedCells | str) -> Potential:
        """The same potential, which does something else with periodic cells that are not neutral.

        chosen: `warn`, `background`, `refuse` or `makov-payne:EPS`, see `ChargedCells`. A local potential has
        no charges and stays as it is. InputError for another text.
        """
        if isinstance(chosen, str):
            chosen = ChargedCells.parse(chosen)
        rest = [term for term in self.terms if not isinstance(term, MakovPayne)]
        terms: list[Term] = [with_background(term, chosen.background) for term in rest]
        charges = Potential(terms).charge_model
        if chosen.permittivity is not None and charges is not None:
            terms.append(MakovPayne(charges, chosen.permittivity))
        return Potential(terms, self.provenance)

    def deviation(self, atoms: Atoms) -> Deviation:
        """Predictive standard deviations of energy (eV), atomic energies (eV) and forces (eV/Å)."""
        for term in self.terms:
            if isinstance(term, SparseGP):
                return term.deviation(atoms)
        raise ModelError("this potential has no Gaussian process, hence no predictive variance.")

    def tabulated(self, tolerance: float) -> Potential:
        """The same potential with its 2- and 3-body energies read from tables, see `SparseGP.tabulated`."""
        terms = [term.tabulated(tolerance) if isinstance(term, SparseGP) else term for term in self.terms]
        return Potential(terms, self.provenance)

    @property
    def species(self) -> list[str]:
        """Chemical symbols of the local model, or an empty list if it has none."""
        return next((t.species for t in self.terms if isinstance(t, SparseGP | NeuralTerm)), [])

    @property
    def reach(self) -> float | None:
        """How far the energy of an atom sees, in Å, electrostatics aside; None without local terms."""
        return max((term.cutoff for term in self._local), default=None)

    @property
    def response(self) -> ChargeModel | None:
        """What an electric field acts on: the charge model, with induced dipoles where there are any.

        None if there is none; ModelError if terms have different ones, or dipoles that feel no field.
        """
        if any(isinstance(term, AtomicDipoles) for term in self.terms):
            raise ModelError(
                "the atoms of this potential have dipoles that do not feel an electric field.",
                remedy="use a model with charges alone; phonons without the field of long waves: --no-polar.",
            )
        for term in self.terms:
            if isinstance(term, PolarizableTerm):
                return PolarizableResponse(term)
        return self.charge_model

    @property
    def charge_model(self) -> ChargeModel | None:
        """The charges alone, whatever dipoles there are; None without, ModelError if terms differ in them."""
        held = [
            term if isinstance(term, ChargeModel) else getattr(term, "charges", None) for term in self.terms
        ]
        found = [one for one in held if isinstance(one, ChargeModel) and getattr(one, "charged", True)]
        if len({json.dumps(model.settings(), sort_keys=True) for model in found}) > 1:
            raise ModelError(
                f"the terms of this potential have {len(found)} different charge models.",
                remedy="say which one is meant.",
            )
        return found[0] if found else None

    def save(self, path: str | Path) -> None:
        """Write one self-contained safetensors file, atomically."""
        model_file.save(path, self.terms, self.provenance)

    @classmethod
    def load(cls, path: str | Path) -> Potential:
        """Read a model file; CorruptFileError or ModelError with advice if it cannot be used."""
        return cls(*model_file.load(path))
