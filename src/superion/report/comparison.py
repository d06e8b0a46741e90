"""Conductivities of two models side by side: what their trajectories alone can tell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from superion.analysis.transport_status import MELT
from superion.numbers import number
from superion.report.estimates import Estimate, Ratio, ratio, written_ratio
from superion.report.runs import Run
from superion.report.style import look
from superion.verdict.settings import ELECTROSTATICS, Pair

Outcome = Literal["differs", "not resolved", "undecided", "one only"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One temperature: conductivity by the candidate over that by the baseline.

    outcome: "differs" if 1 is outside the 95 % interval of the ratio; "not resolved" if it is inside;
    "undecided" if upper bounds leave even the sign open; "one only" if a model is missing.
    """

    temperature: float
    without: Estimate | None
    with_: Estimate | None
    ratio: Ratio | None
    outcome: Outcome
    sentence: str


def compare(
    temperature: float,
    ion: str,
    without: Estimate | None,
    with_: Estimate | None,
    pair: Pair = ELECTROSTATICS,
) -> Comparison:
    """Compare conductivities (mS/cm) by baseline (`without`) and candidate (`with_`) at a temperature (K)."""
    at, old, new = f"At {temperature:g} K", look(pair.baseline).label, look(pair.candidate).label
    using = "with electrostatics" if pair.question != "model" else f"with {new}"
    if without is None or with_ is None:
        there, absent = (new, old) if without is None else (old, new)
        if without is None and with_ is None:
            there, absent = "neither model", "both"
        text = f"{at} there is a result of {there} but none of {absent}: nothing to compare."
        return Comparison(temperature, without, with_, None, "one only", text)
    found = ratio(with_, without)
    if without.is_bound and with_.is_bound:
        text = (
            f"{at} neither trajectory is long enough for a conductivity: only upper bounds are known ({old} "
            f"< {number(without.high, 2)}, {new} < {number(with_.high, 2)} mS/cm). They cannot be compared."
        )
        return Comparison(temperature, without, with_, found, "undecided", text)
    if found.value is None:
        return _bounded(at, ion, without, with_, found, temperature, (old, new, using))
    shown = f"ratio {new}/{old} {written_ratio(found)}, 95 % interval in brackets"
    if found.differs:
        side = "higher" if found.low > 1 else "lower"
        text = f"{at} σ({ion}) is significantly {side} {using} ({shown})."
        return Comparison(temperature, without, with_, found, "differs", text)
    factor = max(found.high, 1 / found.low if found.low > 0 else math.inf)
    excluded = (
        f"a difference by more than a factor of {number(factor, 2)} is excluded, a smaller one is not"
        if math.isfinite(factor)
        else "the intervals are too wide to exclude even a large difference"
    )
    text = f"{at} no significant difference in σ({ion}) was found ({shown}): {excluded}."
    return Comparison(temperature, without, with_, found, "not resolved", text)


def _bounded(
    at: str,
    ion: str,
    without: Estimate,
    with_: Estimate,
    found: Ratio,
    temperature: float,
    words: tuple[str, str, str],
) -> Comparison:
    old, new, using = words
    bound, other = (new, old) if with_.is_bound else (old, new)
    reason = (
        f"for {bound} only an upper bound is known, so that only a limit of the ratio {new}/{old} can be "
        "given"
    )
    if found.differs:
        side = "lower" if found.high < 1 else "higher"
        text = (
            f"{at} σ({ion}) is significantly {side} {using}: the upper bound of {bound} lies "
            f"below the interval of {other} (ratio {new}/{old} {written_ratio(found)}; {reason})."
        )
        return Comparison(temperature, without, with_, found, "differs", text)
    text = f"{at} it is undecided whether σ({ion}) differs: {reason} ({written_ratio(found)})."
    return Comparison(temperature, without, with_, found, "undecided", text)


def comparisons(runs: Sequence[Run], pair: Pair = ELECTROSTATICS) -> list[Comparison]:
    """Both models compared at every temperature that one of them was run at; melts are left out."""
    names = (pair.baseline, pair.candidate)
    found: dict[str, dict[float, Estimate]] = {name: {} for name in names}
    for run in (run for run in runs if run.status != MELT):
        found.setdefault(run.potential, {})[run.kelvin] = run.sigma
    without, with_ = (found[name] for name in names)
    ion = next((run.ion for run in runs), "")
    return [compare(t, ion, without.get(t), with_.get(t), pair) for t in sorted(set(without) | set(with_))]
