"""All recipes of `superion fit`: superion's own, and those of other packages."""

from __future__ import annotations

from superion.recipes.base import Recipe
from superion.recipes.classical import CLASSICAL
from superion.recipes.kernel import KERNEL
from superion.recipes.local import LOCAL
from superion.recipes.neural import NEURAL
from superion.registry import Registry

FIT_PRESETS: Registry[Recipe] = Registry("preset", "superion.recipes")
for _recipe in (*LOCAL, *KERNEL, *NEURAL, *CLASSICAL):
    FIT_PRESETS.add(_recipe)


def fit_preset(name: str) -> Recipe:
    """The recipe of this name; InputError with a suggestion if there is none."""
    return FIT_PRESETS.find(name)
