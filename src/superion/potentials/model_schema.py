"""What the header of a model file must hold: every key, its type and its range, of every kind of term.

A checksum tells that a file is as it was written, not that it was written well. `read_content` holds the
header against these models before a term is made of it; `check_arrays` the tensors. What a kind of term needs
beyond that (shapes that fit each other) its own constructor tests.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, TypeVar, Union

import numpy as np
from ase.data import atomic_numbers
from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError

from superion.errors import CorruptFileError, ModelError
from superion.potentials.few_body.angle import AngleSettings
from superion.potentials.few_body.pair import PairSettings
from superion.potentials.many_body.soap import SoapSettings
from superion.potentials.neural.settings import NeuralSettings

T = TypeVar("T")
Model = TypeVar("Model", bound=BaseModel)
REMEDY = "copy it again from its source, or fit again."
FORMAT = 1
SHOWN = 4  # mistakes listed at once
UNITS = {"energy": "eV", "length": "angstrom", "charge": "e"}


def _symbol(text: str) -> str:
    if text not in atomic_numbers or text == "X":
        raise ValueError(f"{text!r} is not an element symbol")
    return text


def _pair(text: str) -> str:
    if len([_symbol(part) for part in text.split("-")]) != 2:
        raise ValueError(f"{text!r} is not a pair of elements such as Li-S")
    return text


Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Accuracy = Annotated[float, Field(ge=1e-15, le=0.01)]
Symbol = Annotated[str, AfterValidator(_symbol)]
Pair = Annotated[str, AfterValidator(_pair)]
Species = Annotated[list[Annotated[int, Field(ge=1, le=118)]], Field(min_length=1)]
Vector = Annotated[list[Finite], Field(min_length=3, max_length=3)]
ByElement = dict[Symbol, Finite]


class Part(BaseModel):
    """A part of a header; keys that are not named are left alone, for newer versions may have them."""

    model_config = ConfigDict(strict=True, extra="ignore", hide_input_in_errors=True)


class Density(Part):
    """A charge density; those of other packages have keys of their own."""

    kind: str
    sigma: Positive = 1.0
    zeta: Positive = 1.0
    n: Annotated[int, Field(ge=1, le=8)] = 1


class PairHyper(Part):
    """Block of pairs."""

    hyper: PairSettings
    species: Species


class AngleHyper(Part):
    """Block of triangles."""

    hyper: AngleSettings
    species: Species


class SoapHyper(Part):
    """Block of environments, also with vectors."""

    hyper: SoapSettings
    species: Species
    scale: Positive = 1.0


class ElementProperty(Part):
    """An atomic property that the element determines."""

    of: ByElement
    name: str


class KernelProperty(Part):
    """An atomic property from kernels."""

    name: str
    offsets: ByElement
    blocks: Annotated[list[SoapHyper], Field(min_length=1)]


class FixedCharges(Part):
    """Charges by element."""

    values: ByElement


def _one_of(**kinds: Any) -> Any:
    """The type of a mapping whose `kind` says which model it follows; unknown kinds are reported later."""

    def tag(value: Any) -> str:
        kind = value.get("kind") if isinstance(value, dict) else None
        return kind if isinstance(kind, str) and kind in kinds else "other"

    members = [Annotated[model, Tag(kind)] for kind, model in kinds.items()]
    return Annotated[Union[(*members, Annotated[Other, Tag("other")])], Discriminator(tag)]


class Other(Part):
    """Of a kind that is not known here."""

    kind: str


Property = _one_of(element=ElementProperty, kernel=KernelProperty)


class Equilibration(Part):
    """Charges by equilibration."""

    electronegativity: Property  # type: ignore[valid-type]
    hardness: Property  # type: ignore[valid-type]
    densities: dict[Symbol | Literal["*"], Density]
    total_charge: Finite | None
    field: Vector
    charged_cells: str = "warn"
    background: bool = False
    accuracy: Accuracy
    solver: str
    tolerance: Annotated[float, Field(ge=1e-16, le=0.1)]
    warn: bool
    neutral_parts: bool = False
    bounds: dict[Symbol, Annotated[list[float], Field(min_length=2, max_length=2)]] | None = None


class Predicted(Part):
    """Charges that are a property."""

    property: Property  # type: ignore[valid-type]
    conserve: bool
    total_charge: Finite | None


class Neural(Part):
    """A neural potential, or its charges."""

    species: Species
    neural: NeuralSettings


class Polarizable(Part):
    """Induced dipoles."""

    charges: _one_of(fixed=FixedCharges)  # type: ignore[valid-type]
    polarizabilities: dict[Symbol, Annotated[float, Field(ge=0, allow_inf_nan=False)]]
    thole: Positive
    accuracy: Accuracy


Charges = _one_of(
    fixed=FixedCharges,
    equilibration=Equilibration,
    predicted=Predicted,
    neural=Neural,
    polarizable=Polarizable,
)


class Coulomb(Part):
    """Charges that interact."""

    charges: Charges  # type: ignore[valid-type]
    densities: dict[Symbol | Literal["*"], Density]
    accuracy: Accuracy
    charged_cells: str = "warn"
    background: bool = False
    method: str = "auto"


class EquilibrationTerm(Part):
    """Charges that equilibrate."""

    charges: Charges  # type: ignore[valid-type]


class MakovPayne(Part):
    """What a charged cell is corrected by."""

    charges: Charges  # type: ignore[valid-type]
    permittivity: Annotated[float, Field(ge=1, allow_inf_nan=False)]


class UniformField(Part):
    """Charges in a field."""

    field: Vector
    charges: Charges  # type: ignore[valid-type]
    scale: Finite
    order: Annotated[int, Field(ge=1, le=64)]


class Entry(Part, Generic[T]):
    """A kind and its settings."""

    kind: str
    settings: T


Block = _one_of(pair=Entry[PairHyper], angle=Entry[AngleHyper], soap=Entry[SoapHyper])


class Process(Part):
    """A sparse Gaussian process."""

    blocks: Annotated[list[Block], Field(min_length=1)]  # type: ignore[valid-type]
    baseline: Annotated[ByElement, Field(min_length=1)]


class Dipoles(Part):
    """Atomic dipoles from kernels."""

    blocks: Annotated[list[SoapHyper], Field(min_length=1)]


class Form(Part):
    """The energy of a pair; its numbers are those of its kind."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Annotated[float, Field(ge=-1e8, le=1e8)]]

    kind: str


