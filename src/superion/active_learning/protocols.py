"""How generations follow each other: explore, select, label, clean, judge, grow, fit again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from superion.active_learning import steps
from superion.active_learning.judge import diffusion_converged, improving
from superion.active_learning.judges import verdict_of
from superion.active_learning.results import Diffusion
from superion.registry import Registry

if TYPE_CHECKING:
    from superion.active_learning.work import Work

Protocol = Callable[["Work"], str]
"""Does the steps of a training and says in one sentence why it ended."""

BUDGET = "all labels of the budget are made"
LIMIT = "the last generation is done"
NOTHING = "exploration found no structure that is not known"


def generations(work: Work) -> str:
    """Until errors on new structures stop improving.

    C. G. Staacke et al., ACS Appl. Energy Mater. 4, 12562 (2021). The error is
    that of the forces of the frames just labelled, predicted by the model that found them, or what
    `protocol.judge` says of it.
    """
    rules = work.settings.protocol
    errors: list[float] = []
    reason = LIMIT
    steps.start(work)
    for g in range(rules.generations):
        steps.fit(work, g)
        steps.explore(work, g)
        if not steps.select(work, g):
            return last(work, g, BUDGET if steps.spent(work, g) >= work.settings.budget else NOTHING)
        steps.label(work, g)
        steps.clean(work, g)
        new = verdict_of(rules.judge, steps.judge(work, g).models[work.settings.student].new)
        steps.grow(work, g)
        if new is not None:
            errors.append(new)
        if not improving(errors, rules.patience, rules.tolerance):
            reason = f"errors on new structures have not improved for {rules.patience} generations"
            break
    return last(work, g + 1, reason)


def loops(work: Work) -> str:
    """Until the diffusion coefficient has converged.

    A. Marcolongo et al., ChemSystemsChem 2, e1900031 (2020). Every loop heats up (`explore.ramp`),
    takes equidistant snapshots, labels, cleans, and refits.
    """
    rules = work.settings.protocol
    found: list[Diffusion] = []
    reason = LIMIT
    steps.start(work)
    for g in range(rules.generations):
        steps.fit(work, g)
        found.append(steps.diffusion(work, g))
        if diffusion_converged(found, rules.patience):
            return last(work, g, f"the diffusion coefficient has not changed in {rules.patience} loops")
        steps.explore(work, g)
        if not steps.select(work, g, "equidistant"):
            return last(work, g, BUDGET if steps.spent(work, g) >= work.settings.budget else NOTHING)
        steps.label(work, g)
        steps.clean(work, g)
        steps.judge(work, g)
        steps.grow(work, g)
    return last(work, g + 1, reason)


def active(work: Work) -> str:
    """Until no run leaves the data in `patience` generations, or no candidate is new.

    Runs end where the model leaves its data (`explore.stop`); what they saw until then is the pool.
    """
    rules = work.settings.protocol
    quiet = 0
    steps.start(work)
    for g in range(rules.generations):
        steps.fit(work, g)
        runs = steps.explore(work, g)
        quiet = 0 if any(run.stopped for run in runs) else quiet + 1
        if quiet >= rules.patience:
            return last(work, g, f"no run has left the data for {quiet} generations")
        if not steps.select(work, g):
            return last(work, g, BUDGET if steps.spent(work, g) >= work.settings.budget else NOTHING)
        steps.label(work, g)
        steps.clean(work, g)
        steps.judge(work, g)
        steps.grow(work, g)
    return last(work, g + 1, LIMIT)


def last(work: Work, generation: int, reason: str) -> str:
    """Fit and judge the models that the training leaves behind."""
    steps.fit(work, generation)
    steps.judge(work, generation, last=True)
    return reason


PROTOCOLS: Registry[Protocol] = Registry("protocol", "superion.protocols")
for _protocol in (generations, loops, active):
    PROTOCOLS.add(_protocol, _protocol.__name__)
