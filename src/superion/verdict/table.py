"""The rows of a verdict as text, for terminals and pages."""

from __future__ import annotations

from dataclasses import dataclass

from superion.verdict.decide import Finding
from superion.verdict.rows import between
from superion.verdict.rules import Outcome
from superion.verdict.scale import FACTOR, Scale, change, number
from superion.verdict.settings import Pair, Words
from superion.verdict.values import Value
from superion.verdict.wording import because


def head(pair: Pair) -> tuple[str, ...]:
    """Heads of the columns."""
    words = Words.of(pair)
    return ("value", words.baseline, words.candidate, "change", "reference", "tolerance", words.subject)


@dataclass(frozen=True, slots=True)
class Line:
    """One row as text. name: with its unit. change: candidate against baseline."""

    name: str
    baseline: str
    candidate: str
    change: str
    reference: str
    tolerance: str
    outcome: Outcome
    because: str

    @property
    def cells(self) -> list[str]:
        """In the order of `head`."""
        return [
            self.name, self.baseline, self.candidate, self.change, self.reference, self.tolerance,
            self.outcome,
        ]  # fmt: skip


def line(finding: Finding) -> Line:
    """A row as text."""
    row = finding.row
    return Line(
        name=f"{row.name} ({row.unit})" if row.unit else row.name,
        baseline=_value(row.baseline),
        candidate=_value(row.candidate),
        change=_change(finding),
        reference="0" if row.kind == "error" else _value(row.reference),
        tolerance="–" if finding.tolerance is None else finding.tolerance.text.replace("a factor of", FACTOR),
        outcome=finding.outcome,
        because=because(finding),
    )


def _value(value: Value | None) -> str:
    return "–" if value is None else number(value.value)


def _change(finding: Finding) -> str:
    """With its interval; without one where nothing is known of the spread of fits."""
    row = finding.row
    if finding.tolerance is None:
        return "–"
    scale = Scale.of(row, finding.tolerance)
    if finding.measured is not None:
        return scale.cell(change(row, finding.measured.difference), finding.level)
    found = between(row, finding.tolerance)
    return "–" if found is None else f"{scale.plain(change(row, found).value, '× ')} (?)"
