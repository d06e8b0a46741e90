"""`superion census`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from superion.cli.options import (
    Json,
    Reading,
    reads_files,
)


@reads_files
def show_census(
    frames: Annotated[
        list[Path], typer.Argument(metavar="FRAMES...", help="Files with structures and labels.")
    ],
    json: Json = None,
    *,
    reading: Reading,
) -> None:
    """Count structures and labels, and list what looks wrong with them."""
    from superion.files import write_json
    from superion.structures import census
    from superion.terminal import PlainConsole

    (read,) = reading.files(frames)
    found = census(read, thorough=True)
    PlainConsole().print(found.table(), found.trajectories())
    for warning in found.warnings:
        typer.echo(f"warning: {warning}")
    for note in found.notes:
        typer.echo(f"note: {note}")
    if json:
        write_json(json, found.to_dict())
