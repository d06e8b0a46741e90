"""The settings of active learning, as they stand in its YAML file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    SerializeAsAny,
    field_validator,
    model_validator,
)

from superion.active_learning.clean import CleanSettings
from superion.active_learning.explorers import DYNAMICS, EXPLORERS, Exploring, ReadExplorer
from superion.active_learning.judges import JudgeName
from superion.active_learning.measures import MEASURES
from superion.active_learning.needs import lacking
from superion.active_learning.protocols import PROTOCOLS
from superion.active_learning.select import SELECTORS, SelectSettings
from superion.analysis.transport_settings import TransportSettings
from superion.errors import InputError
from superion.files import write_atomic
from superion.machine import cpu_count
from superion.potentials import FitSettings
from superion.reference.settings import LabellerSettings, named_labeller
from superion.registry import known_in
from superion.settings_file import read_settings
from superion.study.config import (
    DataSettings,
    DynamicsSettings,
    ElectrostaticsSettings,
    StructureSettings,
)
from superion.study.models import (
    FittedModel,
    Models,
    OpenedModel,
    all_completed,
    of_presets,
    schemas,
    with_names,
)
from superion.work.executors import ExecutorSettings, Where, slots_of

_STRICT = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
SETTINGS = "training.yaml"
STORE = "labels"
"""Folder of the label store within that of the training."""
REMEDY = "`superion schema active-learning` lists every key with its unit and default."


class InitialData(DataSettings):
    """What is known before, and what is labelled before the first fit."""

    label: list[str] = Field(
        [], description="files with structures to label before the first fit, relative to the YAML file"
    )


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

    kind: Annotated[str, AfterValidator(known_in(PROTOCOLS))] = Field(
        "generations",
        description="generations: explore, select, label, refit until errors on new structures stop "
        "improving; loops: the same until the diffusion coefficient has converged; active: until no run "
        "leaves the data and nothing new is found; or what an installed package brings (CONTRIBUTING.md)",
    )
    model: str | None = Field(
        None,
        description="the fitted model that explores and selects, and whose errors count; null: the first one "
        "with long-range electrostatics, or else the first",
    )
    judge: JudgeName = Field(
        "force_rmse",
        description="what must improve on new structures: force_rmse, energy_rmse_per_atom, stress_rmse, or "
        "what an installed package brings (CONTRIBUTING.md)",
    )
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
    executor: Where | ExecutorSettings = Field(
        "processes:1",
        description="processes:4 (or 4), threads:4, serial, dask://host:port, or what makes an executor "
        "(`superion schema executor`)",
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
    """Active learning: labels, models, exploration, choice, and when to stop."""

    model_config = _STRICT

    name: str = Field(min_length=1, description="name of the folder and the report")
    data: InitialData = Field(description="labelled structures to begin with")
    models: Models = Field(
        default_factory=dict,
        validate_default=True,
        description="models by name. Each is fitted in every generation, {preset: gap, and settings of this "
        "preset}, where a name that is a preset's needs no preset; or exists, {open: FILE}, and may explore. "
        "Default: gap, and es-gap, which is the same with electrostatics",
    )
    electrostatics: ElectrostaticsSettings = Field(
        ElectrostaticsSettings(), description="the electrostatic term of es-gap, and of models that name none"
    )
    repulsion: bool = Field(True, description="repel atoms that come closer than those of the training data")
    fit: FitSettings = Field(
        FitSettings(), description="the local term of gap and es-gap and its fit, where a model says no other"
    )
    labels: LabelSettings = Field(description="where labels come from")
    explore: Annotated[SerializeAsAny[Exploring], BeforeValidator(ReadExplorer())] = Field(
        description="what looks for new structures: dynamics"
    )
    select: SelectSettings = Field(SelectSettings(), description="which of them are labelled")
    clean: CleanSettings = Field(CleanSettings(), description="which labels are left out")
    judges: list[JudgeName] = Field(
        [], description="what models are judged by beside the usual errors, by name (CONTRIBUTING.md)"
    )
    diffusion: DiffusionSettings | None = Field(None, description="diffusion in every generation; null: none")
    protocol: ProtocolSettings = Field(ProtocolSettings(), description="how generations follow each other")
    budget: PositiveInt = Field(description="labels, at most")
    seed: int = Field(0, ge=0, description="seed of everything random, with generation and step")
    parallel: Where | None = Field(
        None,
        description="where runs are done, and how many at once: serial, processes:4 (or 4), threads:4, "
        "dask://host:port; null: one process per CPU core. A fit takes as many threads",
    )

    @model_validator(mode="before")
    @classmethod
    def _named_models(cls, given: Any) -> Any:
        """`models: [gap, 4g]` means the presets of these names."""
        if not isinstance(given, dict):
            return given
        names = given.get("models")
        return given | {"models": of_presets(["gap", "es-gap"] if names is None else names)}

    @field_validator("models", mode="before")
    @classmethod
    def _with_names(cls, given: Any) -> Any:
        return with_names(given)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        """What a model does not say is as the settings say; which model decides is settled here."""
        models = all_completed(self.models, self.fit, self.electrostatics, self.repulsion)
        fitted = {name: model for name, model in models.items() if isinstance(model, FittedModel)}
        if not fitted:
            raise ValueError("models: none of them is fitted, so that there is nothing to train")
        charged = [name for name, model in fitted.items() if model.long_range]
        chosen = self.protocol.model or [*charged, *fitted][0]
        if chosen not in fitted:
            raise ValueError(f"protocol.model is {chosen}, but models that are fitted are {list(fitted)}")
        if self.explore.model is not None and self.explore.model not in models:
            raise ValueError(f"explore.model is {self.explore.model}, but models are {list(models)}")
        self.__dict__["models"] = models  # the settings are frozen for everybody else
        self.__dict__["protocol"] = self.protocol.model_copy(update={"model": chosen})
        return self

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        stop = getattr(self.explore, "stop", None)
        if self.protocol.kind == "loops" and self.diffusion is None:
            raise ValueError("the protocol loops ends by the diffusion coefficient: diffusion is missing")
        if self.protocol.kind == "active" and stop is None:
            raise ValueError("the protocol active ends when no run leaves the data: explore.stop is missing")
        for what, needs in self.needs.items():
            if why := lacking(self.student, self.fitted[self.student], needs):
                raise ValueError(f"{what} needs predicted standard deviations, but {why}")
        return self

    @property
    def student(self) -> str:
        """Name of the model that selects, and whose errors count."""
        assert self.protocol.model is not None  # settled with the models
        return self.protocol.model

    @property
    def fitted(self) -> dict[str, FittedModel]:
        """The models that are fitted in every generation."""
        return {name: model for name, model in self.models.items() if isinstance(model, FittedModel)}

    @property
    def opened(self) -> dict[str, OpenedModel]:
        """The models that exist already."""
        return {name: model for name, model in self.models.items() if isinstance(model, OpenedModel)}

    @property
    def needs(self) -> dict[str, frozenset[str]]:
        """What the student must give, by the key that asks for it."""
        stop = getattr(self.explore, "stop", None)
        found = {f"select.method: {self.select.method}": SELECTORS.find(self.select.method).needs}
        if stop is not None:
            found[f"explore.stop.measure: {stop.measure}"] = MEASURES.find(stop.measure).needs
        return found

    @property
    def processes(self) -> int:
        """How much may run at once, as far as that is known before it does; threads of a fit."""
        return (None if self.parallel is None else slots_of(self.parallel)) or cpu_count()

    @property
    def where(self) -> str | int:
        """The executor of runs."""
        return cpu_count() if self.parallel is None else self.parallel


def read_training(path: str | Path) -> TrainSettings:
    """The settings in a YAML file, relative paths made absolute; InputError naming every wrong key."""
    path = Path(path)
    settings = read_settings(path, TrainSettings)
    return with_paths(settings, lambda file: str((path.parent / file).resolve()))


def write_training(settings: TrainSettings, folder: Path) -> None:
    """Write the settings, defaults included, to the training folder, with paths relative to it."""
    local = with_paths(settings, lambda file: os.path.relpath(file, folder.resolve()))
    shared = local.fit, local.electrostatics, local.repulsion
    models = {name: model.beside(*shared) for name, model in local.models.items()}
    own = {"models": models, "labels": _labels(local.labels)}
    text = yaml.safe_dump(local.model_dump(mode="json") | own, sort_keys=False, allow_unicode=True)
    write_atomic(folder / SETTINGS, text)


def with_paths(settings: TrainSettings, change: Any) -> TrainSettings:
    """The settings with `change` applied to every path of an input file."""
    data = settings.data.model_copy(
        update={name: [change(file) for file in getattr(settings.data, name)] for name in ("files", "label")}
    )
    explore = settings.explore.model_copy(update={"starts": [change(f) for f in settings.explore.starts]})
    electrostatics = settings.electrostatics.with_path(change)
    models = {name: model.with_paths(change) for name, model in settings.models.items()}
    update: dict[str, Any] = {"data": data, "explore": explore, "electrostatics": electrostatics}
    update["models"] = models
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


def schema() -> dict[str, Any]:
    """JSON schema of the YAML file; under `models` and `explorers` what each of these may hold."""
    found = TrainSettings.model_json_schema() | {"models": schemas()}
    explorers = {name: one.settings.model_json_schema() for name, one in EXPLORERS.working().items()}
    dynamics = explorers.pop(DYNAMICS)
    found["$defs"] |= dynamics.pop("$defs", {})
    found["properties"]["explore"] = dynamics | {"description": found["properties"]["explore"]["description"]}
    return found | ({"explorers": explorers} if explorers else {})
