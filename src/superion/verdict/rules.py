"""The rule: what a row has to show for "needed" and for "not needed"."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from superion.verdict.bound import Bound
from superion.verdict.rows import Measured, Row
from superion.verdict.tolerances import Tolerance
from superion.verdict.uncertain import all_of, closer, exceeds, within

Outcome = Literal["needed", "not needed", "not helped", "undecided"]
"""not helped: what the candidate adds does not matter, but others of its kind were not compared."""
Claim = Literal["removes", "corrects", "depends", "too little", "same", "agrees", "worsens", "bounded"]

MATTERS: frozenset[Claim] = frozenset({"removes", "corrects", "depends"})
"""Claims that the candidate matters; all others are claims that it does not."""
SUFFICES: frozenset[Claim] = frozenset({"agrees", "bounded"})
"""Of these the claims that speak of the baseline alone: nothing that could be added would matter."""


@dataclass(frozen=True, slots=True)
class Test:
    """A claim about a row and its p-value, `adjusted` for all claims of its side in the table."""

    claim: Claim
    p: float
    adjusted: float = math.nan


def tests(row: Row, measured: Measured, tolerance: Tolerance, bound: Bound | None) -> list[Test]:
    """The claims that a row could make.

    Of errors against labels. removes: the candidate removes more of the error than the tolerance.
    too little: it removes less. bounded: nobody could remove more, for the locality test.
    With a reference. corrects: the values differ by more than the tolerance, the baseline misses the
    reference by more than that, and the candidate is closer. same: the values differ by less.
    agrees: the baseline misses the reference by less. worsens: they differ by more, and the candidate
    is farther.
    Without. depends: the values differ by more than the tolerance. same: by less.
    """
    difference, width = measured.difference, tolerance.value
    if row.kind == "error":
        found = [Test("removes", difference.above(width)), Test("too little", difference.below(width))]
        if bound is not None and measured.error is not None and tolerance.relative:
            found.append(Test("bounded", bound.removable(measured.error, -math.expm1(-width))))
        return found
    differs, same = exceeds(difference, width), Test("same", within(difference, width))
    if measured.baseline is None or measured.total is None:
        return [Test("depends", differs), same]
    better = closer(difference, measured.total)
    return [
        Test("corrects", all_of(differs, exceeds(measured.baseline, width), better)),
        same,
        Test("agrees", within(measured.baseline, width)),
        Test("worsens", all_of(differs, 1 - better)),
    ]


def outcome(shown: Collection[Claim], complete: bool = True) -> Outcome:
    """What the claims that were shown say of a row; a difference without a reference decides nothing.

    complete: whether all that could be added was compared: what the candidate does not do nothing does then.
    """
    needed = bool({"removes", "corrects"} & set(shown))
    spared = bool(set(shown) - MATTERS)
    if needed == spared:
        return "undecided"
    if needed:
        return "needed"
    return "not needed" if complete or SUFFICES & set(shown) else "not helped"
