"""Which labeller, with which settings: the file a user writes, and how it becomes a labeller.

A settings file may name code to import (`ase`). It is only ever a file that the user names on the command
line; nothing in structures, label stores or journals is read as settings.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from superion.errors import InputError, suggest
from superion.reference.cp2k import Cp2kLabeller, Cp2kSettings
from superion.reference.gpaw import GpawLabeller, GpawSettings
from superion.reference.labeller import Labeller
from superion.reference.surrogates import SurrogateLabeller, SurrogateSettings
from superion.registry import Registry
from superion.settings_file import validate


class PluginLabeller(Labeller, Protocol):
    """A labeller of another package: made of its settings, an instance of `Settings`."""

    Settings: ClassVar[type[BaseModel]]

    def __init__(self, settings: Any) -> None: ...


LABELLERS: Registry[type[PluginLabeller]] = Registry("labeller", "superion.labellers")
"""Labellers of other packages, by the key that stands for them in a settings file."""


class AseSettings(BaseModel):
    """Any ASE calculator, by the path of its class."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ase: str = Field(description="module:Class of an ASE calculator, e.g. ase.calculators.emt:EMT.")
    arguments: dict[str, Any] = Field(
        default_factory=dict,
        description="Arguments of the class; paths of files are relative to the file of these settings.",
    )

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


def _with_files(value: Any, change: Callable[[str], str]) -> Any:
    """Arguments in which paths of files that exist, before the change or after it, are changed."""
    if isinstance(value, dict):
        return {key: _with_files(inner, change) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_files(inner, change) for inner in value]
    if isinstance(value, str) and value and (Path(change(value)).is_file() or Path(value).is_file()):
        return change(value)
    return value


class ModelSettings(BaseModel):
    """A model fitted with superion."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: Path = Field(description="Model file (.safetensors), relative to the file of these settings.")
    charged_cells: str | None = Field(
        None, description="Charged periodic cells, as of --charged-cells; null: as the model has it."
    )
    base: str | None = Field(
        None,
        description="Name or settings file (relative to this one) of the model that `model` corrects, or is "
        "added to: the sum of both is what is opened.",
    )


class MetatomicSettings(BaseModel):
    """A model of metatomic: a TorchScript file, which may load extensions. Use files that you trust."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    metatomic: Path = Field(description="TorchScript file (.pt), relative to the file of these settings.")
    device: str | None = Field(None, description="cpu, cuda, cuda:1 …; null: the first that the model takes.")
    extensions: Path | None = Field(None, description="Folder of compiled extensions that the model needs.")
    variant: str | None = Field(None, description="Variant of the energy, for models that have several.")


class PluginSettings(BaseModel):
    """A labeller of an installed package; in YAML `NAME: {…}`, as for superion's own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    plugin: str = Field(description="Name of the labeller, as its package registers it.")
    settings: dict[str, Any] = Field(default_factory=dict, description="Its settings.")


def _checked(name: str, settings: Any) -> dict[str, Any]:
    """Settings of a labeller of another package; ValueError that says what is wrong with them."""
    try:
        validate(settings, LABELLERS.find(name).Settings)
    except InputError as error:
        raise ValueError(f"{name}: {error.problem}") from error
    return {"plugin": name, "settings": settings}


class LabellerSettings(BaseModel):
    """The settings file of `superion label`: exactly one labeller."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    gpaw: GpawSettings | None = None
    cp2k: Cp2kSettings | None = None
    surrogate: SurrogateSettings | None = None
    labeller: AseSettings | ModelSettings | MetatomicSettings | PluginSettings | None = Field(
        None,
        description="An ASE calculator by import path, a superion model, a file of metatomic, or a labeller "
        "of an installed package.",
    )

    @model_validator(mode="before")
    @classmethod
    def _directly(cls, given: Any) -> Any:
        """`{model: FILE}`, `{ase: …}` and `{metatomic: FILE}` need no key labeller around them."""
        own = {"model", "ase", "metatomic"}
        if isinstance(given, dict) and own & given.keys() and not cls.model_fields.keys() & given.keys():
            return {"labeller": given}
        if isinstance(given, dict) and len(given) == 1:
            ((name, settings),) = given.items()
            if name not in cls.model_fields and name in LABELLERS:
                return {"labeller": _checked(name, settings or {})}
        return given

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError("give exactly one of gpaw, cp2k, surrogate and labeller")
        return self

    @property
    def model(self) -> ModelSettings | None:
        """The model of superion that these settings name, if they name one."""
        return self.labeller if isinstance(self.labeller, ModelSettings) else None

    def with_path(self, change: Callable[[str], str]) -> LabellerSettings:
        """The settings with `change` applied to the paths of models, and to arguments that name a file."""
        own = self.labeller
        if own is None:
            return self
        given = {name: getattr(own, name, None) for name in ("model", "metatomic", "extensions")}
        paths: dict[str, Any] = {
            name: Path(change(str(path))) for name, path in given.items() if path is not None
        }
        if (base := getattr(own, "base", None)) is not None:
            paths["base"] = _with_files(base, change)
        if isinstance(own, AseSettings):
            paths["arguments"] = _with_files(own.arguments, change)
        return self.model_copy(update={"labeller": own.model_copy(update=paths)})


NAMED: dict[str, Callable[[], LabellerSettings]] = {
    "gpaw": lambda: LabellerSettings(gpaw=GpawSettings()),
    "cp2k": lambda: LabellerSettings(cp2k=Cp2kSettings()),
    "sevennet": lambda: LabellerSettings(surrogate=SurrogateSettings(name="sevennet")),
    "chgnet": lambda: LabellerSettings(surrogate=SurrogateSettings(name="chgnet")),
}
"""Labellers that need no settings file."""


def named_labeller(name: str) -> LabellerSettings:
    """Default settings of a labeller; InputError with a suggestion for an unknown name."""
    if name in NAMED:
        return NAMED[name]()
    if name in LABELLERS:
        return LabellerSettings.model_validate({name: {}})
    known = [*NAMED, *LABELLERS]
    raise InputError(
        f"there is no labeller {name!r} and no such file.{suggest(name, known)}",
        remedy=f"use one of {', '.join(known)}, a settings file (.yaml), or a model file.",
    )


def make_labeller(settings: LabellerSettings, log: Literal["-"] | None = None) -> Labeller:
    """The labeller of these settings. log: "-" to let codes print to standard output."""
    from superion.reference.ase_calculator import AseLabeller, MetatomicLabeller, ModelLabeller

    if settings.gpaw is not None:
        return GpawLabeller(settings.gpaw, log)
    if settings.cp2k is not None:
        return Cp2kLabeller(settings.cp2k)
    if settings.surrogate is not None:
        return SurrogateLabeller(settings.surrogate)
    if isinstance(settings.labeller, AseSettings):
        return AseLabeller(settings.labeller.ase, settings.labeller.arguments)
    if isinstance(settings.labeller, MetatomicSettings):
        own = settings.labeller
        return MetatomicLabeller(own.metatomic, own.device, own.extensions, own.variant)
    if isinstance(settings.labeller, PluginSettings):
        kind = LABELLERS.find(settings.labeller.plugin)
        return kind(kind.Settings.model_validate(settings.labeller.settings))
    assert isinstance(settings.labeller, ModelSettings)
    return ModelLabeller(settings.labeller.model, settings.labeller.charged_cells, settings.labeller.base)
