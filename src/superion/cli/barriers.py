"""`superion neb`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from superion.cli.options import (
    AnyModel,
    ChargedCells,
    Json,
    Reading,
    check_output,
    drawing,
    load_model,
    parse_supercell,
    parse_vector,
    reads_files,
)
from superion.errors import InputError

if TYPE_CHECKING:
    from superion.calculations.barriers import BarrierFile, Hop
    from superion.model import Model

OF_CRYSTALS = ("species", "supercell", "count", "reach", "along", "framework", "clearance")
"""Options that mean something with --hop alone."""


@reads_files
def neb(
    model: AnyModel,
    structures: Annotated[
        list[Path],
        typer.Argument(
            metavar="START END|HOPS|CRYSTAL",
            help="The states before and after a hop; or one file of `superion hops --export`; or, with "
            "--hop, a crystal.",
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="DIR", help="Folder of the run; a killed run continues there."
        ),
    ],
    hop: Annotated[
        str | None,
        typer.Option(
            metavar="KIND",
            help="Hops of a crystal: vacancy (an ion hops into an empty site), interstitial (an added ion "
            "hops on), interstitialcy (an added ion pushes another on).",
        ),
    ] = None,
    species: Annotated[str | None, typer.Option(help="With --hop: element that hops, e.g. Li.")] = None,
    supercell: Annotated[
        str | None, typer.Option(help="With --hop: repetitions of the cell, e.g. 1x2x1.")
    ] = None,
    count: Annotated[
        int | None, typer.Option(help="With --hop: inequivalent hops, shortest first. Default: 4.")
    ] = None,
    reach: Annotated[float | None, typer.Option(help="With --hop: longest hop in Å. Default: 5.")] = None,
    along: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,C",
            help="With --hop: only hops within 30° of this direction, in lattice vectors, e.g. 0,1,0.",
        ),
    ] = None,
    framework: Annotated[
        str | None,
        typer.Option(
            metavar="S[,…]", help="With --hop: interstitial sites lie between these. Default: the anions."
        ),
    ] = None,
    clearance: Annotated[
        float | None,
        typer.Option(help="With --hop: smallest distance of an interstitial site from an atom in Å."),
    ] = None,
    images: Annotated[int, typer.Option(help="Structures along a path, both end points among them.")] = 7,
    fmax: Annotated[float, typer.Option(help="Force across a path below which it is found, in eV/Å.")] = 0.05,
    relaxed: Annotated[
        float, typer.Option(help="Force on an atom below which an end point is relaxed, in eV/Å.")
    ] = 0.01,
    steps: Annotated[
        int, typer.Option(help="Largest number of steps of one path, and of one relaxation.")
    ] = 500,
    climb: Annotated[
        bool, typer.Option("--climb/--no-climb", help="Let the highest image climb to the saddle point.")
    ] = True,
    compare: Annotated[
        list[str] | None,
        typer.Option(metavar="MODEL", help="Energies of another model along the paths. Several times."),
    ] = None,
    fits: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODEL",
            help="A fit to resampled data, which finds the paths for itself; three or more give the 95 % "
            "interval. Several times.",
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Compare with labels of DIR/barriers.extxyz, from `superion label`."
        ),
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Start from the images of another run, so that another model finds the same paths.",
        ),
    ] = None,
    grade_limit: Annotated[float, typer.Option(help="Flag images above this extrapolation grade.")] = 5.0,
    deviation_limit: Annotated[
        float | None, typer.Option(help="Flag images above this predicted force deviation, eV/Å.")
    ] = None,
    figure: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw the paths as FILE.png and FILE.svg.")
    ] = None,
    charged_cells: ChargedCells = None,
    json: Json = None,
    *,
    reading: Reading,
) -> None:
    """Barriers of hops: nudged elastic bands with a climbing image, between relaxed end points.

    DIR/barriers.json is the result, DIR/barriers.extxyz the images, ready to be labelled.
    """
    from superion.calculations.barriers import BarrierSettings, PathSettings, run_barriers
    from superion.results import write_result
    from superion.settings_file import validate

    for file in (json, figure):
        if file and file.parent != output:  # the run makes that one
            check_output(file)
    chosen: dict[str, Any] = {
        "images": images,
        "fmax": fmax,
        "relaxed": relaxed,
        "steps": steps,
        "climb": climb,
        "grade_limit": grade_limit,
        "deviation_limit": deviation_limit,
    }
    crystal: dict[str, Any] = {
        "species": species,
        "supercell": supercell and parse_supercell(supercell),
        "count": count,
        "reach": reach,
        "along": along and parse_vector(along, "--along"),
        "framework": framework and [word.strip() for word in framework.split(",")],
        "clearance": clearance,
    }
    given = {name: value for name, value in crystal.items() if value is not None}
    remedy = "see `superion neb --help`."
    if hop is None:
        if given:
            raise InputError(
                f"--{next(iter(given))} is of hops of a crystal.",
                remedy="add --hop vacancy, or leave it out.",
            )
        settings = validate(chosen, PathSettings, remedy=remedy)
    else:
        if species is None:
            raise InputError("--hop needs the element that hops.", remedy="add --species Li.")
        settings = validate(chosen | given | {"hop": hop}, BarrierSettings, remedy=remedy)
    hops = _hops(structures, settings, reading)
    path = settings.path if isinstance(settings, BarrierSettings) else settings
    potential = load_model(model, charged_cells)
    result = run_barriers(
        potential,
        hops,
        path,
        output,
        start=start,
        compare=_models(compare, charged_cells),
        fits=_models(fits, charged_cells),
        labels=labels,
    )
    show(result)
    if json:
        write_result(json, result)
    if figure:
        with drawing():
            from superion.report.figure_barriers import draw_barriers
        draw_barriers(result, figure.with_suffix(""))


def _hops(structures: list[Path], settings: Any, reading: Reading) -> list[Hop]:
    """The hops that the arguments name."""
    from superion.calculations.barriers import BarrierSettings, hop_between, hops_in, hops_of

    if isinstance(settings, BarrierSettings):
        if len(structures) != 1:
            raise InputError("--hop needs one crystal.", remedy="superion neb MODEL CRYSTAL --hop vacancy.")
        return hops_of(reading.structure(structures[0]), settings)
    if len(structures) == 1:
        (frames,) = reading.files(structures)
        return hops_in(frames)
    if len(structures) != 2:
        raise InputError(
            f"a path needs two end points, found {len(structures)} files.",
            remedy="superion neb MODEL START END -o DIR; or --hop vacancy with one crystal.",
        )
    return [hop_between(reading.structure(structures[0]), reading.structure(structures[1]))]


def _models(names: list[str] | None, charged_cells: str | None) -> dict[str, Model]:
    """Models by short names that differ."""
    found: dict[str, Model] = {}
    for name in names or ():
        short = Path(name).stem
        while short in found:
            short += "'"
        found[short] = load_model(name, charged_cells)
    return found


def show(result: BarrierFile) -> None:
    """Print barriers, those of others on the same paths, and notes."""
    from rich.table import Table

    from superion.terminal import PlainConsole

    others = list(dict.fromkeys(one.name for row in result.barriers for one in row.others))
    labels = any(row.labels for row in result.barriers)
    table = Table()
    table.add_column("hop", no_wrap=True)
    for heading in ("length\n(Å)", "forward\n(eV)", "backward\n(eV)"):
        table.add_column(heading, no_wrap=True)
    for name in (*others, *(["labels"] if labels else [])):
        table.add_column(f"{name} on this path\n(eV)")
    table.add_column("remarks")
    for row in result.barriers:
        on = {one.name: one.forward_eV for one in (*row.others, *([row.labels] if row.labels else []))}
        named = [_number(on.get(name)) for name in (*others, *(["labels"] if labels else []))]
        table.add_row(
            row.name,
            "–" if row.hop_length_A is None else f"{row.hop_length_A:.2f}",
            _barrier(row.forward_eV, row.forward_interval_eV),
            _barrier(row.backward_eV, row.backward_interval_eV),
            *named,
            "; ".join(filter(None, (row.why, *row.flags))),
        )
    PlainConsole().print(table)
    for note in result.notes:
        typer.echo(f"note: {note}")


def _barrier(value: float | None, interval: list[float] | None) -> str:
    between = "" if interval is None else f" ({interval[0]:.3f} to {interval[1]:.3f})"
    return _number(value) + between


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
