"""`superion check`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from superion.cli.options import (
    AnyModel,
    ChargedCells,
    Json,
    Precision,
    Reading,
    load_model,
    reads_files,
)
from superion.errors import InputError

if TYPE_CHECKING:
    from superion.conformance import Report

FAILED = 1
LEVELS = ("quick", "standard", "thorough")


@reads_files
def check_model(
    model: AnyModel,
    structure: Annotated[
        Path | None,
        typer.Argument(
            metavar="[STRUCTURE]",
            help="Structure file; of several frames the last. Default: the elements of the model file at "
            "random on a tilted lattice.",
        ),
    ] = None,
    level: Annotated[
        str, typer.Option(metavar="LEVEL", help="quick, standard or thorough: how much is evaluated.")
    ] = "standard",
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="CHECK", help="Run this check alone. May be repeated."),
    ] = None,
    skip: Annotated[
        list[str] | None,
        typer.Option("--skip", metavar="CHECK", help="Leave this check out. May be repeated."),
    ] = None,
    accuracy: Annotated[
        float,
        typer.Option(
            help="Force in eV/Å by which two answers may differ that should be equal; all limits follow "
            "from it."
        ),
    ] = 1e-5,
    rattle: Annotated[
        float,
        typer.Option(
            help="Random moves of the atoms of STRUCTURE before it is used: standard deviation in Å."
        ),
    ] = 0.05,
    temperature: Annotated[float, typer.Option(help="Of the short runs of dynamics, in K.")] = 300.0,
    seed: Annotated[int, typer.Option(help="Seed of all random choices.")] = 0,
    precision: Precision = "float64",
    charged_cells: ChargedCells = None,
    json: Json = None,
    *,
    reading: Reading,
) -> None:
    """Judge a model: derivatives, symmetries, cells, smoothness, charges, dynamics, repetition.

    Each check has a number and a limit; docs/check.md says why. The exit code is 1 if one fails.
    """
    from pydantic import ValidationError

    from superion.conformance import Settings, check
    from superion.conformance.referee import chosen
    from superion.results import write_result

    try:
        settings = Settings.model_validate(
            {
                "level": level,
                "accuracy": accuracy,
                "rattle": rattle,
                "temperature": temperature,
                "seed": seed,
                "only": tuple(only or ()),
                "skip": tuple(skip or ()),
            }
        )
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise InputError(
            f"cannot use --{first['loc'][0]} {first['input']!r}: {first['msg']}.",
            remedy="see superion check --help.",
        ) from error
    chosen(settings)
    atoms = None if structure is None else reading.structure(structure)
    found = load_model(model, charged_cells).with_precision(precision)
    facts = {"file": str(model), "precision": precision} | found.identity
    report = check(found.calculator(), atoms, settings, facts=facts, progress=True)
    _print(report)
    if json:
        write_result(json, report)
    if not report.passed:
        raise typer.Exit(FAILED)


def _print(report: Report) -> None:
    """The table, and one line on what it says."""
    from rich.table import Table

    from superion.conformance.result import COLUMNS, row
    from superion.terminal import PlainConsole

    table = Table(box=None, pad_edge=False)
    for name in COLUMNS:
        right = name in ("number", "limit")
        table.add_column(name, justify="right" if right else "left", no_wrap=name != "why", overflow="fold")
    styles = {"pass": "green", "fail": "bold red", "not applicable": "dim"}
    for check in report.checks:
        table.add_row(*row(check), style=styles[check.status])
    noise = report.noise
    console = PlainConsole()
    console.print(f"{report.structure}; noise {noise.energy:.1g} eV, {noise.force:.1g} eV/Å")
    console.print(table)
    counts = {status: sum(c.status == status for c in report.checks) for status in styles}
    seconds = sum(check.seconds for check in report.checks)
    evaluations = sum(check.evaluations for check in report.checks)
    console.print(
        f"{counts['pass']} pass, {counts['fail']} fail, {counts['not applicable']} not applicable; "
        f"{evaluations} evaluations, {seconds:.1f} s"
    )
