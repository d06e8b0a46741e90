"""The models of a study or of active learning: each is fitted by a preset, or exists already."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Self

from ase import Atoms
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializeAsAny,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from superion.errors import InputError, suggest
from superion.model import Charges
from superion.potentials import FitSettings
from superion.potentials.opening import SETTINGS, labeller_settings, name_engine
from superion.recipes.base import Job, Options, Recipe
from superion.recipes.electrostatics import ElectrostaticsSettings
from superion.recipes.on_base import files_of, is_file_name, open_base
from superion.recipes.registry import FIT_PRESETS, fit_preset
from superion.settings_file import validate

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")
"""What a model may be called: its name is part of names of files."""
RESERVED = ("reference", "kind", "format")
"""What files of results call other things."""


class ModelSettings(BaseModel):
    """One model of a study."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @property
    def fitted(self) -> bool:
        """Whether the study fits it."""
        return False

    @property
    def source(self) -> Path | str | None:
        """The file or the name that opens it; None of one that the study fits."""
        return None

    @property
    def may_run_code(self) -> bool:
        """Whether it is opened by a settings file, which may name code."""
        return False

    @property
    def long_range(self) -> bool | None:
        """Whether it has long-range electrostatics; None if nothing tells."""
        return None

    @property
    def charges(self) -> Charges | None:
        """Which electrostatics it has; None if nothing tells."""
        return None

    @property
    def deviates(self) -> bool | None:
        """Whether it predicts its standard deviations; None if that is known once it is opened."""
        return None

    @property
    def learns_charges(self) -> bool:
        """Whether the study fits its charges."""
        return False

    def beside(
        self, fit: BaseModel, electrostatics: ElectrostaticsSettings, repulsion: bool
    ) -> dict[str, Any]:
        """JSON-ready: what it says itself, where a study says the rest."""
        return self.model_dump(mode="json")

    def identity(self) -> dict[str, Any]:
        """All that the model depends on, data aside, wherever files are."""
        return self.model_dump(mode="json")

    def with_paths(self, change: Callable[[str], str]) -> Self:
        """The settings with `change` applied to every path."""
        return self

    def files(self) -> dict[str, Path]:
        """Files that it is made from beside the data, by the name under which they are recorded."""
        return {}


class OpenedModel(ModelSettings):
    """A model that exists already, the same in every resampling."""

    open: str = Field(
        description="model file, or settings file of a labeller (`superion schema label`), relative to the "
        "YAML file, or the name of a labeller; a settings file may name code to run: use your own only"
    )

    @property
    def path(self) -> Path | None:
        """The file; None for a name."""
        named = Path(self.open)
        return named if named.suffix or len(named.parts) > 1 else None

    def with_paths(self, change: Callable[[str], str]) -> Self:
        """The settings with `change` applied to the path, if it is one."""
        return self if self.path is None else self.model_copy(update={"open": change(self.open)})

    def identity(self) -> dict[str, Any]:
        """The name of the labeller, or of the file, wherever it is."""
        return {"open": self.open if self.path is None else self.path.name}

    @property
    def source(self) -> Path | str:
        """The file or the name that opens it."""
        return self.path or self.open

    @property
    def may_run_code(self) -> bool:
        """Whether it is opened by a settings file, which may name code."""
        return self.path is not None and self.path.suffix in SETTINGS

    def files(self) -> dict[str, Path]:
        """The model or settings file, and the files that this names."""
        if self.path is None:
            return {}
        paths = [self.path]
        if self.may_run_code and self.path.is_file():
            labeller_settings(self.path).with_path(lambda file: paths.append(Path(file)) or file)  # type: ignore[func-returns-value]
        return {f"model {path.name}": path for path in paths if path.is_file()}


