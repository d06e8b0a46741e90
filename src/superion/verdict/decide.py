"""From rows to outcomes: every claim is tested, and there are as many chances to err as there are claims."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from superion.errors import InputError
from superion.model import Charges
from superion.verdict.bound import Bound
from superion.verdict.rows import Measured, Row, measure
from superion.verdict.rules import MATTERS, Claim, Outcome, Test, outcome, tests
from superion.verdict.settings import LEVEL, Pair, Words
from superion.verdict.tolerances import Tolerance, checked, tolerance_of
from superion.verdict.uncertain import adjusted


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
    "predicted": "charges predicted from surroundings",
    "equilibrated": "equilibrated charges",
    "latent": "latent charges",
    "4g": "equilibrated charges that local energies see",
}
"""From the bottom to the top, as running text has them."""


def complete(compared: Collection[Charges | None]) -> bool:
    """Whether these kinds are all that could matter: 4g, or both equilibrated and latent charges.

    Fixed charges leave out that charges flow and that the right ones are not known; charges predicted from
    surroundings that they flow far; equilibrated ones follow a model of energies, latent ones the energies.
    """
    return "4g" in compared or {"equilibrated", "latent"} <= set(compared)


def missing(compared: Collection[Charges | None]) -> str:
    """Which kinds would have to be compared too, as running text; empty if none."""
    if complete(compared):
        return ""
    return " and ".join(KINDS[kind] for kind in ("equilibrated", "latent") if kind not in compared)
