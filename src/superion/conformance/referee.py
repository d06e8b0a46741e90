"""All checks of a model, one after the other."""

from __future__ import annotations

import math
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from superion.conformance.limits import Limits, Measured
from superion.conformance.noise import noise_of
from superion.conformance.registry import CHECKS, Case, NotApplicable
from superion.conformance.result import Check, Report, Settings
from superion.conformance.structures import made_up
from superion.conformance.subject import Subject, subject_of
from superion.errors import InputError, SuperionError
from superion.potentials.opening import open_model
from superion.progress import track
from superion.structures.bare import bare
from superion.structures.contacts import check_contacts

STREAM = 24
"""Sets the random numbers of structures apart from those of checks."""


def check(
    model: Any,
    atoms: Atoms | None = None,
    settings: Settings | None = None,
    *,
    facts: dict[str, Any] | None = None,
    progress: bool = False,
    **changes: Any,
) -> Report:
    """Judge a model: derivatives, symmetries, cells, smoothness, dynamics, sums and repetition.

    model: an ASE calculator, a `Potential`, a term, an evaluator of potentials, or what `open_model` opens.
    atoms: a structure; None: one made up of the elements of the model. settings, or fields of `Settings` by
    name: how much is done, and the accuracy of forces (eV/Å) that is asked for. facts: what the report says
    of the model. Raises InputError for settings, structures and models that cannot be used; what a model
    raises in a check is a failure of that check.

        >>> from ase.build import bulk
        >>> from ase.calculators.emt import EMT
        >>> report = superion.check(EMT(), bulk("Cu", cubic=True), level="quick", only=("forces", "stress"))
        >>> report.passed, [one.name for one in report.checks]
        (True, ['forces', 'stress'])
    """
    settings = Settings(**((settings.model_dump() if settings else {}) | changes))
    names = chosen(settings)
    subject = subject_of(_opened(model))
    rng = np.random.default_rng([settings.seed, STREAM])
    how = "given"
    if atoms is None:
        atoms, how = made_up(subject, rng)
    case = _case(subject, _prepared(atoms, settings, rng), settings)
    ran = [_ran(case, name) for name in track(names, "checks", len(names), show=progress)]
    moved = f", atoms moved by {settings.rattle:g} Å at random" if settings.rattle else ""
    return Report(
        model={"name": subject.name} | (facts or {}),
        structure=f"{case.atoms.get_chemical_formula()} ({how}{moved})",
        atoms=len(case.atoms),
        settings=settings,
        noise=case.limits.noise,
        checks=tuple(ran),
    )


def chosen(settings: Settings) -> list[str]:
    """Names of the checks that settings ask for, in order; InputError for one that there is not."""
    for name in (*settings.only, *settings.skip):
        CHECKS.find(name)
    return [
        n for n in CHECKS.working() if (not settings.only or n in settings.only) and n not in settings.skip
    ]


def _opened(model: Any) -> Any:
    return open_model(model).calculator() if isinstance(model, str | Path) else model


def _prepared(atoms: Atoms, settings: Settings, rng: np.random.Generator) -> Atoms:
    """The structure without labels, off places of high symmetry, where forces are zero of whatever model."""
    if len(atoms) == 0:
        raise InputError("the structure has no atoms.", remedy="give one that has.")
    copy = bare(atoms)
    copy.positions += rng.normal(0, 1, copy.positions.shape) * settings.rattle
    check_contacts(copy, "the structure that a model is judged with", "give one whose atoms do not overlap.")
    return copy


def _case(subject: Subject, atoms: Atoms, settings: Settings) -> Case:
    """The first questions, without which nothing can be judged."""
    answer = subject.evaluate(atoms)
    if not (np.isfinite(answer.energy) and np.isfinite(answer.forces).all()):
        raise InputError(
            "the model gives an energy or forces that are not finite.",
            remedy="give a structure that it is for.",
        )
    if answer.forces.shape != (len(atoms), 3):
        raise InputError(f"expected forces of the shape ({len(atoms)}, 3), found {answer.forces.shape}.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        noise = noise_of(subject, atoms, np.random.default_rng(settings.seed))
    return Case(subject, atoms, settings, Limits(settings.accuracy, noise, len(atoms)), answer)


def _ran(case: Case, name: str) -> Check:
    """One check, whatever happens in it."""
    before, start = case.subject.evaluations, time.perf_counter()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # said of the given structure already
            result = _result(name, CHECKS[name](case))
    except NotApplicable as reason:
        result = {"name": name, "status": "not applicable", "why": str(reason)}
    except (MemoryError, KeyboardInterrupt):
        raise
    except Exception as error:
        text = error.problem if isinstance(error, SuperionError) else f"{type(error).__name__}: {error}"
        result = {"name": name, "status": "fail", "why": f"it stopped: {' '.join(text.split())}"}
    return Check(
        **result,
        evaluations=case.subject.evaluations - before,
        seconds=round(time.perf_counter() - start, 3),
    )


def _result(name: str, found: Measured) -> dict[str, Any]:
    finite = math.isfinite(found.number)
    return {
        "name": name,
        "status": "pass" if finite and found.passes else "fail",
        "number": found.number if finite else None,
        "limit": found.limit,
        "unit": found.unit,
        "why": found.why if finite else f"not finite: {found.why}",
    }