class FittedModel(ModelSettings):
    """A model that the study fits. In YAML the settings of its preset stand beside the other keys."""

    preset: str
    settings: SerializeAsAny[BaseModel]
    electrostatics: ElectrostaticsSettings | None = None
    repulsion: bool = True
    charged_cells: str | None = None
    base: str | None = None

    def beside(
        self, fit: BaseModel, electrostatics: ElectrostaticsSettings, repulsion: bool
    ) -> dict[str, Any]:
        """JSON-ready: what it says itself, where a study says the rest; see `completed`."""
        found = self.model_dump(mode="json")
        same = {
            "electrostatics": self.electrostatics == electrostatics,
            "repulsion": self.repulsion == (repulsion and "repulsion" in self.recipe.reads),
        }
        if self.settings == fit:
            same |= dict.fromkeys(type(fit).model_fields, True)
        return {key: value for key, value in found.items() if not same.get(key)}

    @property
    def recipe(self) -> Recipe:
        """The preset that makes it."""
        return fit_preset(self.preset)

    @property
    def fitted(self) -> bool:
        """Whether the study fits it."""
        return True

    @property
    def long_range(self) -> bool | None:
        """Whether it has long-range electrostatics."""
        return self.recipe.long_range

    @property
    def charges(self) -> Charges | None:
        """Which electrostatics it has; of a term with settings what these say."""
        chosen = self.electrostatics
        if self.recipe.charges is not None or chosen is None or not self.long_range or chosen.model:
            return self.recipe.charges
        return "equilibrated" if chosen.charges == "qeq" else "fixed"

    @property
    def learns_charges(self) -> bool:
        """Whether its charges are fitted."""
        return self.recipe.learns_charges

    @property
    def deviates(self) -> bool:
        """Whether it predicts its standard deviations."""
        return self.recipe.predicts_deviations(self.settings)

    def identity(self) -> dict[str, Any]:
        """All settings that the model depends on, data aside, wherever files are."""
        found = {
            "preset": self.preset,
            "fit": self.settings.model_dump(mode="json"),
            "repulsion": self.repulsion,
            "electrostatics": None if self.electrostatics is None else self.electrostatics.identity(),
            "charged_cells": self.charged_cells,
            "base": None if self.base is None else Path(self.base).name,
        }
        return {key: value for key, value in found.items() if value is not None}

    def with_paths(self, change: Callable[[str], str]) -> Self:
        """The settings with `change` applied to every path."""
        found: dict[str, Any] = {}
        if self.electrostatics is not None:
            found["electrostatics"] = self.electrostatics.with_path(change)
        if self.base is not None:
            found["base"] = change(self.base) if is_file_name(self.base) else self.base
            name_engine(found["base"])
        return self.model_copy(update=found) if found else self

    def files(self) -> dict[str, Path]:
        """What the electrostatic term and the base are read from."""
        found = {} if self.electrostatics is None else self.electrostatics.files()
        return found if self.base is None else found | files_of(self.base)

    def job(
        self,
        frames: Sequence[Atoms],
        *,
        seed: int | None = None,
        whole: Sequence[Atoms] | None = None,
        workers: int = 1,
        checkpoint: Path | None = None,
        progress: bool = False,
    ) -> Job:
        """Its fit to `frames`.

        seed: of one of many fits whose spread is wanted. whole: what the frames were drawn from. checkpoint:
        where a long training is kept, if this is one.
        """
        settings = self.settings if seed is None else self.recipe.resampled(self.settings, seed)
        options = Options(
            repulsion=self.repulsion,
            workers=workers,
            charged_cells=self.charged_cells,
            progress=progress,
            whole=whole,
        )
        if self.electrostatics is not None:
            options = replace(options, electrostatics=self.electrostatics)
        if self.base is not None:
            options = replace(options, base=open_base(self.base, progress=progress))
        if "checkpoint" in self.recipe.reads:
            options = replace(options, checkpoint=checkpoint)
        return Job(self.recipe, self.recipe.completed(settings, frames), options)

    @model_serializer(mode="wrap")
    def _beside_each_other(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        found: dict[str, Any] = handler(self)
        return found.pop("settings") | {key: value for key, value in found.items() if value is not None}


def read_model(entry: tuple[str, Any]) -> ModelSettings:
    """A model from its name and its settings; a name that is a preset's needs no `preset`.

    ValueError for what is wrong.
    """
    name, given = entry
    if isinstance(given, ModelSettings):
        return given
    if not NAME.fullmatch(name) or "-resampled-" in name or name in RESERVED:
        raise ValueError(f"a model cannot be called {name!r}: use letters, digits, '-', '_', '.' and '+'")
    given = {} if given is None else given
    if not isinstance(given, Mapping):
        raise ValueError(f"expected the settings of a model, such as {{preset: gap}}, found {given!r}")
    if "open" in given:
        return _explained(OpenedModel, given)
    preset = given.get("preset", name)
    if preset not in FIT_PRESETS:
        raise ValueError(
            f"unknown preset {preset!r}.{suggest(str(preset), FIT_PRESETS)} Give preset (one of "
            f"{', '.join(FIT_PRESETS)}), or open, for a model that exists"
        )
    recipe = fit_preset(preset)
    if not recipe.potential:
        raise ValueError(f"the preset {preset} makes charges alone, whose energy is not that of the labels")
    own = {key: given[key] for key in _heeded(recipe) if key in given}
    others = {key: value for key, value in given.items() if key not in own and key != "preset"}
    settings = _explained(recipe.settings, others)
    return _explained(FittedModel, own | {"preset": preset, "settings": settings})


Models = dict[str, Annotated[SerializeAsAny[ModelSettings], BeforeValidator(read_model)]]
"""Models by name, as they stand in a YAML file; `with_names` before, `all_completed` after."""


def of_presets(names: Any, key: str = "models") -> Any:
    """`[gap, 4g]` means the presets of these names; ValueError for other lists. Anything else stays."""
    if not isinstance(names, list):
        return names
    if not names or not all(isinstance(name, str) for name in names):
        raise ValueError(f"{key}: expected names of presets, found {names!r}")
    if len(set(names)) < len(names):
        raise ValueError(f"{key} are repeated: {names}")
    return dict.fromkeys(names)


def with_names(given: Any) -> Any:
    """Settings by name with the name beside them, as `read_model` has them; ValueError without any."""
    if not isinstance(given, dict) or not given:
        raise ValueError(f"expected models by name, such as {{gap: {{}}, es-gap: {{}}}}, found {given!r}")
    return {str(name): (str(name), entry) for name, entry in given.items()}


def _heeded(recipe: Recipe) -> list[str]:
    """Keys of an entry beside the settings of its preset."""
    options = {"electrostatics": "charges", "repulsion": "repulsion"}
    keys = [key for key, option in options.items() if option in recipe.reads]
    alone = "charged-cells" in recipe.reads and "charges" not in recipe.reads
    return [*keys, "charged_cells", "base"] if alone else [*keys, "base"]


def _explained(model: type[Any], given: Mapping[str, Any]) -> Any:
    """`given` as a `model`; a ValueError that says all that is wrong."""
    try:
        return validate(given, model)
    except InputError as error:
        raise ValueError(error.problem.removesuffix(".")) from error


def completed(
    model: ModelSettings, fit: FitSettings, electrostatics: ElectrostaticsSettings, repulsion: bool
) -> ModelSettings:
    """A model with what it does not say itself taken from the study. ValueError if that does not fit."""
    if not isinstance(model, FittedModel):
        return model
    settings = model.settings
    if model.recipe.settings is type(fit):
        own = settings.model_dump(exclude_unset=True)
        settings = _explained(type(fit), _merged(fit.model_dump(), own)) if own else fit
    update: dict[str, Any] = {"settings": settings}
    if "charges" in model.recipe.reads and model.electrostatics is None:
        update["electrostatics"] = electrostatics
    if "repulsion" not in model.model_fields_set:
        update["repulsion"] = repulsion and "repulsion" in model.recipe.reads
    return model.model_copy(update=update)


def all_completed(
    models: Mapping[str, ModelSettings],
    fit: FitSettings,
    electrostatics: ElectrostaticsSettings,
    repulsion: bool,
) -> dict[str, ModelSettings]:
    """All models with what they do not say themselves. ValueError that names one where that does not fit."""
    found = {}
    for name, model in models.items():
        try:
            found[name] = completed(model, fit, electrostatics, repulsion)
        except ValueError as error:
            raise ValueError(f"models.{name}, together with fit: {error}") from error
    return found


def _merged(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with what `own` says instead, key by key at every depth."""
    found = dict(base)
    for key, value in own.items():
        inner = found.get(key)
        found[key] = _merged(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return found


def schemas() -> dict[str, Any]:
    """JSON schemas of what an entry of `models` may hold, by preset, and of a model that exists."""
    found: dict[str, Any] = {}
    for name, recipe in FIT_PRESETS.working().items():
        if not recipe.potential:
            continue
        found[name] = recipe.settings.model_json_schema()
        found[name].setdefault("properties", {})["preset"] = {"const": name, "default": name}
        for key in _heeded(recipe):
            found[name]["properties"][key] = {"description": _ABOUT[key]}
    return found | {"open": OpenedModel.model_json_schema()}


_ABOUT = {
    "electrostatics": "the electrostatic term, with the keys of electrostatics of the study, its default",
    "repulsion": "repel atoms that come closer than those of the training data; default: as in the study",
    "charged_cells": "charged periodic cells, as of --charged-cells",
    "base": "model that this one corrects, as of --base; a settings file is relative to the YAML file",
}
