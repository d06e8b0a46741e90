"""The settings of a study, as they stand in its YAML file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    SerializeAsAny,
    ValidationError,
    create_model,
    field_validator,
    model_validator,
)

from superion.analysis.transport_settings import TransportSettings
from superion.errors import InputError
from superion.files import write_atomic
from superion.machine import cpu_count
from superion.potentials import FitSettings
from superion.recipes.electrostatics import ElectrostaticsSettings
from superion.settings_file import read_settings
from superion.simulation import MDSettings
from superion.structures.labels import parse_mappings
from superion.study.models import (
    Models,
    ModelSettings,
    all_completed,
    of_presets,
    schemas,
    with_names,
)
from superion.study.properties.registry import ReadProperties, all_properties, settings_model
from superion.study.properties.settings import ChosenProperties
from superion.study.resample import FitsSettings
from superion.study.tuning import TuneSettings
from superion.verdict.settings import Pair, VerdictSettings
from superion.work.executors import Where, slots_of

_STRICT = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
SETTINGS = "study.yaml"


class DataSettings(BaseModel):
    """Labelled structures and their division into training and test set."""

    model_config = _STRICT

    files: list[str] = Field(
        min_length=1, description="files with labelled structures, relative to the YAML file"
    )
    keys: list[str] = Field(
        [], description="foreign label keys as label=key[:unit][:order], e.g. dipole=dipole_vector:e*bohr"
    )
    test: list[str] | Annotated[float, Field(gt=0, lt=1)] | None = Field(
        0.2,
        description="test trajectories by name, or the fraction of frames that whole trajectories, drawn at "
        "random, come closest to; null: train on everything",
    )
    seed: int = Field(0, ge=0, description="seed of the random choice of test trajectories")

    @field_validator("keys")
    @classmethod
    def _understood(cls, keys: list[str]) -> list[str]:
        try:
            parse_mappings(keys)
        except InputError as error:
            raise ValueError(str(error).rstrip(".")) from error
        return keys


class StructureSettings(BaseModel):
    """Where dynamics starts."""

    model_config = _STRICT

    file: str = Field(description="structure file, relative to the YAML file; of several frames the last")
    supercell: tuple[PositiveInt, PositiveInt, PositiveInt] = Field(
        (1, 1, 1), description="repetitions of the cell along its three axes"
    )


class Runs(BaseModel):
    """Settings of all runs of molecular dynamics; they differ in temperature alone."""

    model_config = _STRICT

    temperatures: list[PositiveFloat] = Field(min_length=1, description="temperatures in K, one run each")

    @model_validator(mode="after")
    def _each_valid(self) -> Self:
        if len({f"{t:g}" for t in self.temperatures}) < len(self.temperatures):
            raise ValueError(f"temperatures are repeated: {self.temperatures}")
        for temperature in self.temperatures:
            try:
                self.at(temperature)
            except ValidationError as error:
                messages = [e["msg"].removeprefix("Value error, ") for e in error.errors()]
                raise ValueError("; ".join(messages)) from error
        return self

    def at(self, temperature: float) -> MDSettings:
        """Settings of the run at `temperature` (K)."""
        return MDSettings(temperature=temperature, **self.model_dump(exclude={"temperatures"}))


if TYPE_CHECKING:
    DynamicsSettings = Runs
else:
    DynamicsSettings = create_model(
        "DynamicsSettings",
        __base__=Runs,
        __doc__=Runs.__doc__,
        **{
            name: (field.rebuild_annotation(), field)
            for name, field in MDSettings.model_fields.items()
            if name != "temperature"
        },
    )


class StudySettings(BaseModel):
    """A study: models fitted to one set of labels, dynamics with each, conductivities, a report."""

    model_config = _STRICT

    name: str = Field(min_length=1, description="name of the study, shown in the report")
    data: DataSettings = Field(description="labelled structures")
    structure: StructureSettings | None = Field(
        None, description="start of the dynamics; null: none is needed, for there is no dynamics"
    )
    models: Models = Field(
        default_factory=dict,
        validate_default=True,
        description="models by name. Each is fitted, {preset: gap, and settings of this preset}, where a "
        "name that is a preset's needs no preset; or exists, {open: FILE}. Default: gap, and es-gap, which "
        "is the same with electrostatics",
    )
    potentials: list[str] | None = Field(
        None, exclude=True, description="old: presets by name; write them under models"
    )
    electrostatics: ElectrostaticsSettings = Field(
        ElectrostaticsSettings(), description="the electrostatic term of es-gap, and of models that name none"
    )
    repulsion: bool = Field(
        True, description="repel atoms that come closer than those of the training data ever do"
    )
    fit: FitSettings = Field(
        FitSettings(), description="the local term of gap and es-gap and its fit, where a model says no other"
    )
    fits: FitsSettings = Field(FitsSettings(), description="fits to resampled frames, beside the main one")
    tune: TuneSettings | None = Field(
        None,
        description="sigmas and the scale of fixed charges, chosen for every fit inside its training data; "
        "null: as they are given",
    )
    dynamics: DynamicsSettings | None = Field(
        None, description="molecular dynamics with every model; null: none, only what labels and statics tell"
    )
    transport: TransportSettings = Field(TransportSettings(), description="conductivities")
    properties: Annotated[SerializeAsAny[ChosenProperties], BeforeValidator(ReadProperties())] = Field(
        default_factory=dict,
        validate_default=True,
        description="what is computed with every model, and compared, by property",
    )
    verdict: VerdictSettings = Field(
        VerdictSettings(),
        description="which models are compared, how large a difference matters, how sure an answer has to be",
    )
    locality: str | None = Field(
        None,
        description="result of `superion locality` (locality.json), drawn by the report beside errors of "
        "forces, relative to the YAML file",
    )
    parallel: Where | None = Field(
        None,
        description="where dynamics and properties are computed, and how many at once: serial, processes:4 "
        "(or 4), threads:4, dask://host:port; null: one process per CPU core. A fit takes as many threads",
    )

    @model_validator(mode="before")
    @classmethod
    def _named_models(cls, given: Any) -> Any:
        """`models: [gap, 4g]`, and `potentials` of old, mean the presets of these names."""
        if not isinstance(given, dict):
            return given
        old = given.get("potentials")
        if old is not None and given.get("models") is not None:
            raise ValueError("models and potentials are two answers to one question: keep models")
        names = given.get("models") if old is None else old
        key = "models" if old is None else "potentials"
        return given | {"models": of_presets(["gap", "es-gap"] if names is None else names, key)}

    @field_validator("models", mode="before")
    @classmethod
    def _with_names(cls, given: Any) -> Any:
        return with_names(given)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        """What a model does not say is as the study says; which pairs are compared is settled here."""
        models = all_completed(self.models, self.fit, self.electrostatics, self.repulsion)
        if not any(model.fitted for model in models.values()) and self.fits.count:
            raise ValueError("fits.count: no model is fitted here; set it to 0")
        pairs = tuple(_settled(pair, models) for pair in _pairs(self.verdict, list(models)))
        self.__dict__["models"] = models  # the settings are frozen for everybody else
        self.__dict__["verdict"] = self.verdict.model_copy(update={"pairs": pairs})
        return self

    @model_validator(mode="after")
    def _field_needs_charges(self) -> Self:
        local = [name for name, model in self.models.items() if model.long_range is False]
        if getattr(self.dynamics, "electric", None) is not None and local:
            raise ValueError(
                f"dynamics.electric needs charges, and {' and '.join(local)} has none: take it out of models"
            )
        return self

    @model_validator(mode="after")
    def _dynamics_is_there(self) -> Self:
        if self.dynamics is not None and self.structure is None:
            raise ValueError("structure: dynamics starts from a structure; name its file")
        moving = [kind.name for kind in all_properties() if kind.from_dynamics]
        asked = [f"properties.{name}" for name in moving if name in self.properties.chosen]
        if self.dynamics is None and asked:
            raise ValueError(f"dynamics: {' and '.join(asked)} need it; add it, or leave these out")
        return self

    @property
    def structure_file(self) -> Path:
        """The file of the structure; InputError if the study has none."""
        if self.structure is None:
            raise InputError(
                "the study names no structure.", remedy="name one: structure: {file: crystal.extxyz}."
            )
        return Path(self.structure.file)

    @property
    def temperatures(self) -> list[float]:
        """Those of the dynamics, in K."""
        return [] if self.dynamics is None else self.dynamics.temperatures

    @model_validator(mode="after")
    def _one_temperature(self) -> Self:
        if getattr(self.dynamics, "ramp_to", None) is not None:
            raise ValueError("dynamics.ramp_to: conductivities are of constant temperatures; remove it")
        return self

    @model_validator(mode="after")
    def _deviations_are_known(self) -> Self:
        count, key = self.properties.moving
        resampled = count > 0
        if getattr(self.dynamics, "max_deviation", None) is None:
            return self
        if resampled or not self.fit.uncertainty:
            raise ValueError(
                "dynamics.max_deviation needs deviations, which "
                + (
                    f"resampled fits lack: set {key} to 0"
                    if resampled
                    else "fit.uncertainty: false leaves out"
                )
            )
        return self

    @model_validator(mode="after")
    def _enough_fits(self) -> Self:
        count, key = self.properties.moving
        if count > self.fits.count:
            raise ValueError(f"{key} is {count}, but fits.count is {self.fits.count}")
        return self

    @property
    def processes(self) -> int:
        """How much may run at once, as far as that is known before it does; threads of a fit."""
        return (None if self.parallel is None else slots_of(self.parallel)) or cpu_count()

    @property
    def where(self) -> str | int:
        """The executor."""
        return cpu_count() if self.parallel is None else self.parallel


def _pairs(settings: VerdictSettings, names: list[str]) -> tuple[Pair, ...]:
    """The pairs that are compared: those of the settings, or the first model with each of the others."""
    if settings.pairs is not None:
        return settings.pairs
    return tuple(Pair(baseline=names[0], candidate=name) for name in names[1:])


def _settled(pair: Pair, models: dict[str, ModelSettings]) -> Pair:
    """A pair with its question; ValueError for a model that the study has not."""
    for name in (pair.baseline, pair.candidate):
        if name not in models:
            raise ValueError(f"verdict: there is no model {name!r}; models are {', '.join(models)}")
    charges = pair.charges or models[pair.candidate].charges
    adds = models[pair.candidate].long_range is True and models[pair.baseline].long_range is False
    question = pair.question or ("electrostatics" if adds else "model")
    found = {"question": question, "charges": charges if question == "electrostatics" else None}
    return pair.model_copy(update=found)


def read_study(path: str | Path) -> StudySettings:
    """The settings in a YAML file, relative paths made absolute; InputError naming every wrong key."""
    path = Path(path)
    settings = read_settings(path, StudySettings)
    return _with_paths(settings, lambda file: str((path.parent / file).resolve()))


def write_study(settings: StudySettings, folder: Path) -> None:
    """Write the settings, defaults included, to `study.yaml` in `folder`, with paths relative to it."""
    local = _with_paths(settings, lambda file: os.path.relpath(file, folder.resolve()))
    shared = local.fit, local.electrostatics, local.repulsion
    models = {name: model.beside(*shared) for name, model in local.models.items()}
    text = yaml.safe_dump(
        local.model_dump(mode="json") | {"models": models}, sort_keys=False, allow_unicode=True
    )
    write_atomic(folder / "study.yaml", text)


def _with_paths(settings: StudySettings, change: Any) -> StudySettings:
    data = settings.data.model_copy(update={"files": [change(file) for file in settings.data.files]})
    structure = settings.structure
    if structure is not None:
        structure = structure.model_copy(update={"file": change(structure.file)})
    electrostatics = settings.electrostatics.with_path(change)
    models = {name: model.with_paths(change) for name, model in settings.models.items()}
    locality = None if settings.locality is None else change(settings.locality)
    return settings.model_copy(
        update={
            "data": data,
            "structure": structure,
            "electrostatics": electrostatics,
            "models": models,
            "locality": locality,
            "properties": settings.properties.with_paths(change),
        }
    )


def schema() -> dict[str, Any]:
    """JSON schema of the study YAML; under `models` what each may hold."""
    found = StudySettings.model_json_schema() | {"models": schemas()}
    properties = settings_model().model_json_schema()
    found["$defs"] |= properties.pop("$defs", {})
    found["properties"]["properties"] |= properties
    return found
