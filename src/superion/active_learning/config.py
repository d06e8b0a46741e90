"""The settings of a training, as they stand in its YAML file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    field_validator,
    model_validator,
)

from superion import recipes as presets
from superion.active_learning.clean import CleanSettings
from superion.active_learning.select import SelectSettings
from superion.analysis.transport_settings import TransportSettings
from superion.errors import InputError
from superion.files import write_atomic
from superion.machine import cpu_count
from superion.potentials import FitSettings
from superion.reference import ExecutorSettings
from superion.reference.settings import LabellerSettings, named_labeller
from superion.settings_file import read_settings
from superion.study.config import DataSettings, DynamicsSettings, ElectrostaticsSettings, StructureSettings

_STRICT = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
SETTINGS = "training.yaml"
STORE = "labels"
"""Folder of the label store within that of the training."""
REMEDY = "`superion schema training` lists every key with its unit and default."


class InitialData(DataSettings):
    """What is known before, and what is labelled before the first fit."""

    label: list[str] = Field(
        [], description="files with structures to label before the first fit, relative to the YAML file"
    )


class StopSettings(BaseModel):
    """When a run has left the data."""

    model_config = _STRICT

    measure: Literal["deviation", "extrapolation", "committee"] = Field(
        "deviation",
        description="deviation: predicted standard deviation of a force, eV/Å; extrapolation: grade (above 1 "
        "the model extrapolates); committee: disagreement on a force, eV/Å, of select.committee potentials "
        "fitted to resampled frames",
    )
    above: PositiveFloat = Field(description="the run ends before the first checked frame above this")
    every: PositiveInt = Field(100, description="steps between checks, a multiple of sample_every")


class ExploreSettings(BaseModel):
    """Dynamics that looks for new structures."""

    model_config = _STRICT

    starts: list[str] = Field(
        [], description="files with structures to start from; none: the training set as it grows"
    )
    walkers: PositiveInt = Field(4, description="structures drawn from them in each generation")
    dynamics: DynamicsSettings = Field(
        description="one run from every start at every temperature; the seed is drawn for each run"
    )
    ramp: bool = Field(
        False, description="go through the temperatures in turn, each from the last frame of the one before"
    )
    snapshots: PositiveInt = Field(20, description="equidistant frames taken from each run")
    stop: StopSettings | None = Field(None, description="end a run that leaves the data; null: never")

    @model_validator(mode="after")
    def _checks_frames(self) -> Self:
        every = self.dynamics.at(300).sample_every
        if self.stop is not None and self.stop.every % every:
            raise ValueError(
                f"stop.every must be a multiple of sample_every ({every}), found {self.stop.every}"
            )
        return self


class DiffusionSettings(BaseModel):
    """A run in each generation whose diffusion coefficient shows whether the potential has converged."""

    model_config = _STRICT

    dynamics: DynamicsSettings = Field(description="of one temperature; ensemble nve in the loops protocol")
    transport: TransportSettings = Field(TransportSettings(), description="how D follows from the trajectory")
    structure: StructureSettings = Field(description="start of the run")

    @field_validator("dynamics")
    @classmethod
    def _one(cls, dynamics: Any) -> Any:
        if len(dynamics.temperatures) != 1:
            raise ValueError(f"one temperature is needed, found {len(dynamics.temperatures)}")
        if dynamics.ramp_to is not None:
            raise ValueError("ramp_to: diffusion coefficients are of constant temperatures; remove it")
        return dynamics


class ProtocolSettings(BaseModel):
    """How generations follow each other, and when they end."""

    model_config = _STRICT

    kind: Literal["generations", "loops", "active"] = Field(
        "generations",
        description="generations: explore, select, label, refit until errors on new structures stop "
        "improving; loops: the same until the diffusion coefficient has converged; active: until no run "
        "leaves the data and nothing new is found",
    )
    model: presets.Preset = Field("es-gap", description="the potential that explores and selects")
    generations: PositiveInt = Field(10, description="generations, at most")
    patience: PositiveInt = Field(2, description="generations without improvement before the end")
    tolerance: float = Field(
        0.05, ge=0, lt=1, description="an error must fall by more than this fraction to count as improved"
    )


class LabelSettings(BaseModel):
    """Where labels come from; they are kept in the label store `labels/` of the training folder."""

    model_config = _STRICT

    labeller: LabellerSettings = Field(
        description="gpaw, cp2k, sevennet or chgnet, or their settings (`superion schema label`); a superion "
        "model file, relative to the YAML file, as {model: FILE}"
    )
    executor: str | ExecutorSettings = Field(
        "processes:1",
        description="processes:N, threads:N, dask://host:port, or what makes an executor (`superion schema "
        "executor`)",
    )
    timeout: PositiveFloat | None = Field(None, description="seconds for one label; null: any time")
    retries: int = Field(1, ge=0, description="further attempts at a label that failed")

    @field_validator("labeller", mode="before")
    @classmethod
    def _named(cls, labeller: Any) -> Any:
        try:
            return named_labeller(labeller) if isinstance(labeller, str) else labeller
        except InputError as error:
            raise ValueError(str(error).rstrip(".")) from error


class TrainSettings(BaseModel):
    """A training: labels, potentials, exploration, choice, and when to stop."""

    model_config = _STRICT

    name: str = Field(min_length=1, description="name of the training")
    data: InitialData = Field(description="labelled structures to begin with")
    models: list[presets.Preset] = Field(
        ["gap", "es-gap"], min_length=1, description="potentials fitted in every generation"
    )
    electrostatics: ElectrostaticsSettings = Field(
        ElectrostaticsSettings(), description="the electrostatic term of es-gap"
    )
    repulsion: bool = Field(True, description="repel atoms that come closer than those of the training data")
    fit: FitSettings = Field(FitSettings(), description="the local term and its fit")
    labels: LabelSettings = Field(description="where labels come from")
    explore: ExploreSettings = Field(description="dynamics that looks for new structures")
    select: SelectSettings = Field(SelectSettings(), description="which of them are labelled")
    clean: CleanSettings = Field(CleanSettings(), description="which labels are left out")
    diffusion: DiffusionSettings | None = Field(None, description="diffusion in every generation; null: none")
    protocol: ProtocolSettings = Field(ProtocolSettings(), description="how generations follow each other")
    budget: PositiveInt = Field(description="labels, at most")
    seed: int = Field(0, ge=0, description="seed of everything random, with generation and step")
    parallel: PositiveInt | None = Field(
        None, description="runs at once and threads of the fit; null: one per CPU core"
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.protocol.model not in self.models:
            raise ValueError(f"protocol.model is {self.protocol.model}, but models are {self.models}")
        if self.protocol.kind == "loops" and self.diffusion is None:
            raise ValueError("the protocol loops ends by the diffusion coefficient: diffusion is missing")
        if self.protocol.kind == "active" and self.explore.stop is None:
            raise ValueError("the protocol active ends when no run leaves the data: explore.stop is missing")
        needs = self.select.method in ("variance", "d-optimal") or (
            self.explore.stop is not None and self.explore.stop.measure == "deviation"
        )
        if needs and not self.fit.uncertainty:
            raise ValueError("fit.uncertainty is false, but select or explore.stop needs deviations")
        return self

    @property
    def processes(self) -> int:
        """How much may run at once."""
        return self.parallel or cpu_count()


def read_training(path: str | Path) -> TrainSettings:
    """The settings in a YAML file, relative paths made absolute; InputError naming every wrong key."""
    path = Path(path)
    settings = read_settings(path, TrainSettings)
    return with_paths(settings, lambda file: str((path.parent / file).resolve()))


def write_training(settings: TrainSettings, folder: Path) -> None:
    """Write the settings, defaults included, to the training folder, with paths relative to it."""
    local = with_paths(settings, lambda file: os.path.relpath(file, folder.resolve()))
    text = yaml.safe_dump(
        local.model_dump(mode="json") | {"labels": _labels(local.labels)}, sort_keys=False, allow_unicode=True
    )
    write_atomic(folder / SETTINGS, text)


def with_paths(settings: TrainSettings, change: Any) -> TrainSettings:
    """The settings with `change` applied to every path of an input file."""
    data = settings.data.model_copy(
        update={name: [change(file) for file in getattr(settings.data, name)] for name in ("files", "label")}
    )
    explore = settings.explore.model_copy(update={"starts": [change(f) for f in settings.explore.starts]})
    electrostatics = settings.electrostatics.with_path(change)
    update: dict[str, Any] = {"data": data, "explore": explore, "electrostatics": electrostatics}
    if settings.diffusion is not None:
        structure = settings.diffusion.structure
        structure = structure.model_copy(update={"file": change(structure.file)})
        update["diffusion"] = settings.diffusion.model_copy(update={"structure": structure})
    labeller = settings.labels.labeller.with_path(change)
    update["labels"] = settings.labels.model_copy(update={"labeller": labeller})
    return settings.model_copy(update=update)


def _labels(settings: LabelSettings) -> dict[str, Any]:
    """As YAML has it: of the labeller only what was given, for exactly one kind may be."""
    given = settings.labeller.model_dump(mode="json", exclude_unset=True)
    return settings.model_dump(mode="json") | {"labeller": given}
