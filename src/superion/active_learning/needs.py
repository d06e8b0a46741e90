"""What selectors and stop rules ask of a model, and which presets make models that can answer."""

from __future__ import annotations

from collections.abc import Iterable

from superion.errors import ModelError
from superion.model import WORDS, Model
from superion.recipes.registry import FIT_PRESETS
from superion.study.models import FittedModel

DEVIATIONS = frozenset({"forces_std"})
"""Needed by what looks at predicted standard deviations."""


def sure_presets() -> list[str]:
    """Names of the presets whose models predict their standard deviations."""
    recipes = FIT_PRESETS.working()
    return [name for name, recipe in recipes.items() if recipe.potential and recipe.uncertainty]


def require_all(model: Model, needs: Iterable[str], what: str) -> None:
    """ModelError with the presets that would do, before anything is computed, if a model lacks something."""
    for name in sorted(set(needs) - model.gives):
        raise ModelError(
            f"{model.name} gives no {WORDS.get(name, name)}, which {what} needs.",
            remedy=f"fit it with `uncertainty: true` by one of the presets {', '.join(sure_presets())}, or "
            "choose another."
            if name == "forces_std"
            else f"use a model that has {WORDS.get(name, name)}, or choose another.",
        )


def lacking(name: str, model: FittedModel, needs: Iterable[str]) -> str | None:
    """Why a model that is still to be fitted will lack what is needed; None if nothing speaks against it."""
    if "forces_std" not in needs or model.deviates:
        return None
    if model.recipe.uncertainty is not None:
        key = ".".join(model.recipe.uncertainty)
        return f"{key} is false for the model {name}"
    return (
        f"the model {name} (preset {model.preset}) has none. Presets that have them are "
        f"{', '.join(sure_presets())}"
    )
