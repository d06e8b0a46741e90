"""Results of a study as files have them, held against what wrote them before anything is read from them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from superion.errors import CorruptFileError
from superion.files import read_json

Model = TypeVar("Model", bound=BaseModel)
Finite = Annotated[float, Field(allow_inf_nan=False)]
Size = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]
Range = Annotated[list[Finite], Field(min_length=2, max_length=2)]
BySpecies = dict[str, Size | None] | None


class Result(BaseModel):
    """A part of a result; further keys are left alone."""

    model_config = ConfigDict(strict=True, extra="allow")


class Charges(Result):
    """Charges of one species."""

    __pydantic_extra__: dict[str, Finite | list[Finite] | None]


class Errors(Result):
    """Errors of one potential on one set of frames (`superion.analysis.accuracy.errors`)."""

    frames: Count | None = None
    energy_rmse_per_atom: Size | None = None
    energy_mae_per_atom: Size | None = None
    force_rmse: Size | None = None
    force_mae: Size | None = None
    stress_rmse: Size | None = None
    stress_mae: Size | None = None
    charge_rmse: Size | None = None
    dipole_mae: Size | None = None
    dipole_vector_error: Size | None = None
    force_rmse_by_species: BySpecies = None
    force_mae_by_species: BySpecies = None
    charge_rmse_by_species: BySpecies = None
    charges: dict[str, Any] | None = None


class Splits(Result):
    """Errors of one potential."""

    train: Errors | None = None
    test: Errors | None = None


class Accuracy(Result):
    """`accuracy.json`: errors by potential."""

    __pydantic_extra__: dict[str, Splits]


class Group(Result):
    """Frames counted together."""

    name: str
    frames: Count
    atoms: Annotated[list[Count], Field(min_length=2, max_length=2)]
    species: list[str]
    labels: dict[str, Count]
    energy_per_atom: Range | None = None
    force_max: Size | None = None
    force_rms: Size | None = None
    stress: Range | None = None
    trajectories: dict[str, Count] = {}


class CensusResult(Result):
    """What a census found."""

    groups: list[Group] = []
    total: Group | None = None
    warnings: list[str] = []
    notes: list[str] = []


class Split(Result):
    """Trajectories trained on and tested."""

    train: dict[str, Count] | None = None
    test: dict[str, Count] | None = None


class CensusFile(Result):
    """`census.json`."""

    census: CensusResult | None = None
    split: Split | None = None


def read_result(path: Path, model: type[Model], step: str) -> dict[str, Any]:
    """The JSON object in a result; CorruptFileError naming the keys that are not as `model` has them.

    step: of the study, which redoes it.
    """
    remedy = f"delete the file; the step {step!r} of the study redoes it."
    value = read_json(path, remedy)
    try:
        model.model_validate_json(json.dumps(value))
    except ValidationError as error:
        found = [
            f"{'.'.join(map(str, one['loc'])) or 'the file'}: {one['msg']}"
            for one in error.errors(include_url=False)[:4]
        ]
        raise CorruptFileError(
            f"not what the step {step!r} writes: {'; '.join(found)}.", file=path, remedy=remedy
        ) from error
    result: dict[str, Any] = value
    return result
