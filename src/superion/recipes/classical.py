"""Classical force fields with polarizable ions."""

from __future__ import annotations

from collections.abc import Sequence

from ase import Atoms

from superion.potentials.classical.fit import fit_classical
from superion.potentials.classical.settings import ClassicalSettings
from superion.recipes.base import Options, Recipe
from superion.terms import Term


def _fit(frames: Sequence[Atoms], settings: ClassicalSettings, options: Options) -> list[Term]:
    if not options.repulsion:
        settings = settings.model_copy(update={"repulsion": False})
    return fit_classical(frames, settings, progress=options.progress)


CLASSICAL = (
    Recipe(
        name="polarizable",
        about="pair potentials, charges and induced dipoles",
        settings=ClassicalSettings,
        fit=_fit,
        reads=frozenset({"repulsion", "seed"}),
        seed=("seed",),
        baseline=lambda _: "least-squares",
        long_range=True,
        charges="fixed",
    ),
)
