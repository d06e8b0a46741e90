"""The `superion` command: its options, its commands, and how errors reach the user.

Commands import what they need when they run, so that `--help` answers at once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from superion.cli import (
    anions,
    arrange,
    arrhenius,
    barriers,
    check,
    data,
    defects,
    dynamics,
    electric,
    fit,
    hops,
    label,
    lammps,
    locality,
    model,
    phonons,
    profile,
    quench,
    relax,
    rotations,
    static,
    structures,
    study,
    subtract,
    training,
    trajectory,
    transport,
    verdict,
    wannier,
)
from superion.cli.boundary import boundary
from superion.cli.outputs import Checked, Resumable
from superion.registry import Registry

DEBUG = "--debug"


COMMANDS: Registry[Callable[..., None]] = Registry("command", "superion.commands")
"""Commands that other packages bring: functions as typer has them."""


class Commands(TyperGroup):
    """superion's commands and those of other packages.

    Prints every error as one message (`superion.cli.boundary`); with --debug, the traceback.
    """

    def list_commands(self, ctx: Any) -> list[str]:
        """Names of all commands, superion's own first."""
        own = super().list_commands(ctx)
        return own + [name for name in COMMANDS if name not in own]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of this name, imported now if another package brings it."""
        own = super().get_command(ctx, cmd_name)
        return own if own is not None or cmd_name not in COMMANDS else _of_a_package(cmd_name)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take `--debug` wherever it stands."""
        ctx.meta[DEBUG] = DEBUG in args
        return super().parse_args(ctx, [argument for argument in args if argument != DEBUG])

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        with boundary(debug=ctx.meta[DEBUG]):
            return super().invoke(ctx)


def _of_a_package(name: str) -> Any:
    """The command of another package; InputError if the package is broken."""
    alone = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    alone.command(name, cls=Checked)(COMMANDS.find(name))
    return typer.main.get_command(alone)


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


command, resumable = partial(app.command, cls=Checked), partial(app.command, cls=Resumable)
resumable("run")(study.run)
command("status")(study.show_status)
command("report")(study.report)
command("verdict")(verdict.show_verdict)
command("schema")(study.print_schema)
resumable("locality")(locality.locality)
command("charge-fit")(locality.charge_fit)
command("census")(data.show_census)
resumable("label")(label.label)
command("fit")(fit.fit_model)
command("subtract")(subtract.subtract)
command("evaluate")(model.evaluate)
command("check")(check.check_model)
resumable("md")(dynamics.md)
command("lammps-plugin")(lammps.plugin)
command("export")(trajectory.export)
command("transport")(transport.show_transport)
command("hops")(hops.show_hops)
command("arrhenius")(arrhenius.show_arrhenius)
command("rotations")(rotations.show_rotations)
command("anions")(anions.show_anions)
command("dielectric")(electric.show_dielectric)
command("infrared")(electric.show_infrared)
command("wannier")(wannier.wannier)
command("profile")(profile.show_profile)
command("relax")(relax.show_relax)
command("eos")(static.show_eos)
command("elastic")(static.show_elastic)
resumable("defect")(defects.defect)
resumable("neb")(barriers.neb)
command("phonons")(phonons.show_phonons)
command("select")(training.select_frames)
command("arrange")(arrange.arrange)
command("glass")(structures.glass)
command("perturb")(structures.perturb)
resumable("quench")(quench.quench)
resumable("active-learning")(training.learn)
resumable("train", hidden=True)(training.learn)  # its name in older versions
command("compare-selectors")(training.compare)
