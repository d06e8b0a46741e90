"""`superion verdict`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from superion.cli.options import Json, check_output
from superion.cli.study import Folder
from superion.errors import InputError

if TYPE_CHECKING:
    from rich.table import Table

    from superion.verdict.table import Line

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
    json: Json = None,
) -> None:
    """Which properties of a study need long-range electrostatics, with error bars and reasons."""
    from superion.results import write_result
    from superion.study.state import check_results
    from superion.terminal import PlainConsole
    from superion.verdict import study_verdicts
    from superion.verdict.table import head, line

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
        lines = [line(finding) for finding in verdict.findings]
        console.print(verdict.answer, style="bold")
        if lines:
            console.print(_table(lines, head(verdict.pair)))
        for each in lines:
            console.print(f"{each.name}: {each.outcome}. {each.because}")
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


def _table(lines: list[Line], names: tuple[str, ...]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table()
    for k, name in enumerate(names):
        table.add_column(name, justify="left" if k in (0, len(names) - 1) else "right")
    for each in lines:
        *cells, outcome = each.cells
        table.add_row(*map(Text, cells), Text(outcome, style=_COLOURS[outcome]))
    return table
