"""`superion export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from superion.cli.options import check_output
from superion.cli.trajectory_options import TRAJECTORY, Following, reads_trajectories

_NOT_RECORDED = {False: "the run did not record them", True: "the file has none"}


@reads_trajectories
def export(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help=f"{TRAJECTORY}.")],
    output: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="Where frames go: extended XYZ, or ASE's own format if the name ends with .traj.",
        ),
    ],
    every: Annotated[int, typer.Option(min=1, help="Only each N-th frame.")] = 1,
    last: Annotated[
        bool, typer.Option("--last", help="Only the last frame, e.g. to start another run.")
    ] = False,
    equilibration: Annotated[
        bool, typer.Option("--equilibration", help="Also the frames before production.")
    ] = False,
    wrap: Annotated[
        bool, typer.Option("--wrap", help="Move atoms back into the cell. Default: as they went.")
    ] = False,
    *,
    following: Following,
) -> None:
    """Write a trajectory for ASE and other programs, with velocities if the run recorded them.

    Velocities stand there as ASE has them: momenta in amu·Å per 10.18 fs (`ase.units`).
    """
    from superion.errors import InputError
    from superion.simulation import read_trajectory, to_ase, write_frames_of
    from superion.simulation.chunks import META

    check_output(output)
    if output.suffix not in (".extxyz", ".xyz", ".traj"):
        raise InputError(
            f"frames go to .extxyz, .xyz or .traj, not to {output.name!r}.",
            file=output,
            remedy="name it such as frames.extxyz or frames.traj; `ase convert` knows other formats.",
        )
    if equilibration and (folder / META).exists():
        trajectory = read_trajectory(folder, equilibration=True)
    elif equilibration:
        raise InputError(
            "--equilibration has no effect with a file.",
            file=folder,
            remedy="leave it out: --frames chooses.",
        )
    else:
        trajectory = following.open(folder, needed=(), unwrap=not wrap, velocities=True)
    frames = to_ase(trajectory, every, last=last)
    if wrap:
        for atoms in frames:
            atoms.wrap()
    write_frames_of(frames, output)
    without = (
        "" if trajectory.velocities is not None else f", no velocities: {_NOT_RECORDED[trajectory.foreign]}"
    )
    typer.echo(f"{output}: {len(frames)} frames{without}")
