"""The values of one property by one potential, and the file that holds them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from superion.errors import InputError
from superion.results import ResultFile, read_result, write_result

Array = np.ndarray
Kind = Literal["error", "positive", "plain"]
REFERENCE = "reference"
"""In place of a potential's name: the values that labels give."""
RESAMPLED = "-resampled-"
"""Between the name of a potential and the number of a resampled fit, in names of files."""
_STRICT = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Value(BaseModel):
    """One number of a property; `name` identifies it among all potentials.

    kind: "error" is a root-mean-square error against labels, whose ideal is 0; "positive" is compared by the
    logarithm of a ratio, "plain" by a difference. error: one standard error from everything beside the fit
    (of the logarithm for "positive"). samples: for "error", what every test frame, in a fixed order,
    contributes; their mean is the square of `value`. clusters: what each of them belongs to, its trajectory
    or, of a scan, itself. why: the reason if there is no value. seen: why its labels cannot judge, as
    fits have seen them. flags: what a reader has to know about the value, such as an extrapolation.
    """

    model_config = _STRICT

    name: str = Field(min_length=1)
    unit: str
    kind: Kind
    value: float | None = Field(description="in `unit`")
    error: float | None = Field(None, ge=0, description="standard error in `unit`; of the logarithm, no unit")
    samples: tuple[float, ...] | None = Field(None, description="squares, in the square of `unit`")
    clusters: tuple[str, ...] | None = None
    why: str | None = None
    seen: str | None = None
    flags: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.value is None and not self.why:
            raise ValueError(f"{self.name!r} has no value and does not say why.")
        if self.value is None and (self.error is not None or self.samples is not None):
            raise ValueError(f"{self.name!r} has an error or samples, but no value.")
        if self.value is not None and self.kind == "positive" and not self.value > 0:
            raise ValueError(f"{self.name!r} must be above 0, found {self.value:g}.")
        if self.value is not None and self.kind == "error" and self.value < 0:
            raise ValueError(f"{self.name!r} is a root-mean-square error; found {self.value:g}.")
        if self.samples is not None and self.value is not None:
            self._check_samples(self.value, self.samples)
        return self

    def _check_samples(self, value: float, samples: tuple[float, ...]) -> None:
        if self.kind != "error":
            raise ValueError(f"{self.name!r} is no error against labels and must not have samples.")
        if not samples or min(samples) < 0:
            raise ValueError(f"{self.name!r}: samples are squares, one or more, none below 0.")
        if self.clusters is not None and len(self.clusters) != len(samples):
            raise ValueError(f"{self.name!r}: {len(samples)} samples, but {len(self.clusters)} clusters.")
        mean = math.sqrt(math.fsum(samples) / len(samples))
        if not math.isclose(mean, value, rel_tol=1e-6, abs_tol=1e-12):
            raise ValueError(
                f"{self.name!r}: the root of the mean of the samples is {mean:.9g}, the value {value:.9g}."
            )


class PropertyFile(ResultFile):
    """The values of one property by one potential, or by labels (potential `REFERENCE`).

    resampled: which of the fits to resampled frames, from 1; None for the fit to all of them.
    """

    model_config = ConfigDict(**_STRICT, strict=False)
    writer: ClassVar[str] = "a step of a study"
    remedy: ClassVar[str] = "delete the file; the step of the study that wrote it is redone."

    kind: Literal["property"] = "property"
    property: str = Field(min_length=1)
    potential: str = Field(min_length=1)
    resampled: int | None = Field(None, ge=1, description="number of the draw, no unit")
    values: tuple[Value, ...]
    notes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [value.name for value in self.values]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"{twice[0]!r} has more than one value.")
        if self.potential == REFERENCE and self.resampled is not None:
            raise ValueError("labels are not fitted, so that they cannot be resampled.")
        return self

    def by_name(self) -> dict[str, Value]:
        """The values by their name."""
        return {value.name: value for value in self.values}


def error_value(
    name: str,
    unit: str,
    deviations: Sequence[Array],
    flags: Sequence[str] = (),
    clusters: Sequence[str] | None = None,
    seen: str | None = None,
) -> Value:
    """The root-mean-square error of predictions; deviations: of each test frame, of any shape, or empty.

    clusters: what each frame belongs to (`superion.structures.clusters.clusters_of`). Every number counts
    the same, whatever frame it is of: a frame's sample is the sum of its squares over the mean number of
    deviations of a frame. Raises InputError without deviations.
    """
    counts = [np.size(part) for part in deviations]
    if not sum(counts):
        raise InputError(
            f"{name}: no frame has a deviation.", remedy="give test frames that have these labels."
        )
    mean = sum(counts) / len(counts)
    samples = tuple(float(np.square(part, dtype=np.float64).sum()) / mean for part in deviations)
    value = math.sqrt(math.fsum(samples) / len(samples))
    return Value(
        name=name,
        unit=unit,
        kind="error",
        value=value,
        samples=samples,
        clusters=None if clusters is None else tuple(clusters),
        seen=seen,
        flags=tuple(flags),
    )


def property_path(folder: str | Path, name: str, potential: str, resampled: int | None = None) -> Path:
    """Where a study keeps the values of a property by a potential, or by `REFERENCE`."""
    suffix = "" if resampled is None else f"{RESAMPLED}{resampled}"
    return Path(folder) / "properties" / name / f"{potential}{suffix}.json"


def write_property(path: str | Path, found: PropertyFile) -> None:
    """Write the values, atomically; the folder is made."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    write_result(path, found)


def read_property(path: str | Path) -> PropertyFile:
    """Read the values; CorruptFileError naming what is wrong with a damaged or foreign file."""
    found: PropertyFile = read_result(path, PropertyFile)
    return found
