"""The term of a potential that neural networks make: local energies, charges, or both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
import torch
from ase import Atoms

from superion.electrostatics.charged_cells import restored, stored
from superion.electrostatics.coulomb import CoulombTerm
from superion.electrostatics.densities import Density
from superion.electrostatics.properties import Vjp
from superion.electrostatics.sources import Sources
from superion.errors import InputError, ModelError
from superion.potentials.neural.evaluation import charges, charges_vjp, evaluate
from superion.potentials.neural.model import Model, Scales, check_shapes
from superion.potentials.neural.settings import NeuralSettings
from superion.potentials.neural.symmetry_functions import SymmetryFunctions
from superion.terms import Evaluation

Array = np.ndarray
SCALES = ("mean", "scale", "charge_mean", "charge_scale", "baseline", "output")


class NeuralTerm:
    """A neural potential of any generation; also a charge model for other terms, if it has charges.

    Charged generations take the total charge from `atoms.info["total_charge"]`, or from their settings.
    """

    kind: ClassVar[str] = "neural"
    fitted: ClassVar[bool] = True

    def __init__(self, model: Model) -> None:
        """model: settings, scales and weights, float64; kept on its device."""
        self.model = model
        self.device = model.scales.mean.device

    @property
    def species(self) -> list[str]:
        """Chemical symbols that the networks know."""
        return self.model.symbols

    elements = species

    @property
    def generation(self) -> str:
        """2g, 3g, cent, 4g or latent-charges."""
        return self.model.settings.generation

    @property
    def latent(self) -> bool:
        """Whether its charges were never shown a label."""
        return self.generation == "latent-charges"

    @property
    def charged(self) -> bool:
        """Whether it has charges, and is a charge model."""
        return self.model.settings.charged

    def electrostatics(self) -> CoulombTerm | None:
        """The Coulomb energy of its charges; None without."""
        if not self.charged:
            return None
        own = self.model.settings
        return CoulombTerm(self, self._densities(), own.accuracy, own.background)

    def field_sources(self) -> Sources | None:
        """Charges and densities; None without."""
        return Sources(self, self._densities()) if self.charged else None

    def _densities(self) -> dict[str, Density]:
        return dict(zip(self.species, self.model.densities, strict=True))

    def to(self, device: str | torch.device) -> Self:
        """The same term with its networks on another device; Coulomb matrices are made on the CPU."""
        scales = Scales(*(getattr(self.model.scales, name).to(device) for name in SCALES))
        weights = {name: value.to(device) for name, value in self.model.weights.items()}
        return type(self)(Model(self.model.settings, self.model.functions, scales, weights))

    def with_background(self, background: bool | None) -> Self:
        """The same term, which does something else with charged cells."""
        settings = self.model.settings.model_copy(update={"background": background})
        return type(self)(Model(settings, self.model.functions, self.model.scales, self.model.weights))

    def evaluate(self, atoms: Atoms) -> Evaluation:
        """Energy, forces, virial, charges and dipole of one structure.

        Raises ModelError for an element without networks; with charges InputError for one or two periodic
        axes, an unknown total charge, a charged cell if those are refused, overlapping atoms.
        """
        return self.evaluate_batch([atoms])[0]

    def evaluate_batch(self, structures: Sequence[Atoms]) -> list[Evaluation]:
        """The evaluation of each structure, all computed together."""
        if not sum(len(atoms) for atoms in structures):
            return [Evaluation.zero(0) for _ in structures]
        return evaluate(self.model, structures, self.device)

    def charges(self, atoms: Atoms) -> Array:
        """(N,) e; ModelError for the generation without charges."""
        self._need_charges()
        return charges(self.model, atoms, self.device)

    def vjp(self, atoms: Atoms, slope: Array) -> Vjp:
        """Forces (N, 3) eV/Å and virial (3, 3) eV of the energy Σ_i slope_i q_i, slope (N,) eV/e constant."""
        self._need_charges()
        return charges_vjp(self.model, atoms, slope, self.device)

    def settings(self) -> dict[str, Any]:
        """Generation, symmetry functions, electrostatics and elements, as JSON-ready values."""
        settings = self.model.settings.model_dump(mode="json")
        return {
            "kind": self.kind,
            "species": list(self.model.functions.species),
            "neural": settings,
            "charged_cells": stored(self.model.settings.background),
        }

    def arrays(self) -> dict[str, Array]:
        """Weights and scales."""
        scales = {f"scales.{name}": getattr(self.model.scales, name) for name in SCALES}
        weights = {f"weights.{name}": value for name, value in self.model.weights.items()}
        return {name: value.detach().cpu().numpy() for name, value in (scales | weights).items()}

    @classmethod
    def restore(cls, settings: dict[str, Any], arrays: dict[str, Array]) -> Self:
        """Rebuild the term, on the CPU."""
        given = dict(settings["neural"])
        given["background"] = restored({"background": given.get("background")} | settings)
        own = NeuralSettings.model_validate(given)
        scales = Scales(*(torch.tensor(arrays[f"scales.{name}"]) for name in SCALES))
        start = "weights."
        weights = {n.removeprefix(start): torch.tensor(v) for n, v in arrays.items() if n.startswith(start)}
        model = Model(own, SymmetryFunctions(own.symmetry, settings["species"]), scales, weights)
        check_shapes(model)
        return cls(model)

    def _need_charges(self) -> None:
        if not self.model.settings.charged:
            raise ModelError(
                "a neural potential of the second generation has no charges.",
                remedy="train generation 3g, cent, 4g or latent-charges.",
            )


def check_elements(settings: NeuralSettings, symbols: Sequence[str]) -> None:
    """InputError for widths or hardness of elements that the model lacks, or widths that are not positive."""
    hardness = settings.hardness if isinstance(settings.hardness, dict) else {}
    for name, given in (("widths", settings.widths), ("hardness", hardness)):
        for symbol in given:
            if symbol not in symbols:
                raise InputError(
                    f"{name} of {symbol!r}, which is not among the elements {', '.join(symbols)}.",
                    remedy=f"give {name} of elements in the training data.",
                )
    for symbol, width in settings.widths.items():
        if not 0 < width < float("inf"):
            raise InputError(f"the width of {symbol} is {width!r} Å.", remedy="give a positive number in Å.")
