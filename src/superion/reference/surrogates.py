"""Labels from pretrained models that ship their weights: surrogates, never first-principles."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal

from ase import Atoms
from ase.calculators.calculator import Calculator as AseCalculator
from pydantic import BaseModel, ConfigDict, Field

from superion.files import sha256
from superion.reference.ase_calculator import implemented, labels_from
from superion.reference.labeller import made_with, require
from superion.reference.labels import Kind, Labels

DEFAULTS = {"sevennet": "7net-l3i5", "chgnet": "0.3.0"}


class SurrogateSettings(BaseModel):
    """A pretrained model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Literal["sevennet", "chgnet"] = Field(description="Family.")
    model: str | None = Field(None, description=f"Model of the family. Defaults: {DEFAULTS}.")


class SurrogateLabeller:
    """SevenNet or CHGNet.

    Park et al., J. Chem. Theory Comput. 20, 4857 (2024); Deng et al., Nat. Mach. Intell. 5, 1031 (2023).
    """

    kind: ClassVar[Kind] = "surrogate"

    def __init__(self, settings: SurrogateSettings) -> None:
        self.name: str = settings.name
        self._model = settings.model or DEFAULTS[settings.name]
        self._calculator: AseCalculator | None = None
        self.packages = ("sevenn" if self.name == "sevennet" else "chgnet", "ase")

    def settings(self) -> dict[str, Any]:
        """Family and model."""
        return {"family": self.name, "model": self._model}

    def weights(self) -> dict[str, str]:
        """SHA-256 of the file of weights, where the family says which it is."""
        if self.name != "sevennet":
            return {}
        util = require("sevenn.util", "pip install 'superion[sevennet]'")
        path = Path(self._model)
        path = path if path.is_file() else Path(util.pretrained_name_to_path(self._model))
        return {path.name: sha256(path)}

    def label(self, atoms: Atoms) -> Labels:
        """Prediction of the model on the CPU."""
        method = f"surrogate {self.name} {self._model}, {made_with(self.packages[0])}"
        return labels_from(atoms, self._loaded(), method)

    def properties(self) -> frozenset[str]:
        """What the model gives; SetupError if its package is not installed."""
        return implemented(self._loaded())

    def _loaded(self) -> AseCalculator:
        if self._calculator is None:
            self._calculator = self._load()
        return self._calculator

    def _load(self) -> AseCalculator:
        if self.name == "sevennet":
            sevenn = require("sevenn.calculator", "pip install 'superion[sevennet]'")
            return sevenn.SevenNetCalculator(self._model, device="cpu")
        chgnet = require("chgnet.model", "pip install 'superion[chgnet]'")
        return chgnet.CHGNetCalculator(
            chgnet.CHGNet.load(model_name=self._model, use_device="cpu", verbose=False), use_device="cpu"
        )
