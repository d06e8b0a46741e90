"""The electrostatic term that stands under a local one: fixed charges, or those of a model file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

from ase import Atoms
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from superion.electrostatics import CoulombTerm, FixedCharges, PolarizableTerm, Slater
from superion.errors import ModelError, SuperionError
from superion.files import sha256
from superion.potentials import Potential
from superion.structures import is_isolated
from superion.terms import Term

CHARGES = {"Li": 0.445, "P": 2.225, "S": -0.890}
"""e; scaled formal charges of lithium thiophosphates, see `CoulombTerm.li7p3s11`."""
SCREENING = 2.0
"""1/Å; decay of the penetration of two 1s Slater densities, see `CoulombTerm.li7p3s11`."""
ACCURACY = 1e-6
"""Of the Ewald sum, relative to a bare pair interaction."""
ELECTROSTATIC: tuple[type[Term], ...] = (CoulombTerm, PolarizableTerm)
"""Terms of a model file that are electrostatics and nothing else."""


class ElectrostaticsSettings(BaseModel):
    """The electrostatic term of es-gap: fixed charges with 1s Slater densities, or that of a model file."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    charges: dict[str, float] = Field(
        CHARGES, min_length=1, description="charge of each element in e; cells must be neutral"
    )
    model: str | None = Field(
        None,
        description="instead of charges: model file (any potential with charges) whose electrostatics is "
        "taken, relative to the YAML file",
    )
    screening: PositiveFloat = Field(
        SCREENING, description="fixed charges: decay of the overlap of two densities in 1/Å"
    )
    accuracy: float = Field(
        ACCURACY, gt=0, le=1e-2, description="of the Ewald sum, relative to a bare pair interaction"
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.model is not None:
            _without_effect(self, ("charges", "screening", "accuracy"), "a model file has its own")
        return self

    @model_serializer(mode="wrap")
    def _what_counts(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Only what the term depends on, so that a key of no effect changes no fingerprint."""
        values: dict[str, Any] = handler(self)
        unused = ("model",) if self.model is None else ("charges", "screening", "accuracy")
        return {name: value for name, value in values.items() if name not in unused}

    def with_path(self, change: Callable[[str], str]) -> Self:
        """The settings with `change` applied to the path of the model file, if there is one."""
        return self if self.model is None else self.model_copy(update={"model": change(self.model)})

    def files(self) -> dict[str, Path]:
        """The file that the term is read from, if any, by the name under which it is recorded."""
        return {} if self.model is None else {f"electrostatics {Path(self.model).name}": Path(self.model)}

    def identity(self) -> dict[str, Any]:
        """What the term depends on, files aside, wherever these are."""
        return self.with_path(lambda path: Path(path).name).model_dump(mode="json")

    def hashes(self) -> dict[str, str]:
        """SHA-256 of the files, by name."""
        return {name: sha256(path) for name, path in self.files().items()}


def _without_effect(settings: BaseModel, names: Sequence[str], why: str) -> None:
    """ValueError if one of these settings is other than by default, though nothing reads it."""
    fields = type(settings).model_fields
    changed = [name for name in names if getattr(settings, name) != fields[name].default]
    if changed:
        raise ValueError(f"{' and '.join(changed)} beside model: {why}; leave one out")


def electrostatic_terms(settings: ElectrostaticsSettings, frames: Sequence[Atoms]) -> list[Term]:
    """The electrostatic terms that the settings ask for, tried on `frames`.

    Raises ModelError or InputError, naming the model file, if it cannot be read, has no electrostatics, or
    does not know an element of the frames.
    """
    if settings.model is None:
        density = Slater.from_screening(settings.screening)
        return [CoulombTerm(FixedCharges(settings.charges), density, settings.accuracy)]
    path = Path(settings.model)
    terms = [term for term in Potential.load(path).terms if isinstance(term, ELECTROSTATIC)]
    if not terms:
        raise ModelError(
            "the model has no electrostatic term.",
            file=path,
            remedy="give a model with charges, as the presets es-gap, qeq-gap and kqeq make them.",
        )
    seen: set[int] = set()
    for atoms in frames:
        if is_isolated(atoms) or seen.issuperset(atoms.numbers.tolist()):
            continue
        seen.update(atoms.numbers.tolist())
        try:
            for term in terms:
                term.evaluate(atoms)
        except SuperionError as error:
            raise type(error)(
                f"the electrostatics of this model cannot be used for {atoms.get_chemical_formula()}: "
                f"{error.problem}",
                file=path,
                frame=atoms.info.get("source"),
                remedy=error.remedy,
            ) from error
    return terms
