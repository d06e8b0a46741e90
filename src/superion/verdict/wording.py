"""A verdict in words: rows as cells and as one sentence with numbers, and the answer in another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from superion.numbers import number
from superion.verdict.pooled import PropertyFinding
from superion.verdict.rows import between
from superion.verdict.rules import KINDS, Finding, Outcome, missing, removed
from superion.verdict.scale import FACTOR, Scale, change
from superion.verdict.settings import Pair, Words, capital
from superion.verdict.topics import topic_of
from superion.verdict.uncertain import Uncertain
from superion.verdict.values import Value


def because(finding: Finding) -> str:
    """The reason of a row, in plain words."""
    parts = [_reason(finding), _lost(finding), _biased(finding)]
    if finding.flags:
        parts.append(f"Beware – {'; '.join(finding.flags)}.")
    return " ".join(filter(None, parts))


def _reason(f: Finding) -> str:
    if f.measured is None or f.tolerance is None:
        return f"{capital(f.why or 'it cannot be compared')}.{_preliminary(f)}"
    if f.row.kind == "error":
        return _of_error(f)
    if f.measured.baseline is not None:
        return _with_reference(f)
    return _without_reference(f)


def _preliminary(f: Finding) -> str:
    """What the main fits alone say, where there are both."""
    found = None if f.tolerance is None else between(f.row, f.tolerance)
    if found is None or f.tolerance is None:
        return ""
    scale, found = Scale.of(f.row, f.tolerance), change(f.row, found)
    text = scale.text(found, f.level) if found.error else scale.plain(found.value)
    alone = ", by the statistics of the simulations alone" if found.error else ""
    return f" Between these two fits it changes by {text} {Words.of(f.row.pair).using}{alone}."


def _of_error(f: Finding) -> str:
    measured, tolerance = f.measured, f.tolerance
    assert measured is not None
    assert tolerance is not None
    scale, words = Scale.of(f.row, tolerance), Words.of(f.row.pair)
    grows = change(f.row, measured.difference)
    text = f"{words.opening} removes {scale.removed(grows, f.level)}{' of the error' * tolerance.relative}"
    if grows.value > 0:
        text = f"{capital(words.using)} the error grows by {scale.text(grows, f.level)}"
    far, limit, shown = _bound(f), f"the tolerance of {tolerance.text}", f.shown
    if "removes" in shown and "bounded" in shown:
        return f"{text}, more than {limit}; but {far} One of the two must be wrong."
    if "removes" in shown:
        return f"{text}, more than {limit}.{_aside(far)}"
    if "too little" in shown:
        less = "" if grows.value > 0 else f", less than {limit}"
        return f"{text}{less}.{_aside(far)}"
    if "agrees" in shown:
        least = f"{tolerance.least:g} {f.row.unit}"
        return f"The {words.baseline} error is below {least}, where none matters. {text}."
    if "bounded" in shown:
        return f"{capital(far)} That is less than {limit}. {text}."
    return f"{text}; the tolerance is {tolerance.text}, {_open(f)}{_aside(far)}"


def _bound(f: Finding) -> str:
    """What the locality test says."""
    error = f.row.baseline.value if f.row.baseline else None
    if f.bound is None or not error:
        return ""
    share = 100 * removed(error, f.bound.spread)
    return (
        f"forces on {f.bound.species} vary by {number(f.bound.spread)} eV/Å when only atoms beyond "
        f"{f.bound.radius:g} Å move, so that whoever knew all about these would remove about "
        f"{number(share, 2)} % of the error."
    )


def _with_reference(f: Finding) -> str:
    measured, tolerance = f.measured, f.tolerance
    assert measured is not None
    assert measured.baseline is not None
    assert measured.total is not None
    assert tolerance is not None
    scale, words = Scale.of(f.row, tolerance), Words.of(f.row.pair)
    miss = scale.text(measured.baseline, f.level)
    other = scale.plain(measured.total.value - measured.baseline.value)
    moved = f"{capital(words.using)} it changes by {scale.text(measured.difference, f.level)}"
    limit, shown = f"the tolerance of {tolerance.text}", f.shown
    if "corrects" in shown:
        left = measured.total.value - measured.baseline.value
        rest = ", still more than the tolerance" if abs(left) > tolerance.value else ""
        return (
            f"The {words.baseline} value misses the reference by {miss}, more than {limit}; the "
            f"{words.candidate} one is closer and misses it by {other}{rest}."
        )
    if "same" in shown:
        return f"{moved}, less than {limit}."
    if "agrees" in shown:
        return f"The {words.baseline} value misses the reference by {miss}, less than {limit}."
    if "worsens" in shown:
        return (
            f"{moved}, and away from the reference, which the {words.baseline} value misses by {miss} and "
            f"the {words.candidate} one by {other}: {words.subject} as modelled makes it worse."
        )
    return (
        f"{moved}, and the {words.baseline} value misses the reference by {miss}; the tolerance is "
        f"{tolerance.text}, {_open(f)}"
    )


def _without_reference(f: Finding) -> str:
    measured, tolerance = f.measured, f.tolerance
    assert measured is not None
    assert tolerance is not None
    text, words = Scale.of(f.row, tolerance).text(measured.difference, f.level), Words.of(f.row.pair)
    moved = f"{capital(words.using)} it changes by {text}"
    if "same" in f.shown:
        return f"{moved}, less than the tolerance of {tolerance.text}."
    if "depends" in f.shown:
        label = topic_of(f.row.property_name).label
        if f.row.seen:
            label = f"{label} that no fit has seen ({f.row.seen})"
        return (
            f"{moved}, more than the tolerance of {tolerance.text}: it depends on {words.subject}. But no "
            f"label says which value is right; it would take {label}."
        )
    return f"{moved}; the tolerance is {tolerance.text}, {_open(f)}"


def _open(f: Finding) -> str:
    """Why nothing was shown."""
    if any(test.p <= f.level for test in f.tests):
        return (
            "and alone this would be decided, but among all rows of the table one may look like this by "
            "chance."
        )
    return "and both answers are still possible."


def _lost(f: Finding) -> str:
    lost = len(f.row.resampled) - len(f.row.pairs)
    if not lost or not f.row.pairs:
        return ""
    return f"{lost} of {len(f.row.resampled)} resampled pairs of fits have no value of it."


def _biased(f: Finding) -> str:
    if f.measured is None or f.tolerance is None or f.measured.bias is None:
        return ""
    mean = change(f.row, Uncertain(f.measured.difference.value + f.measured.bias, {})).value
    return (
        f"Between fits to resampled frames it changes by {Scale.of(f.row, f.tolerance).plain(mean)} on "
        "average, so that it depends on how much data there are."
    )


def short(finding: Finding) -> str:
    """The reason of an undecided row as a clause."""
    if finding.measured is None:
        return finding.why or "it cannot be compared"
    if "removes" in finding.shown:
        return "errors of forces contradict the locality test"
    if "depends" in finding.shown:
        return "the values differ and no label says which is right"
    return "the error bars allow both answers"


def sentence(properties: Sequence[PropertyFinding]) -> str:
    """The answer to the question of one pair, in plain words."""
    if not properties:
        return "Not answered: the study has nothing yet to compare two models by."
    pair = properties[0].pair
    named: dict[Outcome, list[PropertyFinding]] = {}
    for each in properties:
        named.setdefault(each.outcome, []).append(each)
    parts = []
    if needed := named.get("needed"):
        parts.append(f"needed for {_list([_counted(each) for each in needed])}")
    if spared := named.get("not needed"):
        parts.append(f"not needed for {_list([topic_of(each.name).plain for each in spared])}")
    if undecided := named.get("undecided"):
        reasons: dict[str, list[str]] = {}
        for each in undecided:
            reasons.setdefault(_commonest(each), []).append(topic_of(each.name).plain)
        groups = [f"for {_list(names)}, because {reason}" for reason, names in reasons.items()]
        parts.append(f"undecided {', and '.join(groups)}")
    said = [f"{Words.of(pair).whole} is {'; '.join(parts)}."] if parts else []
    if left := named.get("not helped"):
        said.append(_not_helped(pair, _list([topic_of(each.name).plain for each in left])))
    return " ".join(said)


def _not_helped(pair: Pair, names: str) -> str:
    """Of electrostatics that was compared without those above it."""
    kind = "" if pair.charges is None else f" ({KINDS[pair.charges]})"
    others = missing({pair.charges})
    return f"This electrostatics{kind} does not help {names}; whether {others} would was not shown."


def why(found: PropertyFinding) -> str:
    """The reason of a property's outcome, as a clause."""
    place = "on the whole" if found.whole is None else f"in {found.whole.row.name}"
    count = len(found.rows)
    whole = found.whole and found.whole.row.name
    values = "its only value" if count == 1 else f"all of its {count} values"
    return {
        "needed": f"{place} more than the tolerance is removed" if count > 1 else "its only value needs it",
        "not needed": f"leaving it out costs {whole or values} less than the tolerance",
        "not helped": f"it improves {whole or values} by less than the tolerance",
        "undecided": "",
    }[found.outcome] or _commonest(found)


def _counted(found: PropertyFinding) -> str:
    needed = sum(row.outcome == "needed" for row in found.rows)
    plain, count = topic_of(found.name).plain, len(found.rows)
    return plain if needed == count or not needed else f"{plain} ({needed} of {count} values)"


def _commonest(found: PropertyFinding) -> str:
    if found.contradicted:
        return "single values need it, but all together not"
    undecided = [row for row in found.rows if row.outcome == "undecided"]
    if not undecided:
        return "its values say different things"
    return Counter(short(row) for row in undecided).most_common(1)[0][0]


def _list(words: Sequence[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def _aside(text: str) -> str:
    return f" {capital(text)}" if text else ""


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
