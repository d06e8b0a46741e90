"""`superion census`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from superion.cli.options import (
    Json,
    Reading,
    check_output,
    reads_files,
)


@reads_files
def show_census(
    frames: Annotated[
        list[Path], typer.Argument(metavar="FRAMES...", help="Files with structures and labels.")
    ],
    json: Json = None,
    duplicates: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write the names of frames that are one structure as JSON, a list for each."
        ),
    ] = None,
    drop_duplicates: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the frames as extended XYZ, of each structure only the first with the most labels.",
        ),
    ] = None,
    drop_suspects: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the frames as extended XYZ without those that have a label that looks wrong; with "
            "the FILE of --drop-duplicates, without both.",
        ),
    ] = None,
    *,
    reading: Reading,
) -> None:
    """Count structures and labels, and list what looks wrong with them."""
    from superion.active_learning.frames import write_frames
    from superion.errors import InputError
    from superion.files import write_json
    from superion.results import write_result
    from superion.structures import census
    from superion.structures.census_result import CensusReport
    from superion.structures.duplicates import frame_name, without_duplicates
    from superion.structures.spool import Part
    from superion.terminal import PlainConsole

    for path in (duplicates, drop_duplicates, drop_suspects):
        if path:
            check_output(path)
    read = reading.spool(frames)
    found = census(read, thorough=True)
    PlainConsole().print(found.table(), found.trajectories())
    for warning in found.warnings:
        typer.echo(f"warning: {warning}")
    for note in found.notes:
        typer.echo(f"note: {note}")
    if json:
        write_result(json, CensusReport.model_validate(found.to_dict()))
    if duplicates:
        write_json(duplicates, found.duplicates)
    suspected = {suspect.frame for suspect in found.suspects}
    sound = Part(read, (k for k, atoms in enumerate(read) if frame_name(atoms, k) not in suspected))
    if drop_suspects and not sound:
        raise InputError(
            "every frame has a label that looks wrong: nothing would be left.",
            remedy="map or label them again, as the warnings say.",
        )
    kept = {
        path: without_duplicates(sound if path == drop_suspects else read)
        if path == drop_duplicates
        else sound
        for path in (drop_duplicates, drop_suspects)
        if path
    }
    for path, left in kept.items():
        write_frames(path, left)
        typer.echo(f"{len(left)} of {len(read)} frames: {path}")
