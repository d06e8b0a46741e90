"""One door for all models: a model file, a settings file, the name of a labeller, an ASE calculator."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from superion.errors import InputError
from superion.files import is_model
from superion.model import Model, terms_of
from superion.potentials.base_model import BaseTerm, facts_of
from superion.potentials.external import ExternalModel
from superion.potentials.potential import Potential
from superion.reference.ase_calculator import CalculatorLabeller
from superion.reference.settings import LabellerSettings, named_labeller
from superion.settings_file import read_settings

SETTINGS = (".yaml", ".yml")
TORCH = (".pt", ".pth")


ENGINES = "SUPERION_ENGINES"
"""Environment variable: names and settings files of engines that the user has named, for all processes."""


def open_model(
    what: str | Path | Any, *, charged_cells: str | None = None, base: str | Path | None = None
) -> Model:
    """The model that `what` names, whoever made it.

    >>> model = superion.open_model("model.safetensors")
    >>> model = superion.open_model("emt.yaml")             # ase: "ase.calculators.emt:EMT"
    >>> model = superion.open_model("sevennet")             # a labeller that needs no settings
    >>> model = superion.open_model(EMT())                  # any ASE calculator
    >>> model.evaluate(atoms).forces                        # eV/Å

    A settings file (.yaml; `superion schema label`) may name code to run: open files of your own only.
    charged_cells: what a potential does with charged periodic cells, see `Calculator`. Raises InputError,
    SetupError or ModelError, with what to do, for what cannot be opened, and for `charged_cells` with a model
    that cannot choose. base: name or settings file of the model that a model file corrects; what a model file
    without such a base says is added to it.
    """
    model = _opened(what) if base is None else _on_base(Path(what), base)
    return model if charged_cells is None else model.with_charged_cells(charged_cells)


def labeller_settings(text: str | Path) -> LabellerSettings:
    """Settings of a labeller by its name, from a YAML file, or of a model file.

    InputError with a suggestion for anything else. Paths in a file are relative to it.
    """
    path = Path(text)
    if is_model(path):
        return LabellerSettings.model_validate({"model": path.resolve()})
    if path.suffix in SETTINGS:
        folder = path.parent
        return read_settings(path, LabellerSettings).with_path(lambda file: str((folder / file).resolve()))
    return named_labeller(str(text))


def _opened(what: Any) -> Model:
    if not isinstance(what, str | Path):
        if callable(getattr(what, "evaluate_batch", None)):
            return what
        return ExternalModel(CalculatorLabeller(what))
    path = Path(what)
    if is_model(path):
        return Potential.load(path, engines=_engines)
    if path.suffix in TORCH:
        raise InputError(
            "a file of PyTorch says neither whose model it is nor what opens it.",
            file=path,
            remedy=f"write a settings file (.yaml) with `metatomic: {path}`, or with the ASE calculator that "
            "takes it: `ase: module:Class` and `arguments:`; see docs/models.md.",
        )
    if path.suffix not in SETTINGS and (path.suffix or len(path.parts) > 1 or path.exists()):
        return Potential.load(path)
    settings = labeller_settings(path)
    own = settings.model
    if own is not None:
        if own.base is not None:
            return open_model(own.model, charged_cells=own.charged_cells, base=own.base)
        found = Potential.load(own.model, engines=_engines)
        return found if own.charged_cells is None else found.with_charged_cells(own.charged_cells)
    return ExternalModel.of(settings, str(what))


def name_engine(what: str | Path) -> None:
    """Say that models which correct this base may run it, in this process and those that it starts."""
    named = str(Path(what).resolve()) if Path(what).is_file() else str(what)
    known = os.environ.get(ENGINES, "").split(os.pathsep)
    if named not in known:
        os.environ[ENGINES] = os.pathsep.join(filter(None, [*known, named]))


def _engines() -> list[Model]:
    """The engines that the user has named."""
    return [_opened(named) for named in os.environ.get(ENGINES, "").split(os.pathsep) if named]


def _on_base(path: Path, base: str | Path) -> Model:
    engine, asked = _opened(base), []

    def engines() -> list[Model]:
        asked.append(engine)
        return [engine]

    own = Potential.load(path, engines=engines)
    if asked:
        return own
    if terms := terms_of(engine):
        return own.with_terms(*terms)
    why = f"the sum with {engine.name} is a settings file with model: and base:"
    return own.with_terms(BaseTerm(facts_of(engine), {}, engine, why))
