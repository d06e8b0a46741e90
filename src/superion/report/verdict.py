"""The first section of a report: the question, the answer, and every row with its reason."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from superion.report.style import look
from superion.verdict import StudyVerdict
from superion.verdict.settings import ELECTROSTATICS, Pair, Words
from superion.verdict.topics import topic_of
from superion.verdict.wording import Line, head, line

SYMBOLS = {"needed": "●", "not needed": "○", "not helped": "◌", "undecided": "?"}
"""What tells outcomes apart where colours are not seen."""


@dataclass(frozen=True, slots=True)
class Section:
    """What the template shows.

    pair: the models that are compared. title: the question. badges: property, outcome and its CSS class.
    reasons: property, why, and what next. lines: rows of the table with their class. fine: what the answer
    rests on and does not say.
    """

    pair: Pair
    title: str
    answer: str
    badges: list[tuple[str, str, str]]
    head: tuple[str, ...]
    reasons: list[tuple[str, str, str]]
    lines: list[tuple[Line, str]]
    fine: list[str]


def section(found: StudyVerdict) -> Section:
    """The section for a verdict."""
    lines = [line(finding) for finding in found.findings]
    return Section(
        pair=found.pair,
        title=_title(found.pair),
        answer=found.answer,
        badges=[(topic_of(name).plain, o, css(o)) for name, o in found.properties.items()],
        reasons=[(topic_of(r.name).plain, r.why, r.next) for r in found.reasons],
        head=head(found.pair),
        lines=[(each, css(each.outcome)) for each in lines],
        fine=list(_fine(found)),
    )


def _title(pair: Pair) -> str:
    if pair.question == "model":
        return f"Which properties need {look(pair.candidate).label} instead of {look(pair.baseline).label}?"
    if pair == ELECTROSTATICS:
        return "Which properties need long-range electrostatics?"
    models = f"{look(pair.candidate).label} against {look(pair.baseline).label}"
    return f"Which properties need long-range electrostatics? {models}"


def css(outcome: str) -> str:
    """The CSS class of an outcome."""
    return outcome.replace(" ", "-")


def _fine(found: StudyVerdict) -> Iterator[str]:
    words = Words.of(found.pair)
    percent, inside = f"{100 * found.level:g} %", f"{100 - 100 * found.level:g} %"
    source = f"from {found.fits} resampled pairs of fits" if found.fits else "which needs resampled fits"
    yield (
        f"Change: {words.candidate} against {words.baseline}; in brackets its {inside} interval, {source}. "
        "It holds what other training data, sparse points, trajectories and test frames would change. "
        "(?): not known."
    )
    yield (
        f"The chance of any false “needed” in the table is at most {percent}, and that of any false “not "
        "needed” too, however many rows there are."
    )
    others = "" if found.pair.question == "model" else " of electrostatics"
    yield (
        f"Not in it: errors of the first-principles method and of the simulated cell, and other models"
        f"{others} than that of this study."
    )
    if found.not_asked:
        names = ", ".join(topic_of(name).plain for name in found.not_asked)
        yield f"Not asked: {names}."
    yield from found.notes
