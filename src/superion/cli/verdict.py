"""`superion verdict`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from superion.cli.options import Json, check_output
from superion.cli.study import Folder
from superion.errors import InputError

if TYPE_CHECKING:
    from rich.table import Table

    from superion.verdict.plan import Remedy
    from superion.verdict.wording import Line

_COLOURS = {"needed": "red", "not needed": "green", "not helped": "cyan", "undecided": "yellow"}


def show_verdict(
    study: Folder,
    tolerance: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="Smallest difference that matters, e.g. defects=0.05 (eV), conductivity=2 (a factor), "
            "elastic=0.05 (5 %). May be repeated. Default: as in study.yaml.",
        ),
    ] = None,
    level: Annotated[
        float | None,
        typer.Option(
            help='Chance of any false "needed", and of any false "not needed". Default: as in study.yaml.'
        ),
    ] = None,
    plan: Annotated[
        bool,
        typer.Option(
            "--plan", help="What would decide each undecided property, and its cost, instead of the table."
        ),
    ] = False,
    json: Json = None,
) -> None:
    """Which properties of a study need long-range electrostatics, with error bars and reasons."""
    from superion.results import write_result
    from superion.terminal import PlainConsole
    from superion.verdict import study_verdicts
    from superion.verdict.reading import check_results
    from superion.verdict.topics import topic_of
    from superion.verdict.wording import head, line

    if json:
        check_output(json)
    check_results(study)
    found = study_verdicts(study, _tolerances(tolerance or []), level)
    if not found:
        raise InputError(
            "the study has one model and nothing to compare it with.",
            file=study,
            remedy="add a model under models of its YAML file, and run the study again.",
        )
    console = PlainConsole(highlight=False)
    for verdict in found:
        console.print(verdict.answer, style="bold")
        if plan:
            console.print(_plan(verdict.plan) if verdict.plan else "Nothing is left to decide.")
            continue
        lines = [(each.row.property_name, line(each)) for each in verdict.findings]
        if lines:
            console.print(_table(lines, head(verdict.pair)))
        for reason in verdict.reasons:
            said = f"{topic_of(reason.name).plain}: {reason.outcome}, because {reason.why}."
            console.print(f"{said} {reason.next}".rstrip())
            for name, each in lines:
                if name == reason.name:
                    console.print(f"  {each.name}: {each.outcome}. {each.because}")
        for note in verdict.notes:
            console.print(f"note: {note}")
    if json:
        first, *others = found
        write_result(json, first.record(*others))


def _tolerances(texts: list[str]) -> dict[str, float]:
    """`NAME=VALUE` of each option; InputError for what cannot be understood."""
    found: dict[str, float] = {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            found[name.strip()] = float(value)
        except ValueError:
            raise InputError(
                f"cannot understand --tolerance {text!r}.", remedy="write --tolerance defects=0.05."
            ) from None
    return found


def _plan(found: dict[str, list[Remedy]]) -> Table:
    from rich.table import Table
    from rich.text import Text

    from superion.verdict.topics import topic_of

    table = Table("property", "what would decide it", "chance", "time")
    for name, ways in found.items():
        for k, way in enumerate(ways):
            chance = "–" if way.chance is None else f"{100 * way.chance:.0f} %"
            time = "–" if way.seconds is None else f"{way.seconds:.0f} s"
            table.add_row(*map(Text, ("" if k else topic_of(name).plain, way.text, chance, time)))
        table.add_section()
    return table


def _table(lines: list[tuple[str, Line]], names: tuple[str, ...]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table()
    for k, name in enumerate(names):
        table.add_column(name, justify="left" if k in (0, len(names) - 1) else "right")
    for k, (name, each) in enumerate(lines):
        if k and name != lines[k - 1][0]:
            table.add_section()
        *cells, outcome = each.cells
        table.add_row(*map(Text, cells), Text(outcome, style=_COLOURS[outcome]))
    return table
