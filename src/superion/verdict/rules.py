"""From rows to outcomes: what a row has to show, and how much chance all rows leave to err.

Every claim is tested, and there are as many chances to err as there are claims.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from superion.calculations.locality.results import LocalityFile, SpreadRow
from superion.errors import InputError
from superion.model import Charges
from superion.verdict.rows import Measured, Row, measure
from superion.verdict.settings import LEVEL, Pair, Words
from superion.verdict.topics import Tolerance, checked, tolerance_of
from superion.verdict.uncertain import Part, Uncertain, adjusted, all_of, closer, exceeds, within

Outcome = Literal["needed", "not needed", "not helped", "undecided"]
"""not helped: what the candidate adds does not matter, but others of its kind were not compared."""
Claim = Literal["removes", "corrects", "depends", "too little", "same", "agrees", "worsens", "bounded"]

MATTERS: frozenset[Claim] = frozenset({"removes", "corrects", "depends"})
"""Claims that the candidate matters; all others are claims that it does not."""
SUFFICES: frozenset[Claim] = frozenset({"agrees", "bounded"})
"""Of these the claims that speak of the baseline alone: nothing that could be added would matter."""
PREFIX = "forces of "
ROUNDING = 1e-12
"""eV/Å, the least spread that a comparison sees."""


@dataclass(frozen=True, slots=True)
class Bound:
    """What a locality test says of forces: how much they vary when only atoms beyond `radius` (Å) move.

    No function of what is inside the radius follows that (Deringer and Csányi, Phys. Rev. B 95, 094203,
    2017), and the rest of the error e of a model is uncorrelated with it: whoever knew all about the atoms
    outside still erred by √(e² − b²), b being the spread.

    spread: root mean square, eV/Å. logarithm: that of the spread, with the error from perturbations and from
    reference atoms.
    """

    species: str
    radius: float
    spread: float
    logarithm: Uncertain

    def removable(self, error: Uncertain, fraction: float) -> float:
        """p-value of the claim that less than `fraction` of an error is removable; error: its logarithm.

        e − √(e² − b²) < f·e where b/e < √(1 − (1 − f)²).
        """
        limit = math.log(1 - (1 - fraction) ** 2) / 2
        parts = {**error.parts, **self.logarithm.parts}
        return Uncertain(self.logarithm.value - error.value, parts).below(limit)


def removed(error: float, spread: float) -> float:
    """The fraction of an error that is gone when all that varies by `spread` is known; 1 at most."""
    return 1 - math.sqrt(max(1 - (spread / error) ** 2, 0.0))


def bounds(result: LocalityFile, cutoff: float) -> dict[str, Bound]:
    """Bounds by row name for models of a cutoff (Å) from the result of `superion locality`.

    Of all radii tested the largest that is not beyond the cutoff counts, which never makes the bound too low;
    species without one are left out.
    """
    found = {}
    for species, rows in result.forces.items():
        inside = [row for row in rows if row.radius <= cutoff + 1e-9]
        if inside:
            found[PREFIX + species] = _bound(species, max(inside, key=lambda row: row.radius))
    return found


def _bound(species: str, row: SpreadRow) -> Bound:
    """The logarithm of a spread from n squares has the variance 1/2n; drawing other atoms may add to it.

    Forces that depend on nothing beyond the radius have no spread; it then counts as the rounding of forces.
    """
    spread, freedom, atoms = row.spread, row.freedom, len(row.atoms)
    part = Part(1 / (2 * freedom), freedom)
    if row.error is not None and atoms > 1:
        between = Part((row.error / max(spread, ROUNDING)) ** 2, atoms - 1)
        part = max(part, between, key=lambda p: p.variance)
    logarithm = math.log(max(spread, ROUNDING))
    return Bound(species, row.radius, spread, Uncertain(logarithm, {"locality test": part}))


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
    agrees: the error of the baseline is below what matters at all. It is a claim only where the estimate is,
    in the place of "removes", and then at half the level, so that rows with larger errors lose nothing by it.
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
        if (
            tolerance.least
            and measured.error is not None
            and measured.error.value < math.log(tolerance.least)
        ):
            found[0] = Test("removes", 1.0)
            found.append(Test("agrees", min(2 * measured.error.below(math.log(tolerance.least)), 1.0)))
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


@dataclass(frozen=True, slots=True)
class Finding:
    """What a row says. why: the reason if it could not be compared; there is no `measured` then.

    complete: whether what the candidate adds is all that could be added.
    """

    row: Row
    tolerance: Tolerance | None
    measured: Measured | None
    why: str | None
    tests: tuple[Test, ...]
    bound: Bound | None
    level: float
    complete: bool = True

    @property
    def shown(self) -> list[Claim]:
        """The claims that may be made."""
        return [test.claim for test in self.tests if test.adjusted <= self.level]

    @property
    def outcome(self) -> Outcome:
        """Whether the row needs what the candidate adds."""
        return outcome(self.shown, self.complete)

    @property
    def flags(self) -> list[str]:
        """What is to be known about the values of both models, each named."""
        words = Words.of(self.row.pair)
        named = (
            (words.baseline, self.row.baseline),
            (words.candidate, self.row.candidate),
            ("reference", self.row.reference),
        )
        return [f"{model}: {flag}" for model, value in named if value for flag in value.flags]


def decide(
    rows: Sequence[Row],
    tolerances: Mapping[str, float] | None = None,
    level: float = LEVEL,
    bounds: Mapping[Pair, Mapping[str, Bound]] | None = None,
) -> list[Finding]:
    """Decide on all rows of a table at once.

    tolerances: those that differ from the defaults. bounds: by pair, and by name of rows of errors of forces,
    where models differ in electrostatics. Claims that the candidate matters and claims that it does not are
    two families of tests, each adjusted by Holm, so that the chance of any false "needed" in the table is at
    most `level`, and that of any false "not needed".
    Raises InputError for tolerances and levels that cannot be.
    """
    if not 0 < level < 0.5:
        raise InputError(
            f"the level must be between 0 and 0.5, found {level:g}.", remedy="give 0.05 for 5 % (--level)."
        )
    wanted = checked(tolerances or {})
    found = [_finding(row, wanted, level, (bounds or {}).get(row.pair, {}).get(row.name)) for row in rows]
    for matters in (True, False):
        _adjust(found, matters)
    return climbed(found)


def _finding(row: Row, tolerances: Mapping[str, float], level: float, bound: Bound | None) -> Finding:
    tolerance = tolerance_of(row.property_name, row.name, row.unit, row.kind, tolerances)
    measured = measure(row, tolerance)
    local = row.property_name == "forces" and row.kind == "error" and row.pair.question != "model"
    bound = bound if local else None
    if isinstance(measured, str) or tolerance is None:
        why = measured if isinstance(measured, str) else None
        return Finding(row, tolerance, None, why, (), bound, level)
    made = tests(row, measured, tolerance, bound)
    return Finding(row, tolerance, measured, None, tuple(made), bound, level)


def climbed(found: Sequence[Finding]) -> list[Finding]:
    """The findings, each with whether all kinds of electrostatics were shown not to matter in its row."""
    spared: dict[tuple[str, str, str], set[Charges | None]] = {}
    for each in found:
        if set(each.shown) - MATTERS and not set(each.shown) & MATTERS:
            spared.setdefault(_place(each.row), set()).add(each.row.pair.charges)
    return [
        replace(
            each, complete=each.row.pair.question == "model" or complete(spared.get(_place(each.row), set()))
        )
        for each in found
    ]


def _place(row: Row) -> tuple[str, str, str]:
    return row.pair.baseline, row.property_name, row.name


def _adjust(found: list[Finding], matters: bool) -> None:
    """Adjust the p-values of one family of claims, in place."""
    family = [
        (i, j)
        for i, finding in enumerate(found)
        for j, test in enumerate(finding.tests)
        if (test.claim in MATTERS) == matters
    ]
    values = adjusted([found[i].tests[j].p for i, j in family])
    for (i, j), value in zip(family, values, strict=True):
        changed = list(found[i].tests)
        changed[j] = replace(changed[j], adjusted=float(value))
        found[i] = replace(found[i], tests=tuple(changed))


KINDS: dict[Charges, str] = {
    "fixed": "fixed charges",
    "predicted": "charges predicted from environments",
    "equilibrated": "equilibrated charges",
    "latent": "latent charges",
    "4g": "equilibrated charges that local energies see",
}
"""From the bottom to the top, as running text has them."""


def complete(compared: Collection[Charges | None]) -> bool:
    """Whether these kinds are all that could matter: 4g, or both equilibrated and latent charges.

    Fixed charges leave out that charges flow and that the right ones are not known; charges predicted from
    environments that they flow far; equilibrated ones follow a model of energies, latent ones the energies.
    """
    return "4g" in compared or {"equilibrated", "latent"} <= set(compared)


def missing(compared: Collection[Charges | None]) -> str:
    """Which kinds would have to be compared too, as running text; empty if none."""
    if complete(compared):
        return ""
    return " and ".join(KINDS[kind] for kind in ("equilibrated", "latent") if kind not in compared)
