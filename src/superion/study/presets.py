"""Named potentials: which fixed terms stand beside the fitted local term."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

from ase import Atoms

from superion.electrostatics import CoulombTerm, FixedCharges, Slater
from superion.errors import InputError, suggest
from superion.potentials.repulsion import Repulsion
from superion.terms import Term

Preset = Literal["gap", "es-gap"]
PRESETS: tuple[str, ...] = get_args(Preset)

CHARGES = {"Li": 0.445, "P": 2.225, "S": -0.890}
"""e; scaled formal charges of lithium thiophosphates, see `CoulombTerm.li7p3s11`."""
SCREENING = 2.0
"""1/Å; decay of the penetration of two 1s Slater densities, see `CoulombTerm.li7p3s11`."""
ACCURACY = 1e-6
"""Of the Ewald sum, relative to a bare pair interaction."""


def fixed_terms(
    preset: str,
    frames: Sequence[Atoms],
    *,
    charges: Mapping[str, float] = CHARGES,
    screening: float = SCREENING,
    accuracy: float = ACCURACY,
    repulsion: bool = True,
) -> list[Term]:
    """The terms that are subtracted from the labels of `frames` before the local term is fitted.

    gap: short-range repulsion below the shortest distances in `frames` (if `repulsion`).
    es-gap: the same, and the Coulomb energy of fixed `charges` (e) with 1s Slater densities of
    `screening` (1/Å). Raises InputError for an unknown preset.
    """
    if preset not in PRESETS:
        raise InputError(
            f"unknown preset {preset!r}.{suggest(preset, PRESETS)}",
            remedy=f"presets are {', '.join(PRESETS)}.",
        )
    terms: list[Term] = []
    if preset == "es-gap":
        terms.append(CoulombTerm(FixedCharges(charges), Slater.from_screening(screening), accuracy))
    if repulsion:
        terms.append(Repulsion.below(frames))
    return terms
