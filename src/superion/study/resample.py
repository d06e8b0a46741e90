"""Fits to resampled frames: how much a result owes to the choice of the training data.

Each draw takes as many frames as there are, with replacement (Efron, Ann. Statist. 7, 1, 1979), and with them
another choice of sparse points. The spread of a result over such fits is its bootstrap standard error. All
potentials are fitted to the same draw, so that differences between them are paired.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt

from superion.errors import InputError
from superion.structures import is_isolated, structure_hash
from superion.structures.duplicates import frame_name

RESAMPLED = "-resampled-"
"""Between the name of a potential and the number of a draw, in names of files."""
TRIES = 1000
"""Draws until every species is among the frames drawn."""


class FitsSettings(BaseModel):
    """Fits to resampled training frames, beside the main one, for the uncertainty of everything it gives."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    count: NonNegativeInt = Field(
        0, description="how many; fewer than 3 say nothing about the uncertainty of the fit"
    )
    seed: int = Field(0, ge=0, description="seed of the frames drawn and of their sparse points")


@dataclass(frozen=True, slots=True)
class Fit:
    """One model of a study: a potential, fitted to all frames or to those of a draw."""

    potential: str
    resampled: int | None = None

    @property
    def name(self) -> str:
        """How files and steps call it."""
        return self.potential if self.resampled is None else f"{self.potential}{RESAMPLED}{self.resampled}"


@dataclass(frozen=True, slots=True)
class Draw:
    """One sample. frames: with repetitions, isolated atoms once each. seed: of the sparse points."""

    number: int
    seed: int
    frames: list[Atoms]

    def record(self) -> dict[str, Any]:
        """JSON-ready: which frames were drawn how often, by name and by hash of the structure."""
        times = Counter(id(atoms) for atoms in self.frames)
        each = {id(atoms): (k, atoms) for k, atoms in enumerate(self.frames)}
        return {
            "number": self.number,
            "seed": self.seed,
            "frames": [
                {"name": frame_name(atoms, k), "hash": structure_hash(atoms), "times": times[key]}
                for key, (k, atoms) in each.items()
            ],
        }


def resample(frames: Sequence[Atoms], settings: FitsSettings, number: int) -> Draw:
    """Draw `number` (from 1) of the training frames; it does not depend on how many draws there are.

    Isolated atoms are in every draw. Draws that lack a species are drawn again. InputError if that species is
    in so few frames that no draw has it.
    """
    rng = np.random.default_rng([settings.seed, number])
    lone = [atoms for atoms in frames if is_isolated(atoms)]
    bulk = [atoms for atoms in frames if not is_isolated(atoms)]
    if not bulk:
        raise InputError("there is no training frame beside isolated atoms to draw from.")
    known = {z for atoms in bulk for z in atoms.numbers.tolist()}
    for _ in range(TRIES):
        drawn = [bulk[k] for k in np.sort(rng.integers(len(bulk), size=len(bulk)))]
        if known == {z for atoms in drawn for z in atoms.numbers.tolist()}:
            return Draw(number, int(rng.integers(2**31)), [*drawn, *lone])
    raise InputError(
        f"none of {TRIES} draws of {len(bulk)} training frames holds every species.",
        remedy="add frames with the rarest species, or set fits.count to 0.",
    )
