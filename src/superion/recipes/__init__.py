"""Named potentials: which fixed terms stand beside the fitted local term."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

from ase import Atoms

from superion.errors import InputError, suggest
from superion.potentials.repulsion import Repulsion
from superion.recipes.electrostatics import ElectrostaticsSettings, electrostatic_terms
from superion.terms import Term

Preset = Literal["gap", "es-gap"]
PRESETS: tuple[str, ...] = get_args(Preset)


def fixed_terms(
    preset: str,
    frames: Sequence[Atoms],
    electrostatics: ElectrostaticsSettings | None = None,
    *,
    repulsion: bool = True,
) -> list[Term]:
    """The terms that are subtracted from the labels of `frames` before the local term is fitted.

    gap: short-range repulsion below the shortest distances in `frames` (if `repulsion`).
    es-gap: the same, and the electrostatic term of `electrostatics`, by default fixed charges of lithium
    thiophosphates. Raises InputError for an unknown preset, and what `electrostatic_terms` raises.
    """
    if preset not in PRESETS:
        raise InputError(
            f"unknown preset {preset!r}.{suggest(preset, PRESETS)}",
            remedy=f"presets are {', '.join(PRESETS)}.",
        )
    terms: list[Term] = []
    if preset == "es-gap":
        terms += electrostatic_terms(electrostatics or ElectrostaticsSettings(), frames)
    if repulsion:
        terms.append(Repulsion.below(frames))
    return terms
