"""A potential: a sum of terms with its provenance."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from ase import Atoms

from superion.batch import evaluate_local
from superion.electrostatics.charged_cells import ChargedCells, refuses, with_background
from superion.electrostatics.charges import ChargeModel, charges_of
from superion.electrostatics.makov_payne import MakovPayne
from superion.errors import ModelError
from superion.files import sha256
from superion.model import Model
from superion.neighbours import NeighbourList
from superion.potentials import model_file
from superion.potentials.gap.gaussian_process import Deviation
from superion.terms import Evaluation, Term, is_local

if TYPE_CHECKING:
    from superion.potentials.calculator import Calculator

LATENT = (
    "latent charges are whatever energies and forces ask for, not the charges of ions: what is computed from "
    "them is screened, and its size means little. Conductivities take formal charges (--charge); in fields "
    "give charges by element (--field-charges), or use a model that learned labelled charges, such as 4g."
)
"""Said where latent charges answer for what a field does."""


class Potential:
    """Energy, forces and virial as a sum of terms.

    provenance: JSON-ready facts on how it was made (data hash, settings, versions), kept in its file.
    name: of its file, for messages.
    """

    suffix = ".safetensors"
    make_calculator: ClassVar[type[Calculator]]
    """What `calculator` makes: `Calculator`, which is defined above this class and registers itself."""

    def __init__(
        self,
        terms: Sequence[Term],
        provenance: Mapping[str, Any] | None = None,
        *,
        name: str = "the potential",
        identity: Mapping[str, Any] | None = None,
    ) -> None:
        """identity: facts by which records know it; None: the hash of its terms."""
        if not terms:
            raise ModelError("a potential needs at least one term.", remedy="give it one.")
        self.terms = tuple(terms)
        self._local: list[Any] = [term for term in self.terms if is_local(term)]
        self._other = [term for term in self.terms if not is_local(term)]
        self.provenance = dict(provenance or {})
        self.name, self._identity = name, None if identity is None else dict(identity)

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
        terms = [_done(term, "with_precision", precision) for term in self.terms]
        found = self._changed(terms, precision=precision)
        if precision == "float64" and found._identity is not None:
            del found._identity["precision"]  # what is usual is no fact
        return found

    def with_charged_cells(self, chosen: ChargedCells | str) -> Potential:
        """The same potential, which does something else with periodic cells that are not neutral.

        chosen: `warn`, `background`, `refuse` or `makov-payne:EPS`, see `ChargedCells`. A local potential has
        no charges and stays as it is. InputError for another text.
        """
        if isinstance(chosen, str):
            chosen = ChargedCells.parse(chosen)
        rest = [term for term in self.terms if not getattr(term, "correction", False)]
        terms: list[Term] = [with_background(term, chosen.background) for term in rest]
        charges = Potential(terms).charge_model
        if chosen.permittivity is not None and charges is not None:
            terms.append(MakovPayne(charges, chosen.permittivity))
        return self._changed(terms, charged_cells=str(chosen))

    @property
    def refuses_charged_cells(self) -> bool:
        """Whether somebody chose that."""
        return any(refuses(term.settings()) for term in self.terms)

    def in_background(self) -> Potential:
        """The same potential, which takes charged cells with a uniform background, corrected if it was.

        One that somebody told to refuse them stays as it is.
        """
        if self.refuses_charged_cells:
            return self
        return self._changed([with_background(term, True) for term in self.terms])

    def with_terms(self, *terms: Term) -> Potential:
        """The sum of the potential and further terms."""
        return Potential([*self.terms, *terms], self.provenance, name=self.name)

    def calculator(self, *, device: str = "cpu") -> Calculator:
        """A new ASE calculator, on a device."""
        return self.make_calculator(self, device=device)

    def deviation(self, atoms: Atoms) -> Deviation:
        """Predictive standard deviations of energy (eV), atomic energies (eV) and forces (eV/Å)."""
        for term in self.terms:
            if (deviation := getattr(term, "deviation", None)) is not None:
                found: Deviation = deviation(atoms)
                return found
        raise ModelError("this potential has no Gaussian process, hence no predictive variance.")

    def tabulated(self, tolerance: float) -> Potential:
        """The same potential with its 2- and 3-body energies read from tables, see `SparseGP.tabulated`."""
        terms = [_done(term, "tabulated", tolerance) for term in self.terms]
        return self._changed(terms, tables=tolerance)

    def _changed(self, terms: Sequence[Term], **facts: Any) -> Potential:
        """The same potential computed in another way, known by what it was and by `facts`."""
        identity = None if self._identity is None else self._identity | facts
        return Potential(terms, self.provenance, name=self.name, identity=identity)

    @property
    def gives(self) -> frozenset[str]:
        """What it tells of a structure, by the names of ASE; forces_std with a covariance."""
        found = {"energy", "forces", "stress", "energies"}
        if any(getattr(term, "uncertain", False) for term in self.terms):
            found.add("forces_std")
        if self._charge_models():
            found |= {"charges", "dipole"}
        return frozenset(found).difference(*(getattr(term, "lacks", ()) for term in self.terms))

    @property
    def identity(self) -> dict[str, Any]:
        """SHA-256 of its file, or of its terms, and how it is computed if that was chosen."""
        return {"terms": self.digest} if self._identity is None else dict(self._identity)

    @property
    def digest(self) -> str:
        """SHA-256 of the terms; provenance does not enter."""
        digest = hashlib.sha256()
        for term in self.terms:
            digest.update(json.dumps([term.kind, term.settings()], sort_keys=True).encode())
            for name, array in sorted(term.arrays().items()):
                digest.update(f"{name} {array.dtype} {array.shape}".encode())
                digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    @property
    def species(self) -> list[str]:
        """Chemical symbols of the local model, or an empty list if it has none."""
        found: list[str] = next((t.elements for t in self.terms if hasattr(t, "elements")), [])
        return found

    @property
    def reach(self) -> float | None:
        """How far the energy of an atom sees, in Å, electrostatics aside; None without local terms."""
        return max((term.cutoff for term in self._local), default=None)

    @property
    def response(self) -> ChargeModel | None:
        """What an electric field acts on: the charge model, with induced dipoles where there are any.

        None if there is none; ModelError if terms have different ones, or dipoles that feel no field.
        """
        if any(getattr(term, "latent", False) for term in self.terms):
            warnings.warn(LATENT, stacklevel=2)
        if not all(getattr(term, "feels_field", True) for term in self.terms):
            raise ModelError(
                "the atoms of this potential have dipoles that do not feel an electric field.",
                remedy="use a model with charges alone; phonons without the field of long waves: --no-polar.",
            )
        for term in self.terms:
            if (made := getattr(term, "response", None)) is not None:
                found: ChargeModel = made()
                return found
        return self.charge_model

    @property
    def charge_model(self) -> ChargeModel | None:
        """The charges alone, whatever dipoles there are; None without, ModelError if terms differ in them."""
        found = self._charge_models()
        if len({json.dumps(model.settings(), sort_keys=True) for model in found}) > 1:
            raise ModelError(
                f"the terms of this potential have {len(found)} different charge models.",
                remedy="say which one is meant.",
            )
        return found[0] if found else None

    def _charge_models(self) -> list[ChargeModel]:
        return [found for term in self.terms if (found := charges_of(term)) is not None]

    def save(self, path: str | Path) -> None:
        """Write one self-contained safetensors file, atomically."""
        model_file.save(path, self.terms, self.provenance)

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        charged_cells: str | None = None,
        engines: Callable[[], Sequence[Model]] = tuple,
    ) -> Potential:
        """Read a model file; CorruptFileError or ModelError with advice if it cannot be used.

        charged_cells: see `with_charged_cells`; None: as the model has it. engines: gives models of others,
        one of which the base in a file is; asked if there is one. ModelError with what to do without it.
        """
        terms, provenance = model_file.load(path)
        terms = [term.opened(engines(), path) if hasattr(term, "opened") else term for term in terms]
        found = cls(terms, provenance, name=str(path), identity={"model": sha256(path)})
        return found if charged_cells is None else found.with_charged_cells(charged_cells)


def _done(term: Term, name: str, value: Any) -> Term:
    """What a method of a term returns; the term itself if it has no such method."""
    method = getattr(term, name, None)
    changed: Term = term if method is None else method(value)
    return changed
