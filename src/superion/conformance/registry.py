"""The checks by name, in the order in which they run, and what a check is given and gives.

A check is a function of a `Case`. It returns what it measured, or raises `NotApplicable`. To add one, write
the function and register it; nothing else knows of it:

    @check("net force", "forces add up to zero")
    def net_force(case: Case) -> Measured:
        total = case.answer.forces.sum(axis=0)
        return Measured(float(abs(total).max()), case.limits.force(), "eV/Å")

A package names such a function, without the decorator, by an entry point of the group `superion.checks`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from ase import Atoms

from superion.conformance.limits import Limits, Measured
from superion.conformance.result import Settings
from superion.conformance.subject import Answer, Subject
from superion.registry import Registry


class NotApplicable(Exception):
    """A check that a model, or a structure, leaves without meaning; the text says why."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is done at a level.

    directions: random directions of finite differences, of all atoms at once. atoms: that are moved along the
    axes as well; None: one of each species, or all where `every`. paths: that are searched for jumps. budget:
    evaluations of such a search. steps: of dynamics with the longest time step.
    """

    directions: int
    atoms: int | None
    every: bool
    paths: int
    budget: int
    steps: int


EFFORTS = {
    "quick": Effort(directions=2, atoms=1, every=False, paths=1, budget=500, steps=10),
    "standard": Effort(directions=4, atoms=None, every=False, paths=2, budget=1000, steps=32),
    "thorough": Effort(directions=8, atoms=None, every=True, paths=6, budget=5000, steps=100),
}


@dataclass(frozen=True, slots=True)
class Case:
    """A model, the structure it is judged with, its answer there, and the limits."""

    subject: Subject
    atoms: Atoms
    settings: Settings
    limits: Limits
    answer: Answer

    @property
    def effort(self) -> Effort:
        """How much is to be done."""
        return EFFORTS[self.settings.level]

    @property
    def without_origin(self) -> str:
        """Quantities that do not depend on the origin; none: all of them.

        In a field the energy of an atom counts from the origin, that of neutral structures does not.
        """
        return "energy forces virial" if self.subject.directed else ""

    def rng(self, name: str) -> np.random.Generator:
        """Random numbers of a check, whatever other checks ran before."""
        return np.random.default_rng([self.settings.seed, crc32(name.encode())])


CheckFunction = Callable[[Case], Measured]
CHECKS: Registry[CheckFunction] = Registry("check", "superion.checks")
"""All checks by name, those of other packages last."""


def check(name: str, about: str) -> Callable[[CheckFunction], CheckFunction]:
    """Register a check; about: one line on what it asks for."""

    def register(function: CheckFunction) -> CheckFunction:
        function.__doc__ = function.__doc__ or about
        return CHECKS.add(function, name)

    return register
