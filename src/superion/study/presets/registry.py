"""All recipes of `superion fit`: superion's own, and those of other packages."""

from __future__ import annotations

from superion.registry import Registry
from superion.study.presets.base import Recipe
from superion.study.presets.classical import CLASSICAL
from superion.study.presets.kernel import KERNEL
from superion.study.presets.local import LOCAL
from superion.study.presets.neural import NEURAL

FIT_PRESETS: Registry[Recipe] = Registry("preset", "superion.recipes")
for _recipe in (*LOCAL, *KERNEL, *NEURAL, *CLASSICAL):
    FIT_PRESETS.add(_recipe)


def fit_preset(name: str) -> Recipe:
    """The recipe of this name; InputError with a suggestion if there is none."""
    return FIT_PRESETS.find(name)