class Pairs(Part):
    """A force field of pairs."""

    forms: dict[Pair, Form]
    species: list[Symbol]
    cutoff: Positive
    width: Positive
    baseline: ByElement


class Wall(Part):
    """Short-range repulsion."""

    outer: Annotated[dict[Pair, Positive], Field(min_length=1)]
    wall: Annotated[float, Field(ge=0, allow_inf_nan=False)]


class BaseFacts(Part):
    """What a model of somebody else is known by."""

    labeller: str
    settings: dict[str, Any]
    sources: dict[str, str] = {}
    weights: dict[str, str] = {}
    versions: dict[str, str] = {}
    gives: list[Literal["energy", "forces", "stress"]]


class BaseModelPart(Part):
    """A base that is corrected."""

    base: BaseFacts


TermEntry = _one_of(
    **{
        "gp": Entry[Process],
        "coulomb": Entry[Coulomb],
        "equilibration": Entry[EquilibrationTerm],
        "makov-payne": Entry[MakovPayne],
        "polarizable": Entry[Polarizable],
        "atomic-dipoles": Entry[Dipoles],
        "uniform_field": Entry[UniformField],
        "neural": Entry[Neural],
        "pair-potentials": Entry[Pairs],
        "repulsion": Entry[Wall],
        "base": Entry[BaseModelPart],
    }
)


class Header(Part):
    """The whole header."""

    format: Annotated[int, Field(ge=1)]
    units: dict[str, str] = UNITS
    terms: Annotated[list[TermEntry], Field(min_length=1)]  # type: ignore[valid-type]
    provenance: dict[str, Any]


class Format(Part):
    """By which the rest is to be read."""

    format: Annotated[int, Field(ge=1)]


class Envelope(Part):
    """The header as text, and the digest of it and the tensors."""

    content: str
    sha256: str


def read_envelope(text: str, path: Path) -> Envelope:
    """Content and checksum of the metadata; CorruptFileError if they are not there."""
    return _checked(Envelope, text, path)


def read_content(text: str, path: Path) -> dict[str, Any]:
    """The header as it was written, checked.

    Raises CorruptFileError naming the keys that are wrong, ModelError for another format or other units.
    """
    form = _checked(Format, text, path).format
    if form > FORMAT:
        raise ModelError(
            f"model format {form}; this version reads up to {FORMAT}.", file=path, remedy="upgrade superion."
        )
    units = _checked(Header, text, path).units
    if units != UNITS:
        raise ModelError(
            f"the model is in units {units}; expected {UNITS}.",
            file=path,
            remedy="fit it again.",
        )
    found: dict[str, Any] = json.loads(text)
    for place in _not_finite(found["terms"], "terms"):
        raise CorruptFileError(f"{place}: is not a finite number.", file=path, remedy=REMEDY)
    return found


def _not_finite(value: Any, place: str) -> Iterator[str]:
    """Dotted keys of numbers that are none."""
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _not_finite(inner, f"{place}.{key}")
    elif isinstance(value, float) and not math.isfinite(value):
        yield place


def check_arrays(arrays: Mapping[str, np.ndarray], path: Path) -> None:
    """CorruptFileError for tensors that hold something else than finite float64."""
    for name, array in arrays.items():
        if array.dtype != np.float64:
            raise CorruptFileError(
                f"{name}: expected float64, found {array.dtype}.", file=path, remedy=REMEDY
            )
        if not np.isfinite(array).all():
            raise CorruptFileError(
                f"{name}: {int((~np.isfinite(array)).sum())} of {array.size} numbers are not finite.",
                file=path,
                remedy="fit again; a fit that diverged cannot be used.",
            )


def _checked(model: type[Model], text: str, path: Path) -> Model:
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        found = [
            f"{'.'.join(map(str, one['loc'])) or 'header'}: {one['msg'].removeprefix('Value error, ')}"
            for one in error.errors(include_url=False)[:SHOWN]
        ]
        raise CorruptFileError(
            f"not the description of a model: {'; '.join(found)}.", file=path, remedy=REMEDY
        ) from error
