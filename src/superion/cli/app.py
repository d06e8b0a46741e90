"""The `superion` command: its options, its commands, and how errors reach the user.

Commands import what they need when they run, so that `--help` answers at once.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from superion.cli import (
    arrange,
    data,
    defects,
    dynamics,
    electric,
    fit,
    label,
    lammps,
    locality,
    model,
    phonons,
    profile,
    quench,
    relax,
    static,
    structures,
    study,
    training,
    trajectory,
    verdict,
    wannier,
)
from superion.cli.boundary import boundary

DEBUG = "--debug"


class Commands(TyperGroup):
    """Prints every error as one message (`superion.cli.boundary`); with --debug, the traceback."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take `--debug` wherever it stands."""
        ctx.meta[DEBUG] = DEBUG in args
        return super().parse_args(ctx, [argument for argument in args if argument != DEBUG])

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        with boundary(debug=ctx.meta[DEBUG]):
            return super().invoke(ctx)


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Machine-learned interatomic potentials with long-range electrostatics for solid electrolytes.",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"superion {version('superion')}")
        raise typer.Exit


@app.callback()
def options(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option(DEBUG, help="Show the traceback of an error.")] = False,
) -> None:
    """Options before the command."""


app.command("run")(study.run)
app.command("status")(study.show_status)
app.command("report")(study.report)
app.command("verdict")(verdict.show_verdict)
app.command("schema")(study.print_schema)
app.command("locality")(locality.locality)
app.command("charge-fit")(locality.charge_fit)
app.command("census")(data.show_census)
app.command("label")(label.label)
app.command("fit")(fit.fit_model)
app.command("evaluate")(model.evaluate)
app.command("md")(dynamics.md)
app.command("lammps-plugin")(lammps.plugin)
app.command("export")(trajectory.export)
app.command("transport")(dynamics.show_transport)
app.command("dielectric")(electric.show_dielectric)
app.command("infrared")(electric.show_infrared)
app.command("wannier")(wannier.wannier)
app.command("profile")(profile.show_profile)
app.command("relax")(relax.show_relax)
app.command("eos")(static.show_eos)
app.command("elastic")(static.show_elastic)
app.command("defect")(defects.defect)
app.command("phonons")(phonons.show_phonons)
app.command("select")(training.select_frames)
app.command("arrange")(arrange.arrange)
app.command("glass")(structures.glass)
app.command("perturb")(structures.perturb)
app.command("quench")(quench.quench)
app.command("train")(training.train)
app.command("compare-selectors")(training.compare)
