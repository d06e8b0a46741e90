"""What a model is to all that uses one: energies and forces of structures, and what else it can do.

A `Potential` is a model, and so is any ASE calculator or labeller (`potentials.external`). Nothing asks which
class a model is of: it asks `gives` what the model tells of a structure, and calls the methods below, which
raise ModelError with the reason where a model lacks the capability.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from ase import Atoms

from superion.errors import ModelError
from superion.terms import Evaluation, Term

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator

    from superion.electrostatics.charges import ChargeModel
    from superion.neighbours import NeighbourList
    from superion.potentials.gap.gaussian_process import Deviation

WORDS = {
    "stress": "stress",
    "charges": "charges",
    "dipole": "dipole",
    "forces": "forces",
    "forces_std": "predicted standard deviations",
}

Charges = Literal["fixed", "predicted", "equilibrated", "latent", "4g"]
"""Kinds of charges: fixed by element; predicted from environments; equilibrated; known from energies and
forces alone; and equilibrated ones that the local energies see."""


class Model(Protocol):
    """Energy (eV), forces (eV/Å) and, where it has them, virial and charges of structures.

    name: of its file, for messages. provenance: JSON-ready facts on how it was made. suffix: of the file that
    `save` writes.
    """

    name: str
    suffix: str
    provenance: dict[str, Any]

    @property
    def species(self) -> list[str]:
        """Chemical symbols that it knows; empty if it does not say."""
        ...

    @property
    def reach(self) -> float | None:
        """How far the energy of an atom sees, in Å, electrostatics aside; None if it does not say."""
        ...

    @property
    def gives(self) -> frozenset[str]:
        """What it tells of a structure, by the names of ASE, and forces_std where it knows how sure it is."""
        ...

    @property
    def response(self) -> ChargeModel | None:
        """What an electric field acts on; None without, ModelError with the reason if it feels no field."""
        ...

    @property
    def charge_model(self) -> ChargeModel | None:
        """The charges alone, without induced dipoles; None without."""
        ...

    @property
    def identity(self) -> dict[str, Any]:
        """JSON-ready facts for records, with hashes, by which it is known again."""
        ...

    @property
    def digest(self) -> str:
        """SHA-256 of what its energies depend on."""
        ...

    def evaluate(self, atoms: Atoms) -> Evaluation:
        """Energy, forces, virial and charges of one structure."""
        ...

    def evaluate_batch(
        self, structures: Sequence[Atoms], lists: Sequence[NeighbourList] | None = None
    ) -> list[Evaluation]:
        """The evaluation of each structure; lists: neighbour lists that remember them, one for each."""
        ...

    def deviation(self, atoms: Atoms) -> Deviation:
        """Predictive standard deviations; ModelError without `forces_std` in `gives`."""
        ...

    def calculator(self, *, device: str = "cpu") -> Calculator:
        """A new ASE calculator, whose attribute `potential` is this model."""
        ...

    def with_precision(self, precision: str) -> Model:
        """The same model computed in `float64` or `float32`; ModelError if it cannot choose."""
        ...

    def tabulated(self, tolerance: float) -> Model:
        """The same model with pair and triplet energies read from tables; ModelError if it has none."""
        ...

    def with_charged_cells(self, chosen: str) -> Model:
        """The same model, which does something else with charged cells; ModelError if it cannot choose."""
        ...

    @property
    def refuses_charged_cells(self) -> bool:
        """Whether somebody chose that it refuses charged periodic cells."""
        ...

    def in_background(self) -> Model:
        """The same model, which takes charged cells in silence; itself if it always does or refuses them."""
        ...

    def with_terms(self, *terms: Term) -> Model:
        """The sum of the model and further terms."""
        ...

    def save(self, path: str | Path) -> None:
        """Write a file that `open_model` reads, atomically; ModelError if no file can hold it."""
        ...


def terms_of(model: Model) -> tuple[Term, ...]:
    """The terms of a model that is a sum of them; none of one that is not."""
    found: tuple[Term, ...] = getattr(model, "terms", ())
    return found


def model_of(calculator: object) -> Model | None:
    """The model behind an ASE calculator that superion made; None behind any other."""
    found = getattr(calculator, "potential", None)
    return found if callable(getattr(found, "evaluate_batch", None)) else None


def named(calculator: object) -> str:
    """What messages call a calculator: its model, or its class."""
    model = model_of(calculator)
    return type(calculator).__name__ if model is None else model.name


def require(model: Model, name: str, what: str) -> None:
    """ModelError, before anything is computed, if `what` needs something that the model does not give."""
    if name not in model.gives:
        raise ModelError(
            f"{model.name} gives no {WORDS.get(name, name)}, which {what} needs.",
            remedy=f"use a model that has {WORDS.get(name, name)}.",
        )


def summary(identity: dict[str, Any]) -> str:
    """A model in a few words, such as `model 0123456789abcdef` or `calculator ase.calculators.emt:EMT`."""
    if "labeller" in identity:
        return f"{identity['kind']} {identity['labeller']}"
    return f"model {identity.get('model', identity.get('terms', ''))[:16]}"
