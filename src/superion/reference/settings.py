"""Which labeller, with which settings: the file a user writes, and how it becomes a labeller.

A settings file may name code to import (`ase`). It is only ever a file that the user names on the command
line; nothing in structures, label stores or journals is read as settings.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from superion.errors import InputError, suggest
from superion.reference.cp2k import Cp2kLabeller, Cp2kSettings
from superion.reference.gpaw import GpawLabeller, GpawSettings
from superion.reference.labeller import Labeller
from superion.reference.surrogates import SurrogateLabeller, SurrogateSettings


class AseSettings(BaseModel):
    """Any ASE calculator, by the path of its class."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ase: str = Field(description="module:Class of an ASE calculator, e.g. ase.calculators.emt:EMT.")
    arguments: dict[str, Any] = Field(default_factory=dict, description="Arguments of the class.")

    @field_validator("arguments")
    @classmethod
    def _finite(cls, arguments: dict[str, Any]) -> dict[str, Any]:
        if wrong := list(_not_finite(arguments)):
            raise ValueError(f"{', '.join(wrong)}: give finite numbers")
        return arguments


def _not_finite(value: Any, name: str = "") -> Iterator[str]:
    """Names of numbers that are not finite, which no label can be identified by."""
    if isinstance(value, float) and not math.isfinite(value):
        yield f"{name} is {value}"
    elif isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in items:
            yield from _not_finite(inner, f"{name}.{key}" if name else str(key))


class ModelSettings(BaseModel):
    """A model fitted with superion."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: Path = Field(description="Model file (.safetensors), relative to the file of these settings.")
    charged_cells: str | None = Field(
        None, description="Charged periodic cells, as of --charged-cells; null: as the model has it."
    )


class LabellerSettings(BaseModel):
    """The settings file of `superion label`: exactly one labeller."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    gpaw: GpawSettings | None = None
    cp2k: Cp2kSettings | None = None
    surrogate: SurrogateSettings | None = None
    labeller: AseSettings | ModelSettings | None = Field(
        None, description="An ASE calculator by import path, or a superion model."
    )

    @model_validator(mode="before")
    @classmethod
    def _directly(cls, given: Any) -> Any:
        """`{model: FILE}` and `{ase: …}` mean the same without the key labeller around them."""
        own = {"model", "ase"}
        if isinstance(given, dict) and own & given.keys() and not cls.model_fields.keys() & given.keys():
            return {"labeller": given}
        return given

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError("give exactly one of gpaw, cp2k, surrogate and labeller")
        return self

    def with_path(self, change: Callable[[str], str]) -> LabellerSettings:
        """The settings with `change` applied to the path of the model, if there is one."""
        if not isinstance(self.labeller, ModelSettings):
            return self
        model = self.labeller.model_copy(update={"model": Path(change(str(self.labeller.model)))})
        return self.model_copy(update={"labeller": model})


NAMED: dict[str, Callable[[], LabellerSettings]] = {
    "gpaw": lambda: LabellerSettings(gpaw=GpawSettings()),
    "cp2k": lambda: LabellerSettings(cp2k=Cp2kSettings()),
    "sevennet": lambda: LabellerSettings(surrogate=SurrogateSettings(name="sevennet")),
    "chgnet": lambda: LabellerSettings(surrogate=SurrogateSettings(name="chgnet")),
}
"""Labellers that need no settings file."""


def named_labeller(name: str) -> LabellerSettings:
    """Default settings of a labeller; InputError with a suggestion for an unknown name."""
    if name not in NAMED:
        raise InputError(
            f"there is no labeller {name!r} and no such file.{suggest(name, NAMED)}",
            remedy=f"use one of {', '.join(NAMED)}, a settings file (.yaml), or a model file.",
        )
    return NAMED[name]()


def make_labeller(settings: LabellerSettings, log: Literal["-"] | None = None) -> Labeller:
    """The labeller of these settings. log: "-" to let codes print to standard output."""
    from superion.reference.ase_calculator import AseLabeller, ModelLabeller

    if settings.gpaw is not None:
        return GpawLabeller(settings.gpaw, log)
    if settings.cp2k is not None:
        return Cp2kLabeller(settings.cp2k)
    if settings.surrogate is not None:
        return SurrogateLabeller(settings.surrogate)
    if isinstance(settings.labeller, AseSettings):
        return AseLabeller(settings.labeller.ase, settings.labeller.arguments)
    assert isinstance(settings.labeller, ModelSettings)
    return ModelLabeller(settings.labeller.model, settings.labeller.charged_cells)
