"""All presets of `superion fit`."""

from __future__ import annotations

from superion.errors import InputError, suggest
from superion.study.presets.base import FitPreset
from superion.study.presets.classical import CLASSICAL
from superion.study.presets.kernel import KERNEL
from superion.study.presets.local import LOCAL
from superion.study.presets.neural import NEURAL

FIT_PRESETS: dict[str, FitPreset] = {preset.name: preset for preset in (*LOCAL, *KERNEL, *NEURAL, *CLASSICAL)}


def fit_preset(name: str) -> FitPreset:
    """The preset of this name; InputError with a suggestion if there is none."""
    if name not in FIT_PRESETS:
        raise InputError(
            f"unknown preset {name!r}.{suggest(name, FIT_PRESETS)}",
            remedy=f"presets are {', '.join(FIT_PRESETS)}.",
        )
    return FIT_PRESETS[name]
