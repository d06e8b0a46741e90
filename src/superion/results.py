"""Results in JSON files: one class for who writes a file and who reads it, with kind, format and units."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from superion.errors import CorruptFileError
from superion.files import read_json, write_json

Finite = Annotated[float, Field(allow_inf_nan=False)]
Size = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]
Range = Annotated[list[Finite], Field(min_length=2, max_length=2)]
Format = Annotated[int, Field(ge=0, description="version of the layout of the file, no unit")]
SHOWN = 4
"""Faults of one file that are reported."""


class Result(BaseModel):
    """A part of a result; further keys are left alone."""

    model_config = ConfigDict(strict=True, extra="allow")


class ResultFile(Result):
    """A result that is a file of its own; `kind` says which. Files without kind and format have format 1.

    A class of another `kind` says so, with its own default of `format`, the highest that it reads.
    """

    kind: str = Field(description="what the file holds")
    format: Format = 1


def write_result(path: str | Path, result: ResultFile) -> None:
    """Write a result, atomically; InputError for numbers that JSON does not have."""
    write_json(path, result.model_dump(), ascii_only=False)


def read_result(
    path: Path, model: Any, step: str, remedy: str | None = None, writer: str | None = None
) -> Any:
    """A result as `model`; CorruptFileError naming the keys that are not as `model` has them.

    model: a pydantic model, a dataclass or a type made of them. step: that wrote it, and redoes it. remedy:
    another than to continue the study without the file. writer: who writes it, if no step of a study.
    """
    return _read(path, model, step, remedy, writer)[0]


def read_checked(
    path: Path, model: Any, step: str, remedy: str | None = None, writer: str | None = None
) -> Any:
    """The same, checked in the same way, as dicts and lists."""
    return _read(path, model, step, remedy, writer)[1]


def _read(path: Path, model: Any, step: str, remedy: str | None, writer: str | None) -> tuple[Any, Any]:
    remedy = remedy or f"delete the file; the step {step!r} of the study redoes it."
    value, found = read_json(path, remedy), None
    if isinstance(model, type) and issubclass(model, ResultFile):
        check_format(path, value, model.model_fields["format"].default)
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
    return found, value


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
