"""The first section of a report: the question, the answer, and every row with its reason."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from superion.verdict import StudyVerdict
from superion.verdict.table import HEAD, Line, line
from superion.verdict.wording import PLAIN

SYMBOLS = {"needed": "●", "not needed": "○", "undecided": "?"}
"""What tells outcomes apart where colours are not seen."""


@dataclass(frozen=True, slots=True)
class Section:
    """What the template shows.

    badges: property, outcome and its CSS class. lines: rows of the table with their class. fine: what the
    answer rests on and does not say.
    """

    answer: str
    badges: list[tuple[str, str, str]]
    head: tuple[str, ...]
    lines: list[tuple[Line, str]]
    fine: list[str]


def section(found: StudyVerdict) -> Section:
    """The section for a verdict."""
    lines = [line(finding) for finding in found.findings]
    return Section(
        answer=found.answer,
        badges=[(PLAIN.get(name, name), o, css(o)) for name, o in found.properties.items()],
        head=HEAD,
        lines=[(each, css(each.outcome)) for each in lines],
        fine=list(_fine(found)),
    )


def css(outcome: str) -> str:
    """The CSS class of an outcome."""
    return outcome.replace(" ", "-")


def _fine(found: StudyVerdict) -> Iterator[str]:
    percent, inside = f"{100 * found.level:g} %", f"{100 - 100 * found.level:g} %"
    source = f"from {found.fits} resampled pairs of fits" if found.fits else "which needs resampled fits"
    yield (
        f"Change: electrostatic against local; in brackets its {inside} interval, {source}. It holds what "
        "other training data, sparse points, trajectories and test frames would change. (?): not known."
    )
    yield (
        f"The chance of any false “needed” in the table is at most {percent}, and that of any false “not "
        "needed” too, however many rows there are."
    )
    yield (
        "Not in it: errors of the first-principles method and of the simulated cell, and other models of "
        "electrostatics than that of this study."
    )
    if found.not_asked:
        names = ", ".join(PLAIN[name] for name in found.not_asked)
        yield f"Not asked: {names}."
    yield from found.notes
