"""What a complete study would hold and this one does not, said in words."""

from __future__ import annotations

from collections.abc import Iterator

from superion.report.content import SPLITS, Content, reasons
from superion.report.style import look
from superion.verdict.values import RESAMPLED

_LABELS = {"energy": "energy_rmse_per_atom", "force": "force_rmse", "stress": "stress_rmse"}


def missing(content: Content) -> dict[str, list[str]]:
    """Sentences by section of the report; sections that lack nothing are left out."""
    found = {
        "study": list(_study(content)),
        "data": list(_data(content)),
        "accuracy": list(_accuracy(content)),
        "transport": list(_transport(content)),
        "stability": [
            f"There is no record of temperature and conserved quantity for {run.label}."
            for run in content.runs
            if not len(run.time_ps)
        ],
        "provenance": list(_provenance(content)),
    }
    return {section: sentences for section, sentences in found.items() if sentences}


def _study(content: Content) -> Iterator[str]:
    if not content.settings:
        yield "study.yaml is missing or empty: the settings are not known."
    if content.crystal is None:
        yield "The folder holds no trajectory (md/), so that the structure cannot be shown."
    compared = (name for v in content.verdicts for name in (v.pair.baseline, v.pair.candidate))
    for name in dict.fromkeys(compared):
        if name not in content.potentials:
            yield f"There is no result of {look(name).label}."


def _data(content: Content) -> Iterator[str]:
    if not (content.split.train or content.split.test):
        yield "census.json does not tell which trajectories were trained on and which were tested."


def _accuracy(content: Content) -> Iterator[str]:
    """One sentence for each thing that is missing, naming all potentials that lack it."""
    lacking: dict[str, list[str]] = {}
    for potential in content.potentials:
        if potential not in content.accuracy:
            lacking.setdefault("There are no errors", []).append(potential)
            continue
        for split in SPLITS:
            errors = getattr(content.accuracy[potential], split)
            if errors is None or not errors.frames:
                lacking.setdefault(f"There is no {split} set", []).append(potential)
                continue
            for quantity, key in _LABELS.items():
                if getattr(errors, key) is None:
                    lacking.setdefault(f"The {split} set has no {quantity} labels", []).append(potential)
            if (potential, split) not in content.parity:
                lacking.setdefault(f"There are no predictions for the {split} set to plot", []).append(
                    potential
                )
    for what, potentials in lacking.items():
        yield f"{what} ({', '.join(look(p).label for p in potentials)})."


def _transport(content: Content) -> Iterator[str]:
    have = {f"{run.potential}-{run.kelvin:g}K" for run in content.runs}
    steps = (step for step in content.state if RESAMPLED not in step)
    planned = {step.partition("/")[2] for step in steps if step.startswith("transport/")}
    kelvins = {run.kelvin for run in content.runs}
    expected = planned | {f"{p}-{kelvin:g}K" for p in content.potentials for kelvin in kelvins}
    for name in sorted(expected - have):
        yield f"There is no result of {name}. {reasons(content.state, name)}".rstrip()
    for run in content.runs:
        if not run.growth:
            yield f"There is no conductivity against trajectory length for {run.label}."
        if not run.msd:
            yield f"There is no mean-square displacement for {run.label}."


def _provenance(content: Content) -> Iterator[str]:
    if not content.provenance:
        yield "provenance.json is missing or empty: versions, machine and data hashes are not known."
    if not content.state:
        yield "state.json is missing or empty: the times of the steps are not known."
