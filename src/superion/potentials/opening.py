"""One door for all models: a model file, a settings file, the name of a labeller, an ASE calculator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from superion.errors import InputError
from superion.files import is_model
from superion.model import Model
from superion.potentials.external import ExternalModel
from superion.potentials.potential import Potential
from superion.reference.ase_calculator import CalculatorLabeller
from superion.reference.settings import LabellerSettings, named_labeller
from superion.settings_file import read_settings

SETTINGS = (".yaml", ".yml")
TORCH = (".pt", ".pth")


def open_model(what: str | Path | Any, *, charged_cells: str | None = None) -> Model:
    """The model that `what` names, whoever made it.

    >>> model = superion.open_model("model.safetensors")
    >>> model = superion.open_model("emt.yaml")             # ase: "ase.calculators.emt:EMT"
    >>> model = superion.open_model("sevennet")             # a labeller that needs no settings
    >>> model = superion.open_model(EMT())                  # any ASE calculator
    >>> model.evaluate(atoms).forces                        # eV/Å

    A settings file (.yaml; `superion schema label`) may name code to run: open files of your own only.
    charged_cells: what a potential does with charged periodic cells, see `Calculator`. Raises InputError,
    SetupError or ModelError, with what to do, for what cannot be opened, and for `charged_cells` with a model
    that cannot choose.
    """
    model = _opened(what)
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
        return Potential.load(path)
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
        return Potential.load(own.model, charged_cells=own.charged_cells)
    return ExternalModel.of(settings, str(what))
