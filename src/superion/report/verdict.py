"""What may be said about "does this property need long-range electrostatics?", and what may not."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from superion.report.estimates import Estimate, Ratio, number, ratio, written_ratio

Outcome = Literal["differs", "not resolved", "undecided", "one only"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One temperature: conductivity with electrostatics over that without.

    outcome: "differs" if 1 is outside the 95 % interval of the ratio; "not resolved" if it is inside;
    "undecided" if upper bounds leave even the sign open; "one only" if a potential is missing.
    """

    temperature: float
    without: Estimate | None
    with_: Estimate | None
    ratio: Ratio | None
    outcome: Outcome
    sentence: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The short answer, one sentence for each temperature, and what the answer does not say."""

    answer: str
    summary: str
    comparisons: list[Comparison]
    caveats: list[str]


def compare(temperature: float, ion: str, without: Estimate | None, with_: Estimate | None) -> Comparison:
    """Compare the conductivities (mS/cm) of GAP (`without`) and ES-GAP (`with_`) at one temperature (K)."""
    at = f"At {temperature:g} K"
    if without is None or with_ is None:
        there, absent = ("ES-GAP", "GAP") if without is None else ("GAP", "ES-GAP")
        if without is None and with_ is None:
            there, absent = "neither potential", "both"
        text = f"{at} there is a result of {there} but none of {absent}: nothing to compare."
        return Comparison(temperature, without, with_, None, "one only", text)
    found = ratio(with_, without)
    if without.is_bound and with_.is_bound:
        text = (
            f"{at} neither trajectory is long enough for a conductivity: only upper bounds are known (GAP "
            f"< {number(without.high, 2)}, ES-GAP < {number(with_.high, 2)} mS/cm). They cannot be compared."
        )
        return Comparison(temperature, without, with_, found, "undecided", text)
    if found.value is None:
        return _bounded(at, ion, without, with_, found, temperature)
    shown = f"ratio ES-GAP/GAP {written_ratio(found)}, 95 % interval in brackets"
    if found.differs:
        side = "higher" if found.low > 1 else "lower"
        text = f"{at} σ({ion}) is significantly {side} with electrostatics ({shown})."
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
    at: str, ion: str, without: Estimate, with_: Estimate, found: Ratio, temperature: float
) -> Comparison:
    bound, other = ("ES-GAP", "GAP") if with_.is_bound else ("GAP", "ES-GAP")
    reason = (
        f"for {bound} only an upper bound is known, so that only a limit of the ratio ES-GAP/GAP can be given"
    )
    if found.differs:
        side = "lower" if found.high < 1 else "higher"
        text = (
            f"{at} σ({ion}) is significantly {side} with electrostatics: the upper bound of {bound} lies "
            f"below the interval of {other} (ratio ES-GAP/GAP {written_ratio(found)}; {reason})."
        )
        return Comparison(temperature, without, with_, found, "differs", text)
    text = f"{at} it is undecided whether σ({ion}) differs: {reason} ({written_ratio(found)})."
    return Comparison(temperature, without, with_, found, "undecided", text)


def verdict(
    ion: str, conductivities: Mapping[str, Mapping[float, Estimate]], names: Sequence[str] = ("gap", "es-gap")
) -> Verdict:
    """The verdict on σ of `ion` from `{potential: {temperature (K): conductivity (mS/cm)}}`."""
    without, with_ = (conductivities.get(name, {}) for name in names)
    temperatures = sorted(set(without) | set(with_))
    found = [compare(t, ion, without.get(t), with_.get(t)) for t in temperatures]
    compared = [c for c in found if c.outcome != "one only"]
    differing = [c for c in compared if c.outcome == "differs"]
    decided = [c for c in compared if c.outcome in ("differs", "not resolved")]
    if not compared:
        answer = "Not answered"
        summary = (
            "GAP and ES-GAP have no conductivity at a common temperature, so that nothing can be compared."
        )
    elif not decided:
        answer = "Undecided"
        summary = "The trajectories are too short: with upper bounds the conductivities cannot be told apart."
    elif not differing:
        answer = "No difference found"
        summary = (
            f"Within the statistical error GAP and ES-GAP give the same σ({ion}){_where(decided, compared)}. "
            "That is not a proof that they agree: see below how large a difference is excluded."
        )
    elif len(differing) == len(compared):
        answer = "Yes"
        summary = (
            f"σ({ion}) of GAP and ES-GAP differs by more than the statistical error of the trajectories."
        )
    else:
        answer = "Yes, in part"
        summary = (
            f"σ({ion}) of GAP and ES-GAP differs by more than the statistical error at "
            f"{_list(differing)}, not demonstrably at {_list([c for c in compared if c not in differing])}."
        )
    return Verdict(answer, summary, found, _caveats(decided) if compared else [])


def _caveats(decided: Sequence[Comparison]) -> list[str]:
    caveats = [
        "The intervals hold the statistical error of the trajectories only: not the error of the reference "
        "method, of the fits, of the cell size or of a different random seed of the fit.",
    ]
    if any(c.outcome == "differs" for c in decided):
        caveats.append(
            "A difference says that electrostatics changes the result, not which potential is right; for "
            "that, compare their errors against the reference below."
        )
    if len(decided) > 1:
        chance = 100 * (1 - 0.95 ** len(decided))
        caveats.append(
            f"{len(decided)} temperatures are compared at the 95 % level each: if nothing differed, the "
            f"chance that at least one of them seems to is about {chance:.0f} %."
        )
    return caveats


def _where(decided: Sequence[Comparison], compared: Sequence[Comparison]) -> str:
    return "" if len(decided) == len(compared) else f" at {_list(decided)} (undecided at the others)"


def _list(comparisons: Sequence[Comparison]) -> str:
    *first, last = (f"{c.temperature:g}" for c in comparisons)
    return f"{', '.join(first)} and {last} K" if first else f"{last} K"
