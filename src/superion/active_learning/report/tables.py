"""The tables of a training's report, as plain text; the template escapes it."""

from __future__ import annotations

from typing import Any

from ase import units

from superion.active_learning.clean import Rejection
from superion.active_learning.report.content import FIRST, TrainingContent
from superion.active_learning.results import SETS, ExploredRun, errors_of
from superion.analysis.accuracy_result import Errors
from superion.numbers import number
from superion.report.estimates import duration, plus_minus
from superion.report.style import look
from superion.report.tables import Table

_QUANTITIES = (
    ("energy_rmse_per_atom", 1e3),
    ("force_rmse", 1e3),
    ("stress_rmse", 1 / units.GPa),
)


def answer(content: TrainingContent) -> str:
    """Whether the training has ended, and why; or what it is doing."""
    progress = content.progress
    if progress.ended:
        return f"Ended: {progress.ended}."
    failed = [row for row in progress.rows if row.status == "failed"]
    if failed:
        return f"Stopped: the step {failed[-1].step} failed."
    if progress.running:
        return f"In progress: generation {progress.generation}."
    return f"Interrupted in generation {progress.generation}."


def sentences(content: TrainingContent) -> list[str]:
    """What the generations have brought to each potential, and where it stands."""
    found = [_gain(content, name) for name in content.potentials]
    progress = content.progress
    found += [f"{row.step} failed: {row.note}" for row in progress.rows if row.status == "failed"]
    if not progress.ended and progress.seconds_left is not None:
        found.append(f"At most {progress.generations} generations: {duration(progress.seconds_left)} left.")
    return [text for text in found if text]


def _gain(content: TrainingContent, name: str) -> str:
    """First and last error of a potential on a set that has forces in both."""
    for part, words in (("test", "the test set"), ("new", "new structures")):
        values = [
            (g.generation, g.labels, errors.force_rmse)
            for g in content.judged
            if (errors := errors_of(g, name, part)) and errors.force_rmse is not None
        ]
        if len(values) > 1:
            (_, few, before), (last, many, after) = values[0], values[-1]
            change = 100 * (after / before - 1) if before else 0.0
            text = (
                f"force RMSE on {words} {number(1e3 * before)} meV/Å with {few} new labels, "
                f"{number(1e3 * after)} meV/Å with {many} (generation {last}), {change:+.0f} %."
            )
            return f"{look(name).label}: {text.replace('-', '−')}"
    return ""


def facts(content: TrainingContent) -> list[tuple[str, str]]:
    """The training in counts."""
    progress, entries = content.progress, content.entries.values()
    kinds = sorted({entry.kind for entry in entries if entry.status == "done"})
    names = sorted({str(record["labeller"]) for record in content.labeller})
    made = [entry for entry in entries if entry.status == "done"]
    rows = [
        ("labels asked for", f"{progress.labels} of {progress.budget}"),
        ("protocol", str((content.settings.get("protocol") or {}).get("kind", "–"))),
        ("chosen by", str((content.settings.get("select") or {}).get("method", "–"))),
        ("explored with", _explorer(content.settings)),
        (
            "time of all steps",
            duration(sum(g.seconds for g in content.generations) + _first_seconds(content)),
        ),
    ]
    if made:
        rows[1:1] = [
            ("labels made", f"{len(made)} ({', '.join(names)}; {', '.join(kinds)})"),
            ("time for one label", duration(sum(entry.seconds for entry in made) / len(made))),
        ]
    return rows


def _explorer(settings: dict[str, Any]) -> str:
    """The model that moved atoms, or what else found structures."""
    explore = settings.get("explore") or {}
    name = explore.get("model") or (settings.get("protocol") or {}).get("model", "–")
    explorer = explore.get("explorer", "dynamics")
    return look(name).label if explorer == "dynamics" else f"{explorer} ({look(name).label})"


def _first_seconds(content: TrainingContent) -> float:
    return sum(float(r.get("seconds") or 0) for name, r in content.steps.items() if name.startswith("start/"))


def warnings(content: TrainingContent) -> list[str]:
    """What a reader must know before trusting the numbers."""
    found = []
    surrogates = sum(e.kind == "surrogate" for e in content.entries.values() if e.status == "done")
    if surrogates:
        found.append(
            f"{surrogates} labels were made by a surrogate model, not from first principles: errors are "
            "those against the surrogate."
        )
    if content.damages:
        found.append(
            f"{content.damages} lines of the label journal are damaged; their labels are made again when "
            "needed."
        )
    if not any(m.test for g in content.judged for m in g.models.values()):
        found.append("There is no test set; give data.test to judge on structures that were never chosen.")
    return found


def generations(content: TrainingContent) -> Table:
    """What was done in each generation."""
    judged = {g.generation: g for g in content.judged}
    rows = []
    for g in content.generations:
        known, selected = judged.get(g.number), g.selected
        stopped = None if g.runs is None else sum(run.stopped is not None for run in g.runs)
        rows.append(
            [
                str(g.number),
                _count(known.labels if known else None),
                _count(known.training_frames if known else None),
                "–" if g.runs is None else f"{len(g.runs)} ({stopped})",
                _count(selected.candidates if selected else None),
                _count(len(selected.chosen) if selected else None),
                _count(None if g.failed is None else len(g.failed)),
                _count(None if g.rejected is None else len(g.rejected)),
                _count(g.added),
                duration(g.seconds),
            ]
        )
    head = [
        "generation",
        "labels before",
        "training frames",
        "runs (ended early)",
        "candidates",
        "chosen",
        "no label",
        "left out",
        "added",
        "time",
    ]
    return Table("What was done in each generation. A dash: not known yet.", head, rows)


