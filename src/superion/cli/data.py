"""`superion census`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from superion.cli.options import Json, Keys


def show_census(
    frames: Annotated[
        list[Path], typer.Argument(metavar="FRAMES...", help="Files with structures and labels.")
    ],
    key: Keys = None,
    json: Json = None,
) -> None:
    """Count structures and labels, and list what looks wrong with them."""
    from superion.files import write_json
    from superion.structures import census
    from superion.study.data import read_files
    from superion.terminal import PlainConsole

    found = census(read_files(frames, key or ()))
    PlainConsole().print(found.table(), found.trajectories())
    for warning in found.warnings:
        typer.echo(f"warning: {warning}")
    for note in found.notes:
        typer.echo(f"note: {note}")
    if json:
        write_json(json, found.to_dict())
