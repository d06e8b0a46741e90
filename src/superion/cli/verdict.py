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

_COLOURS = {"needed": "red", "not needed": "green", "undecided": "yellow"}


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
    from superion.files import write_json
    from superion.study.state import check_results
    from superion.terminal import PlainConsole
    from superion.verdict import study_verdict
    from superion.verdict.table import line

    if json:
        check_output(json)
    check_results(study)
    found = study_verdict(study, _tolerances(tolerance or []), level)
    lines = [line(finding) for finding in found.findings]
    console = PlainConsole(highlight=False)
    console.print(found.answer, style="bold")
    if lines:
        console.print(_table(lines))
    for each in lines:
        console.print(f"{each.name}: {each.outcome}. {each.because}")
    for note in found.notes:
        console.print(f"note: {note}")
    if json:
        write_json(json, found.to_json())


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


def _table(lines: list[Line]) -> Table:
    from rich.table import Table
    from rich.text import Text

    from superion.verdict.table import HEAD

    table = Table()
    for k, head in enumerate(HEAD):
        table.add_column(head, justify="left" if k in (0, len(HEAD) - 1) else "right")
    for each in lines:
        *cells, outcome = each.cells
        table.add_row(*map(Text, cells), Text(outcome, style=_COLOURS[outcome]))
    return table
