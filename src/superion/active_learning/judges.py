"""What else a model is judged by: one registry of numbers, the smaller the better.

A package of somebody else's adds one by an entry point in the group `superion.judges` (CONTRIBUTING.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from ase import Atoms
from pydantic import AfterValidator

from superion.active_learning.results import JudgedErrors
from superion.analysis.accuracy import errors
from superion.registry import Registry, known_in
from superion.terms import Evaluation


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """A number that says how wrong a model is on a set of labelled frames; None where no label tells.

    measure: of the frames and what the model predicts for them. unit: for tables.
    """

    name: str
    unit: str
    measure: Callable[[Sequence[Atoms], Sequence[Evaluation]], float | None]


def _usual(name: str, frames: Sequence[Atoms], predictions: Sequence[Evaluation]) -> float | None:
    value: float | None = errors(frames, predictions)[name]
    return value


USUAL = {"force_rmse": "eV/Å", "energy_rmse_per_atom": "eV", "stress_rmse": "eV/Å³"}
"""Errors that are always computed, and their units."""
JUDGES: Registry[Judge] = Registry("judge", "superion.judges")
for _name, _unit in USUAL.items():
    JUDGES.add(Judge(name=_name, unit=_unit, measure=partial(_usual, _name)))

JudgeName = Annotated[str, AfterValidator(known_in(JUDGES))]


def verdict_of(name: str, found: JudgedErrors | None) -> float | None:
    """What a judge said of a set of frames, from `judge.json`."""
    if found is None:
        return None
    value: float | None = found.judged[name] if name in found.judged else getattr(found, name)
    return value
