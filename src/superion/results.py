"""Results in JSON files: one class for who writes a file and who reads it, with kind, format and units."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from superion.errors import CorruptFileError, suggest
from superion.files import read_json, write_json
from superion.notebook import Table
from superion.registry import Registry

Finite = Annotated[float, Field(allow_inf_nan=False)]
Size = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]
Range = Annotated[list[Finite], Field(min_length=2, max_length=2)]
Axis = Literal["x", "y", "z"]
Format = Annotated[int, Field(ge=0, description="version of the layout of the file, no unit")]
REDO = "delete the file and continue the study: `superion run` with its folder does the step again."
"""What to do about a damaged file of a study."""
SHOWN = 4
"""Faults of one file that are reported."""


class Result(BaseModel):
    """A part of a result; further keys are left alone."""

    model_config = ConfigDict(strict=True, extra="allow")


class ResultFile(Result):
    """A result that is a file of its own; `kind` says which. Files without kind and format have format 1.

    A class of another `kind` says so, with its own default of `format`, the highest that it reads, and is
    known to `superion.read_result` from then on. writer: what writes such files. remedy: what to do about one
    that is damaged.
    """

    writer: ClassVar[str] = "superion"
    remedy: ClassVar[str] = "write it again with the command that wrote it."

    kind: str = Field(description="what the file holds")
    format: Format = 1

    @classmethod
    def __pydantic_init_subclass__(cls, **options: Any) -> None:
        """Make the kind known."""
        super().__pydantic_init_subclass__(**options)
        if isinstance(kind := cls.model_fields["kind"].default, str):
            RESULTS.add(cls, kind)

    def with_values(self, **values: Any) -> Self:
        """The same with other values, which are not checked."""
        return self.model_copy(update=values)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, as `write_result` writes it."""
        return self.model_dump(mode="json")

    @property
    def table(self) -> Table:
        """The result as a table; here every single value, with what it is and its unit."""
        rows = [
            (name, value, field.description or "")
            for name, field in type(self).model_fields.items()
            if isinstance(value := getattr(self, name), str | int | float) and name not in ("kind", "format")
        ]
        return Table(self.kind, ("key", "value", "what it is"), tuple(rows))

    def to_frame(self) -> Any:
        """The table as a pandas DataFrame; InputError without pandas."""
        return self.table.to_frame()

    def _repr_html_(self) -> str:
        return self.table._repr_html_()


RESULTS: Registry[type[ResultFile]] = Registry("kind of result", "superion.results", CorruptFileError)
"""Classes of results by kind: those that are imported; and, by entry points, those of other packages."""
_HOMES = {
    "accuracy": "superion.analysis.accuracy_result",
    "barriers": "superion.calculations.barriers.results",
    "census": "superion.structures.census_result",
    "anions": "superion.analysis.anions_result",
    "arrhenius": "superion.analysis.arrhenius_result",
    "census-result": "superion.structures.census_result",
    "charge-fit": "superion.calculations.locality.results",
    "check": "superion.conformance.result",
    "diffusion": "superion.active_learning.results",
    "judge": "superion.active_learning.results",
    "selected": "superion.active_learning.results",
    "selection": "superion.active_learning.results",
    "selectors": "superion.active_learning.results",
    "stopped": "superion.active_learning.results",
    "training": "superion.active_learning.results",
    "defects": "superion.calculations.defects.results",
    "dielectric": "superion.analysis.electric_result",
    "dipoles": "superion.analysis.electric_result",
    "elastic": "superion.calculations.elastic_result",
    "eos": "superion.calculations.eos_result",
    "eos-result": "superion.calculations.eos_result",
    "errors": "superion.analysis.accuracy_result",
    "fit-tuning": "superion.recipes.tuning",
    "hops": "superion.analysis.hops.result",
    "infrared": "superion.analysis.electric_result",
    "locality": "superion.calculations.locality.results",
    "md": "superion.simulation.summary",
    "md-result": "superion.simulation.summary",
    "phonons": "superion.calculations.phonon_result",
    "profile": "superion.analysis.profile_result",
    "property": "superion.verdict.values",
    "provenance": "superion.provenance",
    "relaxation": "superion.calculations.relaxation_result",
    "rotations": "superion.analysis.rotations.result",
    "transport": "superion.analysis.transport_file",
    "transport-result": "superion.analysis.transport_result",
    "tuning": "superion.study.tuning",
    "verdict": "superion.verdict.verdict_file",
    "verdict-plan": "superion.verdict.settings",
}
"""Modules of the kinds of superion, which are imported where a file is of them."""