def errors(content: TrainingContent) -> Table:
    """Errors of every potential in every generation."""
    rows = []
    for g in content.judged:
        for name in content.potentials:
            if name not in g.models:
                continue
            cells = [
                " / ".join(_scaled(errors_of(g, name, part), key, factor) for part in SETS)
                for key, factor in _QUANTITIES
            ]
            rows.append([look(name).label, str(g.generation), str(g.labels), *cells])
    head = ["potential", "generation", "labels", "energy (meV/atom)", "force (meV/Å)", "stress (GPa)"]
    caption = "Root-mean-square errors: training set / test set / new structures. A dash: no such labels."
    return Table(caption, head, rows)


def _scaled(found: Errors | None, key: str, factor: float) -> str:
    value = getattr(found, key, None)
    return number(None if value is None else factor * value)


def calibration(content: TrainingContent) -> Table | None:
    """How far predicted deviations are from errors; None if there is no calibration."""
    rows = []
    for g in content.judged:
        for name in content.potentials:
            model = g.models.get(name)
            if model and (c := model.calibration):
                rows.append(
                    [
                        look(name).label,
                        str(g.generation),
                        str(c.frames),
                        plus_minus(c.factor, c.factor_error),
                        f"{number(c.nll)} ({number(c.nll_recalibrated)})",
                    ]
                )
    head = [
        "potential",
        "generation",
        "frames",
        "error / deviation",
        "negative log-likelihood (recalibrated)",
    ]
    caption = (
        "Calibration of force components on frames that the models had not seen: the new ones, or in the "
        "last generation the test set. ±: standard error from leaving out one frame at a time."
    )
    return Table(caption, head, rows) if rows else None


def failures(content: TrainingContent) -> Table | None:
    """Structures without a label and frames that were left out, with reasons; None if there are none."""
    stages: list[tuple[str, list[str], list[Rejection]]] = [
        (FIRST, content.first_failed, content.first_rejected),
        *((str(g.number), g.failed or [], g.rejected or []) for g in content.generations),
    ]
    rows = []
    for stage, failed, rejected in stages:
        rows += [[stage, name, "no label", _reason(content, name)] for name in failed]
        rows += [[stage, r.frame, "left out", r.reason] for r in rejected]
    head = ["generation", "frame", "what", "reason"]
    return Table("Structures that were chosen and not added.", head, rows, words=4) if rows else None


def _reason(content: TrainingContent, frame: str) -> str:
    entry = content.entries.get(frame)
    if entry is None or not entry.reason:
        return "no reason is recorded"
    return entry.reason if len(entry.reason) < 400 else f"{entry.reason[:200]} … {entry.reason[-200:]}"


def runs(content: TrainingContent) -> Table | None:
    """Every exploring run; None if there was none."""
    rows = [
        [
            str(g.number),
            run.run,
            run.stopped or "reached its last step",
            _kelvin(run),
            str(run.frames),
            str(run.snapshots),
        ]
        for g in content.generations
        for run in g.runs or ()
    ]
    head = ["generation", "run", "how it ended", "T (K)", "frames", "snapshots"]
    return Table("Exploring runs.", head, rows, words=3) if rows else None


def _kelvin(run: ExploredRun) -> str:
    """Temperature of a run, and its mean where a warning says that it is another."""
    asked = "–" if run.temperature is None else f"{run.temperature:g}"
    mean, missed = run.mean_temperature, any("mean temperature" in warning for warning in run.warnings)
    return f"{asked} (mean {mean:.0f})" if missed and mean is not None else asked


def chosen(content: TrainingContent) -> Table | None:
    """Every chosen frame with its score; None if none was chosen."""
    rows = [
        [str(g.number), entry.frame, number(entry.score)]
        for g in content.generations
        if g.selected
        for entry in g.selected.chosen
    ]
    caption = "Chosen frames, in the order of choice."
    return Table(caption, ["generation", "frame", "score"], rows, words=2) if rows else None


def judged(content: TrainingContent) -> Table | None:
    """What the judges of the settings say; None without any."""
    rows = []
    for one in content.judged:
        for name in one.models:
            known = {part: errors_of(one, name, part) for part in SETS}
            sets = {part: errors.judged if errors else {} for part, errors in known.items()}
            for judge in dict.fromkeys(judge for values in sets.values() for judge in values):
                values = [number(sets[part].get(judge)) for part in sets]
                rows.append([str(one.generation), look(name).label, judge, *values])
    head = ["generation", "model", "judge", "training set", "test set", "new structures"]
    return Table("Further judges.", head, rows, words=3) if rows else None


def diffusion(content: TrainingContent) -> Table | None:
    """Diffusion coefficients by generation; None if none was asked for."""
    rows = []
    for generation, found in content.diffusion.items():
        value, interval = found.diffusion, found.diffusion_interval
        text = "–" if value is None else number(value)
        if value is not None and interval:
            text += f" ({number(interval[0])}–{number(interval[1])})"
        rows.append([generation, text, found.reason])
    head = ["generation", "D (cm²/s), 95 % interval", "note"]
    return Table("Diffusion with the potential that explores.", head, rows, words=0) if rows else None


def steps(content: TrainingContent) -> Table:
    """Status and time of every step."""
    rows = [
        [row.step, f"{row.status}{': ' if row.note else ''}{row.note}", duration(row.seconds)]
        for row in content.progress.rows
    ]
    return Table("Steps and the time they took.", ["step", "status", "time"], rows, words=2)


def _count(value: int | None) -> str:
    return "–" if value is None else str(value)
