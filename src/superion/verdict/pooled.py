"""One answer for each property: a test of all its rows together, and as many chances to err as properties.

needed: on the whole more than the tolerance is removed. Of errors against labels the row of the whole counts
where a property has one (forces of all atoms), else the mean of what is removed in tolerances. Of values with
references, single ones as their row has it; of several the mean square of what they miss their references by,
in tolerances, has to shrink by more than 1. Its bias from the scatter of fits is taken off, so that noise
does not look like a miss.

not needed: shown of the row of the whole, or of every row (a claim of several parts is as uncertain as its
worst: Berger, Technometrics 24, 295, 1982), Holm's procedure within a row choosing among its claims. A row
that needs it speaks against that.

Both families of claims are adjusted by Holm over all properties of all pairs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from superion.verdict.rows import FEWEST, scaled_draws
from superion.verdict.rules import MATTERS, SUFFICES, Claim, Finding, Outcome
from superion.verdict.settings import Pair
from superion.verdict.topics import topic_of
from superion.verdict.uncertain import FIT, Part, Uncertain, adjusted, fit_part

Array = np.ndarray


@dataclass(frozen=True, slots=True)
class PropertyFinding:
    """What all rows of a property say together.

    rows: those of the pair. whole: the row that speaks for all, if there is one. needed, spared, suffices:
    p-values of the claims that it is needed, that what the candidate adds does not matter, and that nothing
    would; adjusted for all properties. complete: whether all kinds of electrostatics were compared.
    """

    name: str
    pair: Pair
    rows: tuple[Finding, ...]
    whole: Finding | None
    needed: float
    spared: float
    suffices: float
    level: float
    complete: bool = True

    @property
    def contradicted(self) -> bool:
        """Whether single rows need what the whole is shown not to."""
        return self.spared <= self.level and any(row.outcome == "needed" for row in self.rows)

    @property
    def outcome(self) -> Outcome:
        """The answer."""
        needed, spared = self.needed <= self.level, self.spared <= self.level
        if needed == spared or self.contradicted:
            return "undecided"
        if needed:
            return "needed"
        return "not needed" if self.complete or self.suffices <= self.level else "not helped"


def properties_of(findings: Sequence[Finding]) -> list[PropertyFinding]:
    """One finding for each property of each pair, in their order."""
    grouped: dict[tuple[Pair, str], list[Finding]] = {}
    for finding in findings:
        grouped.setdefault((finding.row.pair, finding.row.property_name), []).append(finding)
    found = [_property(pair, name, rows) for (pair, name), rows in grouped.items()]
    needed = adjusted([each.needed for each in found])
    spared = adjusted([each.spared for each in found])
    return [
        replace(
            each,
            needed=float(p),
            spared=float(q),
            suffices=min(1.0, each.suffices * (float(q) / each.spared)) if each.spared else each.suffices,
        )
        for each, p, q in zip(found, needed, spared, strict=True)
    ]


def _property(pair: Pair, name: str, rows: list[Finding]) -> PropertyFinding:
    whole = next((row for row in rows if row.row.name == topic_of(name).whole), None)
    judged = [row for row in rows if row.row.kind != "error" or not row.row.seen]
    counted = (judged or rows) if whole is None else [whole]
    spared = [_least(row, None) for row in counted]
    suffices = [_least(row, SUFFICES) for row in counted]
    return PropertyFinding(
        name=name,
        pair=pair,
        rows=tuple(rows),
        whole=whole,
        needed=_needed(counted),
        spared=max(spared),
        suffices=max(suffices),
        level=rows[0].level,
        complete=all(row.complete for row in counted),
    )


def _least(finding: Finding, among: frozenset[Claim] | None) -> float:
    """The smallest p-value of claims that a row does not matter, adjusted for choosing it."""
    claims = [test for test in finding.tests if test.claim not in MATTERS]
    if not claims:
        return 1.0
    values = zip(claims, adjusted([test.p for test in claims]), strict=True)
    return min((float(p) for test, p in values if among is None or test.claim in among), default=1.0)


def _needed(rows: Sequence[Finding]) -> float:
    """The p-value of the claim that the rows need it; a choice of two where they are of two kinds."""
    known = [row for row in rows if row.measured is not None]
    errors = [row for row in known if row.row.kind == "error"]
    referred = [row for row in known if row.measured and row.measured.baseline is not None]
    values = [
        _single(group) if len(group) == 1 else pooled(group)
        for group, pooled in ((errors, _of_errors), (referred, _of_references))
        if group
    ]
    return min(1.0, len(values) * min(values)) if values else 1.0


def _single(rows: Sequence[Finding]) -> float:
    return next((test.p for test in rows[0].tests if test.claim in ("removes", "corrects")), 1.0)


def _of_errors(rows: Sequence[Finding]) -> float:
    found = removed(rows)
    return 1.0 if found is None else found.above(1.0)


def removed(rows: Sequence[Finding]) -> Uncertain | None:
    """What is removed of several errors, in tolerances, on average; None without draws of all."""
    draws = _draws(rows)
    if draws is None:
        return None
    scale = np.array([row.tolerance.value for row in rows if row.tolerance])
    units = min(row.row.units for row in rows)
    parts = {FIT: fit_part(((draws[1:, :, 0] - draws[1:, :, 1]) / scale).mean(axis=1), units)}
    names = {name for row in rows if row.measured for name in row.measured.difference.parts if name != FIT}
    for name in sorted(names):
        own = [row.measured.difference.parts.get(name, Part(0.0)) for row in rows if row.measured]
        error = float(np.mean([math.sqrt(part.variance) for part in own] / scale))  # as if all went together
        parts[name] = Part(error**2, min(part.freedom for part in own))
    return Uncertain(float(((draws[0, :, 0] - draws[0, :, 1]) / scale).mean()), parts)


def _of_references(rows: Sequence[Finding]) -> float:
    found = shrunk(rows)
    return 1.0 if found is None else found.above(1.0)


def shrunk(rows: Sequence[Finding]) -> Uncertain | None:
    """By how much the mean square of what is missed, in tolerances, shrinks; None without draws of all.

    The scatter of fits adds its variance to the square of what is missed, of either model: it is taken off.
    """
    draws = _draws(rows)
    if draws is None:
        return None
    scale = np.array([row.tolerance.value for row in rows if row.tolerance])
    labels = np.array([_label(row) for row in rows])
    squares = ((draws - labels[:, None]) / scale[:, None]) ** 2
    gain = squares[:, :, 0] - squares[:, :, 1]
    variances = np.var(draws[1:] / scale[:, None], axis=0, ddof=1)
    value = float((gain[0] - (variances[:, 0] - variances[:, 1])).mean())
    parts = {FIT: fit_part(gain[1:].mean(axis=1), min(row.row.units for row in rows))}
    for name in {name for row in rows if row.measured for name in row.measured.difference.parts} - {FIT}:
        # of m² the error is 2 m times that of m, both models together; labels shift both alike
        own = [row.measured.difference.parts[name].variance for row in rows if row.measured]
        miss = np.abs((draws[0] - labels[:, None]) / scale[:, None]).max(axis=1)
        parts[name] = Part(float(np.mean(2 * miss * np.sqrt(own) / scale)) ** 2)
    return Uncertain(value, parts)


def _label(finding: Finding) -> float:
    """The reference as the tolerance has it; its own error cancels to first order."""
    assert finding.measured is not None
    assert finding.measured.baseline is not None
    main = scaled_draws(finding.row, finding.tolerance)
    assert main is not None
    return float(main[0, 0] - finding.measured.baseline.value)


def _draws(rows: Sequence[Finding]) -> Array | None:
    """(1 + K, rows, 2): values or logarithms of the main fits, then of every draw that has all of them."""
    found = [scaled_draws(row.row, row.tolerance) for row in rows]
    if any(one is None for one in found):
        return None
    both = np.stack([one for one in found if one is not None], axis=1)
    known = np.isfinite(both).all(axis=(1, 2))
    return both[known] if known[0] and known.sum() > FEWEST else None
