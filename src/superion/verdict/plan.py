"""What would decide a property that is undecided, and what that costs.

Each remedy alone, as far as there is one: more resampled fits, labels in more training or test trajectories,
longer dynamics, more of all of it; and the tolerance at which the same values would have decided. A tolerance
that is changed after looking is said to be (`superion.verdict.settings`): it is for the next study.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from superion.numbers import number
from superion.verdict.effort import Amounts, Costs, More, least_factor, least_fits, power
from superion.verdict.pooled import PropertyFinding, removed, shrunk
from superion.verdict.rows import FEWEST
from superion.verdict.rules import MATTERS, Finding
from superion.verdict.scale import FACTOR, PERCENT, Scale
from superion.verdict.topics import topic_of
from superion.verdict.uncertain import FRAMES, OTHER, Part, Uncertain, half_width

Lever = Literal[
    "fits", "training trajectories", "test trajectories", "dynamics", "everything", "tolerance", "labels",
    "value",
]  # fmt: skip
HUGE = 90  # %, beyond which a fraction is no tolerance
ASKED = 5
"""Resampled fits that a study without any is told to make."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """One way to decide.

    amount: in `unit`, in all, not in addition. chance: that it does. seconds: of computing.
    """

    lever: Lever
    text: str
    amount: float | None = None
    unit: str = ""
    chance: float | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class _Target:
    """A claim that could be shown: how far the estimate is beyond its tolerance, and its sources."""

    distance: float
    parts: Mapping[str, Part]
    level: float
    fits: int
    units: float
    finding: Finding | None = None


def remedies(found: PropertyFinding, properties: int, costs: Costs | None = None) -> list[Remedy]:
    """What would decide an undecided property of a verdict on so many; the cheapest to do first."""
    if found.outcome != "undecided":
        return []
    costs = costs or Costs()
    judged = [row for row in found.rows if row.row.kind != "error" or not row.row.seen]
    rows = judged or found.rows if found.whole is None else (found.whole,)
    texts = dict.fromkeys(text for row in rows if (text := _missing(row, costs)) is not None)
    if texts:
        return list(texts)
    if found.contradicted:
        return [Remedy("tolerance", "decide before the next study whether single values or the whole matter")]
    level = found.level / properties
    targets = _targets(found, rows, level)
    if not targets:
        label = topic_of(found.name).label
        says = "values by the two models seem to differ by more than the tolerance: it says which is right"
        every = [_target(0.0, row.measured.difference.parts, level, row) for row in rows if row.measured]
        return [Remedy("labels", f"{label}; {says}"), *_tolerances(every)]
    ways = (_fits, _trajectories, _tests, _dynamics, _everything)
    found_ways = [remedy for way in ways if (remedy := way(targets, costs)) is not None]
    return [*found_ways, *_tolerances(targets)] or [_start(targets, costs)]


def _missing(finding: Finding, costs: Costs) -> Remedy | None:
    """What a row lacks that could not be compared."""
    if finding.measured is not None:
        return None
    row = finding.row
    if row.seen:
        return Remedy("labels", f"labels of structures that no fit has seen: {row.seen}")
    if finding.tolerance is None:
        return Remedy("tolerance", f"a tolerance for {row.name} in {row.unit}")
    if row.baseline is not None and row.candidate is not None and None not in (
        row.baseline.value, row.candidate.value,
    ):  # fmt: skip
        if len(row.pairs) < FEWEST:
            more, runs = f"fits: {{count: {ASKED}}}", topic_of(row.property_name).dynamics
            if runs:
                more += f" and {row.property_name}: {{fits: {ASKED}}}"
            seconds = None if costs.fit is None else ASKED * costs.fit
            if seconds is not None and runs:
                seconds += ASKED * (costs.dynamics or 0.0)
            text = f"{ASKED} resampled fits ({more}){_time(seconds)}, which tell how much fits scatter"
            return Remedy("fits", text, ASKED, "fits", None, seconds)
        return Remedy("test trajectories", f"more test frames, in two or more trajectories: {finding.why}")
    return Remedy("value", f"a value of {row.name} by both models: {finding.why}")


def _targets(found: PropertyFinding, rows: Sequence[Finding], level: float) -> list[_Target]:
    """What has to be shown: that it is needed, if that is what the estimates say, else that no row does."""
    together = _needed(found, rows, level)
    if together is not None:
        return [together]
    targets = []
    for row in rows:
        claims = [test for test in row.tests if test.claim not in MATTERS]
        if claims and min(test.p for test in claims) * len(claims) <= level:
            continue
        target = _spared(row, level / max(len(claims), 1))
        if target is None:
            return []
        targets.append(target)
    return targets


def _needed(found: PropertyFinding, rows: Sequence[Finding], level: float) -> _Target | None:
    """The claim that a property is needed, where the estimate is beyond its limit."""
    errors = [row for row in rows if row.row.kind == "error"]
    referred = [row for row in rows if row.measured and row.measured.baseline is not None]
    for group, pooled in ((errors, removed), (referred, shrunk)):
        if len(group) > 1:
            whole = pooled(group)
            if whole is not None and whole.value > 1:
                return _target(whole.value - 1, whole.parts, level, group[0])
        elif group:
            single = _single(group[0], level)
            if single is not None:
                return single
    return None


def _single(row: Finding, level: float) -> _Target | None:
    assert row.measured is not None
    assert row.tolerance is not None
    change, miss, limit = row.measured.difference, row.measured.baseline, row.tolerance.value
    if row.row.kind == "error":
        return _target(change.value - limit, change.parts, level, row) if change.value > limit else None
    assert miss is not None
    assert row.measured.total is not None
    closer = change.value * row.measured.total.value < 0
    if not closer or min(abs(change.value), abs(miss.value)) <= limit:
        return None
    worse = min((change, miss), key=lambda each: (abs(each.value) - limit) / max(each.error, 1e-300))
    return _target(abs(worse.value) - limit, worse.parts, level, row)


def _spared(row: Finding, level: float) -> _Target | None:
    """The claim of a row that it does not matter which is closest to being shown; None if none is true."""
    assert row.measured is not None
    assert row.tolerance is not None
    change, miss, limit = row.measured.difference, row.measured.baseline, row.tolerance.value
    if row.row.kind == "error":
        claims = [(limit - change.value, change)]
    else:
        claims = [(limit - abs(each.value), each) for each in (change, miss) if each is not None]
    distance, best = max(claims, key=lambda claim: claim[0] / max(claim[1].error, 1e-300))
    return _target(distance, best.parts, level, row) if distance > 0 else None


def _target(distance: float, parts: Mapping[str, Part], level: float, row: Finding) -> _Target:
    return _Target(distance, parts, level, len(row.row.pairs), row.row.units, row)


def _chance(targets: Sequence[_Target], more: More) -> float:
    """That all are shown, as if one fails where another does."""
    return min(
        power(each.distance, each.parts, each.level, Amounts(each.fits, each.units), more) for each in targets
    )


def _start(targets: Sequence[_Target], costs: Costs) -> Remedy:
    """Where the estimate is so close to its limit, for its error, that no amount can be named."""
    fits = max(2 * targets[0].fits, 10)
    training = _counted(2.0, costs.training, "training trajectories", costs.frames)[1]
    text = (
        f"{fits} resampled fits and labels in {training} to begin with: these say too little to tell how many"
    )
    return Remedy("everything", text)


def _fits(targets: Sequence[_Target], costs: Costs) -> Remedy | None:
    now = targets[0].fits
    found = least_fits(partial(_chance, targets), now)
    if found is None:
        return None
    more, chance = found
    seconds = None if costs.fit is None else (more.fits - now) * costs.fit
    text = f"{more.fits} resampled fits instead of {now}{_time(seconds)}"
    return Remedy("fits", text, more.fits, "fits", chance, seconds)


def _trajectories(targets: Sequence[_Target], costs: Costs) -> Remedy | None:
    now = targets[0].fits
    found = least_factor(lambda factor: _chance(targets, More(now, training=factor)))
    if found is None:
        return None
    amount, said = _counted(found[0], costs.training, "training trajectories", costs.frames)
    return Remedy("training trajectories", f"labels in {said}", amount, "trajectories", found[1])


def _tests(targets: Sequence[_Target], costs: Costs) -> Remedy | None:
    if not all(FRAMES in each.parts for each in targets):
        return None
    now = targets[0].fits
    found = least_factor(lambda factor: _chance(targets, More(now, test=factor)))
    if found is None:
        return None
    amount, said = _counted(found[0], costs.test, "test trajectories", costs.frames)
    return Remedy("test trajectories", f"labels in {said}", amount, "trajectories", found[1])


def _dynamics(targets: Sequence[_Target], costs: Costs) -> Remedy | None:
    if costs.nanoseconds is None or not all(map(_moving, targets)):
        return None
    now = targets[0].fits
    found = least_factor(lambda factor: _chance(targets, More(now, dynamics=factor)))
    if found is None:
        return None
    length = found[0] * costs.nanoseconds
    seconds = None if costs.dynamics is None else (found[0] - 1) * costs.dynamics
    text = f"runs of {number(length, 2)} ns instead of {number(costs.nanoseconds, 2)}{_time(seconds)}"
    return Remedy("dynamics", text, length, "ns", found[1], seconds)


def _moving(target: _Target) -> bool:
    """Whether longer dynamics would narrow it."""
    row = target.finding
    moves = row is not None and topic_of(row.row.property_name).dynamics
    return moves and target.parts.get(OTHER, Part(0.0)).variance > 0


def _everything(targets: Sequence[_Target], costs: Costs) -> Remedy | None:
    """More of all at once, with ten resampled fits or more."""
    fits, longer = max(targets[0].fits, 10), costs.nanoseconds is not None and all(map(_moving, targets))

    def chance(factor: float) -> float:
        return _chance(targets, More(fits, factor, factor, factor if longer else 1.0))

    found = least_factor(chance)
    if found is None:
        return None
    training = _counted(found[0], costs.training, "training trajectories", costs.frames)[1]
    parts = [f"{fits} resampled fits", f"labels in {training}"]
    if any(FRAMES in each.parts for each in targets):
        parts.append(_counted(found[0], costs.test, "test trajectories", None)[1])
    if costs.nanoseconds is not None and longer:
        parts.append(f"runs of {number(found[0] * costs.nanoseconds, 2)} ns")
    text = f"{', '.join(parts[:-1])} and {parts[-1]} together"
    return Remedy("everything", text, found[0], "times", found[1])


def _tolerances(targets: Sequence[_Target]) -> list[Remedy]:
    """The tolerance at which these values would have decided: that of the row which asks for the largest."""
    known = [found for each in targets if (found := _tolerance(each)) is not None]
    if len(known) < len(targets):
        return []
    _, shown, unit, name = max(known)
    amount = f"a factor of {number(shown, 2)}" if unit == FACTOR else f"{number(shown, 2)} {unit}"
    text = f"a tolerance of {amount} in the next study, chosen before it: {name} is within it"
    return [Remedy("tolerance", text, shown, unit)]


def _tolerance(target: _Target) -> tuple[float, float, str, str] | None:
    """Over the present one, as it is shown, its unit and the row; None if there is none that could be."""
    row = target.finding
    if row is None or row.measured is None or row.tolerance is None:
        return None
    change: Uncertain = row.measured.difference
    error = row.row.kind == "error"
    parts = change.parts.values()
    wide = half_width(target.level, [p.variance for p in parts], [p.freedom for p in parts])
    limit = (change.value if error else abs(change.value)) + float(wide)
    scale = Scale.of(row.row, row.tolerance)
    removed = error and row.tolerance.relative  # of which nothing beyond 100 % can be asked
    shown = -100 * math.expm1(-limit) if removed else scale.shown(limit)
    if not row.tolerance.value < limit < math.inf or (scale.unit == PERCENT and shown > HUGE) or shown > 1e6:
        return None
    return limit / row.tolerance.value, shown, scale.unit, row.row.name


def _counted(factor: float, now: int | None, what: str, frames: float | None) -> tuple[float, str]:
    """How many trajectories, and how that is said."""
    if now is None:
        return factor, f"{number(factor, 2)} times as many {what}"
    amount = math.ceil(factor * now)
    each = "" if frames is None else f" ({math.ceil(frames * (amount - now))} labels more)"
    return amount, f"{amount} {what} instead of {now}{each}"


def _time(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < 90:
        return f" (about {number(seconds, 2)} s)"
    return (
        f" (about {number(seconds / 60, 2)} min)"
        if seconds < 5400
        else f" (about {number(seconds / 3600, 2)} h)"
    )


def line(found: Sequence[Remedy]) -> str:
    """One line: the first of what would decide."""
    if not found:
        return ""
    best = found[0]
    chance = "" if best.chance is None else f" would decide it with a chance of {100 * best.chance:.0f} %"
    others = f"; or {found[1].text}" if len(found) > 1 and found[1].lever != "tolerance" else ""
    return f"Next: {best.text}{chance}{others}."