def write_result(path: str | Path, result: ResultFile) -> None:
    """Write a result, atomically; InputError for numbers that JSON does not have."""
    write_json(path, result.model_dump(), ascii_only=False)


def read_result(
    path: str | Path,
    model: Any = None,
    step: str | None = None,
    remedy: str | None = None,
    writer: str | None = None,
) -> Any:
    """Read the JSON file of a result, checked key by key, into the class of its kind.

    >>> found = superion.read_result("transport.json")
    >>> found.kind, found.status
    ('transport-result', 'upper bound only')
    >>> found.to_frame().columns[0]
    'quantity'

    CorruptFileError names the keys that are not as the class has them, and what to do about it.

    model: the class, for files that do not say their kind: a class of results, a dataclass, or a type made of
    them. step: of the study that wrote it, and does it again. remedy, writer: others than those of the class.
    """
    path = Path(path)
    value = read_json(path, remedy or _remedy(model, step))
    model = model or _class(path, value)
    remedy = remedy or _remedy(model, step)
    if isinstance(model, type) and issubclass(model, ResultFile):
        writer = writer or (None if step else model.writer)
        check_format(path, value, model.model_fields["format"].default)
    found = None
    faults = [f"{_named(place)}: {number} is not a finite number" for place, number in _not_finite(value)]
    if not faults:
        try:
            found = _adapter(model).validate_json(json.dumps(value), strict=True)
        except ValidationError as error:
            faults = [
                f"{_named(one['loc'])}: {one['msg'].removeprefix('Value error, ')}"
                for one in error.errors(include_url=False)
            ]
    if faults:
        raise CorruptFileError(
            f"not what {writer or f'the step {step!r}'} writes: {'; '.join(faults[:SHOWN])}.",
            file=path,
            remedy=remedy,
        )
    return found


def _remedy(model: Any, step: str | None) -> str:
    if step is not None:
        return f"delete the file; the step {step!r} of the study redoes it."
    return str(getattr(model, "remedy", None) or "give a JSON file that superion wrote, or write it again.")


def _class(path: Path, value: Any) -> type[ResultFile]:
    """The class of the kind that a file says it is of."""
    kind = value.get("kind") if isinstance(value, dict) else None
    if not isinstance(kind, str):
        raise CorruptFileError(
            "the file does not say which kind of result it holds (key `kind`).",
            file=path,
            remedy="open the folder of a study or a training, with open_study or open_training; write others "
            "again with the command that wrote them, or name their class: read_result(path, CLASS).",
        )
    if kind in _HOMES:
        import_module(_HOMES[kind])
    try:
        return RESULTS[kind]
    except KeyError:
        raise CorruptFileError(
            f"unknown kind of result {kind!r}.{suggest(kind, known_kinds())}",
            file=path,
            remedy="upgrade superion, or install the package that brings this kind.",
        ) from None


def known_kinds() -> list[str]:
    """Names of all kinds of results, those of other packages too."""
    return sorted({*_HOMES, *RESULTS})


def check_format(path: str | Path, value: Any, known: int) -> None:
    """CorruptFileError for a file of a later version than `known`."""
    written = value.get("format") if isinstance(value, dict) else None
    if isinstance(written, int) and written > known:
        raise CorruptFileError(
            f"format {written}; this version reads up to {known}.", file=path, remedy="upgrade superion."
        )


def same_length(**series: list[float]) -> None:
    """ValueError unless all have as many numbers as the first."""
    sizes = {name: len(values) for name, values in series.items()}
    first = next(iter(sizes.items()), None)
    for name, size in sizes.items():
        if first is not None and size != first[1]:
            raise ValueError(f"{name} has {size} numbers, {first[0]} has {first[1]}")


@cache
def _adapter(model: Any) -> TypeAdapter[Any]:
    return TypeAdapter(model)


def _named(place: tuple[Any, ...]) -> str:
    return ".".join(map(str, place)) or "the file"


def _not_finite(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], float]]:
    if isinstance(value, float) and not math.isfinite(value):
        yield place, value
    elif isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _not_finite(inner, (*place, key))
