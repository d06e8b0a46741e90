"""`superion anions`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from superion.cli.options import Json
from superion.cli.trajectory_options import TRAJECTORY, Following, reads_trajectories


@reads_trajectories
def show_anions(
    run: Annotated[Path, typer.Argument(metavar="RUN", help=TRAJECTORY)],
    factor: Annotated[float, typer.Option(help="Longest bond over the sum of covalent radii.")] = 1.25,
    formers: Annotated[
        str | None,
        typer.Option(metavar="P,Ge", help="Network formers. Default: usual oxidation state +3 or more."),
    ] = None,
    ligands: Annotated[
        str | None, typer.Option(metavar="S,Cl", help="Ligands. Default: usual oxidation state below zero.")
    ] = None,
    json: Json = None,
    *,
    following: Following,
) -> None:
    """Which anions there are: PS4, P2S7, P2S6, chains, free S and others, from graphs of bonds."""
    from superion.analysis.anions import AnionSettings, anions
    from superion.results import write_result
    from superion.settings_file import validate

    chosen = {"factor": factor, "formers": _words(formers), "ligands": _words(ligands)}
    settings = validate(chosen, AnionSettings, remedy="see `superion anions --help`.")
    found = anions(following.open(run, needed=()), settings)
    for one in found.kinds:
        error = "" if one.error is None else f" ± {one.error:.2g}"
        typer.echo(f"{one.name:12} {one.mean:.4g}{error} in a frame ({one.least} to {one.most})")
    for symbol, places in found.ligands.items():
        said = ", ".join(f"{count:.4g} {place}" for place, count in places.items() if count)
        typer.echo(f"{symbol}: {said}")
    for note in found.notes:
        typer.echo(f"note: {note}")
    if json:
        write_result(json, found)


def _words(text: str | None) -> list[str]:
    return [word.strip() for word in text.split(",")] if text else []
