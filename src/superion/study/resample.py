"""Fits to resampled trajectories: how much a result owes to the choice of the training data.

Of n trajectories of one kind each draw takes n − 1, with replacement, whole, and with them another choice of
sparse points. The spread of a result over such fits is its standard error: n − 1 of n is what makes it right
for few of them (Rao, Wu, J. Am. Stat. Assoc. 83, 231, 1988), and over n draws each is taken equally often
(Davison, Hinkley, Schechtman, Biometrika 73, 555, 1986). The only trajectory of its kind is drawn in blocks
of its frames, a scan point by point (`superion.structures.clusters`). All potentials are fitted to the same
draw, so that differences between them are paired.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from ase import Atoms
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt

from superion.errors import InputError
from superion.structures import is_isolated, structure_hash
from superion.structures.census_result import DrawnUnits, Resampling
from superion.structures.clusters import Stratum, freedom, strata
from superion.structures.duplicates import frame_name
from superion.verdict.values import RESAMPLED

TRIES = 1000
"""Draws until every species is among the frames drawn."""


class FitsSettings(BaseModel):
    """Fits to resampled training data, beside the main one, for the uncertainty of everything it gives."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    count: NonNegativeInt = Field(
        0, description="how many; fewer than 3 say nothing about the uncertainty of the fit"
    )
    seed: int = Field(0, ge=0, description="seed of what is drawn and of its sparse points")
    by: Literal["trajectories", "frames"] = Field(
        "trajectories",
        description="what is drawn: whole trajectories (of the only one of its kind blocks, of a scan its "
        "points), or single frames, which makes intervals too short unless no frame knows of another",
    )


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


def design(train: Sequence[Atoms], settings: FitsSettings) -> Resampling | None:
    """What is drawn from training frames, for the record; None where nothing is."""
    found = strata([atoms for atoms in train if not is_isolated(atoms)], settings.by)
    if not found:
        return None
    return Resampling(
        by=settings.by,
        freedom=freedom(found),
        units=[DrawnUnits(of=each.of, name=each.name, count=len(each.units)) for each in found],
    )


def resample(frames: Sequence[Atoms], settings: FitsSettings, number: int) -> Draw:
    """Draw `number` (from 1) of the training frames; it does not depend on how many draws there are.

    Isolated atoms are in every draw. Draws that lack a species are drawn again. InputError if that species is
    in so few units that no draw has it.
    """
    lone = [atoms for atoms in frames if is_isolated(atoms)]
    bulk = [atoms for atoms in frames if not is_isolated(atoms)]
    if not bulk:
        raise InputError("there is no training frame beside isolated atoms to draw from.")
    units = strata(bulk, settings.by)
    known = {z for atoms in bulk for z in atoms.numbers.tolist()}
    for attempt in range(TRIES):
        drawn = [bulk[k] for k in sorted(_drawn(units, settings.seed, number, attempt))]
        if known == {z for atoms in drawn for z in atoms.numbers.tolist()}:
            rng = np.random.default_rng([settings.seed, number])
            return Draw(number, int(rng.integers(2**31)), [*drawn, *lone])
    raise InputError(
        f"none of {TRIES} draws of {len(bulk)} training frames holds every species.",
        remedy="add frames with the rarest species, or set fits.count to 0.",
    )


def _drawn(units: Sequence[Stratum], seed: int, number: int, attempt: int) -> list[int]:
    """Indices of frames, with repetitions: of n units of each stratum n − 1, all equally often in n draws."""
    found: list[int] = []
    for place, stratum in enumerate(units):
        count = len(stratum.units)
        if count == 1:
            found += stratum.units[0]
            continue
        round_, turn = divmod(number - 1, count)
        rng = np.random.default_rng([seed, round_, place, attempt])
        order = rng.permutation(np.repeat(np.arange(count), count - 1))
        for k in order.reshape(count, count - 1)[turn].tolist():
            found += stratum.units[k]
    return found
