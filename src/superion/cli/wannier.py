"""`superion wannier`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from superion.cli.options import Json, check_output, load_charges, parse_cell, parse_charges


def wannier(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="XYZ files with atoms, and centres as atoms X; in the order of the numbers in their names.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Extended-XYZ file to write, with REF_dipole in e·Å.")
    ],
    centres: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Further centres, e.g. of the other spin. May be repeated."),
    ] = None,
    cell: Annotated[
        str | None,
        typer.Option(metavar="A,B,C", help="Lengths of a rectangular cell, or nine numbers, in Å."),
    ] = None,
    cell_file: Annotated[
        Path | None,
        typer.Option("--cell-file", metavar="FILE", help="Constant cell, of CP2K: its file PROJECT-1.cell."),
    ] = None,
    valence: Annotated[
        str | None,
        typer.Option(metavar="EL=Z,...", help="Valence charges, e.g. Ga=3. Default: GTH-PBE of CP2K."),
    ] = None,
    electrons: Annotated[int, typer.Option(min=1, max=2, help="Of each centre: 2, or 1 with spin.")] = 2,
    model: Annotated[
        Path | None, typer.Option(metavar="MODEL", help="Compare with the charges of this model file.")
    ] = None,
    json: Json = None,
) -> None:
    """Dipoles of first-principles dynamics from Wannier centres, followed without jumps."""
    from superion.active_learning.frames import write_frames
    from superion.analysis.electric_result import WannierResult
    from superion.electrostatics.polarization import dipole_path
    from superion.electrostatics.wannier import slope, wannier_path
    from superion.errors import InputError
    from superion.results import write_result
    from superion.structures.centres import read_centres
    from superion.structures.formats.xyz_stream import read_cells

    for target in (output, json):
        if target:
            check_output(target)
    charges = None if model is None else load_charges(model)
    box = None if cell is None else parse_cell(cell)
    if cell_file is not None:
        if box is not None:
            raise InputError("both --cell and --cell-file are given.", remedy="leave out one of them.")
        box = read_cells(cell_file).constant().tolist()
    frames, points = read_centres(files, centres or [], box)
    given = parse_charges(valence, "--valence") if valence else None
    path = wannier_path(frames, points, given, electrons=electrons)
    for atoms, dipole in zip(path.frames, path.dipoles, strict=True):
        atoms.info["REF_dipole"] = dipole
    write_frames(output, path.frames)
    moved = path.dipoles - path.dipoles[0]
    result = WannierResult(
        frames=len(frames),
        centres=len(points[0]),
        dipole_e_A=path.dipoles.tolist(),
        largest_step=path.largest,
    )
    typer.echo(
        f"{len(frames)} frames, {len(points[0])} centres; the dipole moves by up to "
        f"{(moved**2).sum(axis=1).max() ** 0.5:.4g} e·Å, from frame to frame by {path.largest:.2g} of what "
        f"it is known up to (at most 0.25 is followed)"
    )
    if charges is not None:
        factor, error = slope(dipole_path(path.frames, charges), path.dipoles)
        result = result.with_values(model_slope=factor, model_rmse_e_A=error)
        typer.echo(
            f"charges of the model: dipole = {factor:.4g} x prediction, rms difference {error:.3g} e·Å"
        )
    if json:
        write_result(json, result)
