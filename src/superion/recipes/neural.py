"""Neural potentials, generation by generation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from ase import Atoms
from pydantic import BaseModel, Field, create_model

from superion.model import Charges
from superion.potentials.neural import NeuralSettings, NeuralTraining, fit_neural
from superion.potentials.repulsion import Repulsion
from superion.recipes.base import STRICT, Options, Recipe, with_background
from superion.terms import Term

ABOUT = {
    "2g": "local neural network",
    "3g": "neural network with predicted charges",
    "cent": "neural electronegativities, the energy is that of the equilibrated charges",
    "4g": "neural network with equilibrated charges that the local energies see",
    "latent-charges": "neural network with charges known from energies and forces alone",
}


CHARGES: dict[str, Charges] = {
    "3g": "predicted", "cent": "equilibrated", "4g": "4g", "latent-charges": "latent",
}  # fmt: skip


def _fit(frames: Sequence[Atoms], settings: Any, options: Options) -> list[Term]:
    fixed: list[Term] = [Repulsion.below(options.whole or frames)] if options.repulsion else []
    fitted = fit_neural(
        frames,
        with_background(settings.potential, options.charged_cells),
        settings.training,
        fixed=fixed,
        device=options.device,
        checkpoint=options.checkpoint,
        progress=options.progress,
    )
    return [*fixed, fitted]


def _preset(generation: str) -> Recipe:
    title = generation.replace("-", " ").title().replace(" ", "")
    only: Any = Literal[generation]
    potential = create_model(
        f"Neural{title}Settings",
        __base__=NeuralSettings,
        __doc__=f"A neural potential of the generation {generation}.",
        generation=(only, Field(generation, description="which one this preset trains")),
    )
    settings: type[BaseModel] = create_model(
        f"{title}Settings",
        __config__=STRICT,
        __doc__=f"{ABOUT[generation]} and its training.",
        potential=(potential, Field(potential(), description="descriptors, networks, electrostatics")),
        training=(NeuralTraining, Field(NeuralTraining(), description="how the weights are found")),
    )
    reads = frozenset({"repulsion", "seed", "device", "checkpoint"})
    reads |= {"charged-cells"} if generation != "2g" else set()
    return Recipe(
        name=generation,
        about=ABOUT[generation],
        settings=settings,
        fit=_fit,
        reads=reads,
        seed=("training", "seed"),
        long_range=generation != "2g",
        charges=CHARGES.get(generation),
        learns_charges=generation != "2g",
    )


NEURAL = tuple(_preset(generation) for generation in ABOUT)
