"""The verdict on a study folder: read, decided for every pair of models, and written as verdict.json."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from superion.errors import InputError
from superion.notebook import Table, html_table
from superion.provenance import Provenance
from superion.results import read_result, write_result
from superion.verdict.effort import read_costs
from superion.verdict.plan import Costs, Remedy, remedies
from superion.verdict.plan import line as next_line
from superion.verdict.pooled import PropertyFinding, properties_of
from superion.verdict.reading import read_bounds, read_rows, read_settings, tuning_notes
from superion.verdict.rows import Row
from superion.verdict.rules import Bound, Finding, Outcome, decide
from superion.verdict.scale import Scale, change
from superion.verdict.settings import ELECTROSTATICS, LEVEL, Pair, VerdictSettings, changed
from superion.verdict.topics import TOPICS, checked
from superion.verdict.values import Value
from superion.verdict.verdict_file import (
    ChangeInTolerances,
    ChangeNumbers,
    ClaimRow,
    PairNames,
    PropertyRow,
    RemedyRow,
    VerdictFile,
    VerdictRow,
)
from superion.verdict.wording import because, head, line, sentence, why

NAME = "verdict.json"
_SHOWN = (
    "property",
    "name",
    "unit",
    "baseline",
    "candidate",
    "reference",
    "tolerance",
    "outcome",
    "because",
)

_CHANGE = {"value": "change", "low": "change low", "high": "change high", "unit": "change unit"}


@dataclass(frozen=True, slots=True)
class Reason:
    """One line on a property. next: what would decide it, empty where nothing has to."""

    name: str
    outcome: Outcome
    why: str
    next: str


@dataclass(frozen=True, slots=True)
class StudyVerdict:
    """What a study says of two models: which properties need what the candidate adds.

    In a study of a local and an electrostatic one that is long-range electrostatics. tolerances: all that
    held. fits: resampled pairs of fits. seeds: of the study. notes: on the values. pooled: by property.
    costs: of what would decide; changed: after results were seen; tested: properties of all pairs.
    """

    findings: tuple[Finding, ...]
    tolerances: dict[str, float]
    level: float
    fits: int
    seeds: dict[str, Any]
    notes: tuple[str, ...]
    pair: Pair = ELECTROSTATICS
    pooled: tuple[PropertyFinding, ...] = ()
    costs: Costs | None = None
    changed: tuple[str, ...] = ()
    tested: int = 1

    @property
    def plan(self) -> dict[str, list[Remedy]]:
        """What would decide each property that is undecided, the cheapest to do first."""
        return {
            each.name: remedies(each, self.tested, self.costs)
            for each in self.pooled
            if each.outcome == "undecided"
        }

    @property
    def reasons(self) -> list[Reason]:
        """One line on each property: why it is as it is, and what would decide it."""
        plan = self.plan
        return [
            Reason(each.name, each.outcome, why(each), next_line(plan.get(each.name, ())))
            for each in self.pooled
        ]

    @property
    def answer(self) -> str:
        """One sentence, or a few."""
        late = f" Changed after results were seen: {'; '.join(self.changed)}." if self.changed else ""
        return sentence(self.pooled) + late

    @property
    def properties(self) -> dict[str, Outcome]:
        """The outcome of each property, in the order they are shown."""
        return {each.name: each.outcome for each in self.pooled}

    @property
    def not_asked(self) -> list[str]:
        """Properties that the study could have been asked about."""
        return [name for name in TOPICS if name not in self.properties]

    @property
    def table(self) -> Table:
        """All rows with what they say, numbers in the units of the rows."""
        rows = []
        for finding in self.findings:
            row = _row(finding)
            shown = [getattr(row, name) for name in _SHOWN]
            rows.append((*shown, *(getattr(row.change, name, None) for name in _CHANGE)))
        return Table(self.answer, (*_SHOWN, *_CHANGE.values()), tuple(rows))

    def to_frame(self) -> Any:
        """The table as a pandas DataFrame."""
        return self.table.to_frame()

    def _repr_html_(self) -> str:
        lines = [line(finding) for finding in self.findings]
        return html_table(
            self.answer, (*head(self.pair), "because"), [(*each.cells, each.because) for each in lines]
        )

    def record(self, *others: StudyVerdict) -> VerdictFile:
        """What is written, the verdicts on further pairs under `others`."""
        return VerdictFile(
            pair=PairNames(**self.pair.model_dump()),
            answer=self.answer,
            properties=self.properties,
            pooled=[_pooled(each) for each in self.pooled],
            plan={name: [_remedy(each) for each in ways] for name, ways in self.plan.items()},
            rows=[_row(finding) for finding in self.findings],
            tolerances=self.tolerances,
            level=self.level,
            fits=self.fits,
            seeds=self.seeds,
            not_asked=self.not_asked,
            changed=list(self.changed),
            notes=list(self.notes),
            others=[each.record() for each in others],
        )


def study_verdicts(
    folder: Path, tolerances: Mapping[str, float] | None = None, level: float | None = None
) -> list[StudyVerdict]:
    """Decide on all properties that a study folder has values of, for each pair; nothing is written.

    The chances of error are those of all pairs together. tolerances: those that differ from the defaults.
    What is not given here is as study.yaml has it under `verdict`. Raises InputError for what cannot be
    given, CorruptFileError naming a damaged file.
    """
    folder = Path(folder)
    settings = read_settings(folder)
    chosen = _chosen(settings, folder)
    wanted = {**chosen.tolerances, **(tolerances or {})}
    alpha = chosen.level if level is None else level
    pairs = (ELECTROSTATICS,) if chosen.pairs is None else chosen.pairs
    models = settings.get("models") or {}
    opened = {name for name, model in models.items() if isinstance(model, Mapping) and "open" in model}
    rows: list[Row] = []
    notes: dict[Pair, list[str]] = {}
    bounds: dict[Pair, dict[str, Bound]] = {}
    for pair in pairs:
        own, said = read_rows(folder, pair, opened)
        bounds[pair], remarks = read_bounds(folder, settings, pair)
        rows += own
        notes[pair] = [*said, *remarks, *tuning_notes(settings, pair)]
    if not rows and not settings:
        raise InputError(
            "the folder holds no study.", file=folder, remedy="give a folder made by `superion run`."
        )
    seeds, findings = _seeds(folder), decide(rows, wanted, alpha, bounds)
    together, costs = properties_of(findings), read_costs(folder, settings)
    computed = {each.name for each in together if (folder / "properties" / each.name).is_dir()}
    late = changed(folder, checked(wanted), alpha, sorted(computed))
    recorded = late is not None or not (folder / "state.json").exists()
    unknown = () if recorded else ("tolerances: what was chosen before results were seen is not recorded.",)
    return [
        StudyVerdict(
            findings=tuple(finding for finding in findings if finding.row.pair == pair),
            tolerances=checked(wanted),
            level=alpha,
            fits=max((len(row.resampled) for row in rows if row.pair == pair), default=0),
            seeds=seeds,
            notes=(*notes[pair], *unknown),
            pair=pair,
            pooled=tuple(each for each in together if each.pair == pair),
            costs=costs,
            changed=tuple(late or ()),
            tested=len(together),
        )
        for pair in pairs
    ]


def study_verdict(
    folder: Path, tolerances: Mapping[str, float] | None = None, level: float | None = None
) -> StudyVerdict:
    """The first of `study_verdicts`; one without findings if the study has nothing to compare."""
    found = study_verdicts(folder, tolerances, level)
    return found[0] if found else StudyVerdict((), checked(tolerances or {}), level or LEVEL, 0, {}, ())


def write_verdict(folder: Path, found: StudyVerdict, *others: StudyVerdict) -> Path:
    """Write `verdict.json` into a study folder, further pairs under `others`; its path."""
    path = Path(folder) / NAME
    write_result(path, found.record(*others))
    return path


def _seeds(folder: Path) -> dict[str, int]:
    path = folder / "provenance.json"
    if not path.exists():
        return {}
    remedy = "delete the file; the next call of `superion run` writes it again."
    return dict(read_result(path, Provenance, "start", remedy).seeds)


def _chosen(settings: Mapping[str, Any], folder: Path) -> VerdictSettings:
    try:
        return VerdictSettings.model_validate(settings.get("verdict") or {})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(["verdict", *map(str, first["loc"])])
        raise InputError(
            f"{where}: {first['msg'].removeprefix('Value error, ')}", file=folder / "study.yaml"
        ) from error


def _row(finding: Finding) -> VerdictRow:
    row, measured, tolerance = finding.row, finding.measured, finding.tolerance
    found = VerdictRow(
        property=row.property_name,
        name=row.name,
        unit=row.unit,
        kind=row.kind,
        outcome=finding.outcome,
        because=because(finding),
        baseline=_number(row.baseline),
        candidate=_number(row.candidate),
        reference=_number(row.reference),
        fits=len(row.pairs),
        tolerance=None if tolerance is None else tolerance.text,
        claims=[
            ClaimRow(claim=t.claim, p=t.p, adjusted=t.adjusted, shown=t.adjusted <= finding.level)
            for t in finding.tests
        ],
        flags=finding.flags,
    )
    if measured is None or tolerance is None:
        return found
    scale, moved = Scale.of(row, tolerance), change(row, measured.difference)
    ends = (moved.value, *moved.interval(finding.level))
    names = ("value", "low", "high")
    shown = dict(zip(names, scale.interval(moved, finding.level), strict=True))
    found.change = ChangeNumbers(**shown, unit=scale.unit)
    found.in_tolerances = ChangeInTolerances(
        **{name: end / tolerance.value for name, end in zip(names, ends, strict=True)}
    )
    found.standard_errors = {
        name: math.sqrt(part.variance) for name, part in measured.difference.parts.items() if part.variance
    }
    return found


def _remedy(found: Remedy) -> RemedyRow:
    return RemedyRow(
        lever=found.lever,
        text=found.text,
        amount=found.amount,
        unit=found.unit,
        chance=found.chance,
        seconds=found.seconds,
    )


def _pooled(found: PropertyFinding) -> PropertyRow:
    return PropertyRow(
        property=found.name,
        outcome=found.outcome,
        rows=len(found.rows),
        whole=None if found.whole is None else found.whole.row.name,
        needed=found.needed,
        not_needed=found.spared,
        complete=found.complete,
    )


def _number(value: Value | None) -> float | None:
    return None if value is None else value.value
