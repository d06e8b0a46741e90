"""`superion hops`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from superion.cli.options import Json, check_output, drawing
from superion.cli.trajectory_options import TRAJECTORY, Following, reads_trajectories

if TYPE_CHECKING:
    from superion.analysis.hops import HopsResult


SHOWN = 10
"""Types of hops that are printed."""


@reads_trajectories
def show_hops(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN...", help=f"{TRAJECTORY}; several are parts of one run, each going on from the last."
        ),
    ],
    species: Annotated[str, typer.Option(help="Mobile element.")] = "Li",
    sites: Annotated[
        str,
        typer.Option(
            metavar="density|voronoi|FILE",
            help="Where sites are: maxima of the density of the ions, interstitial sites between the other "
            "atoms, or the atoms of a structure file.",
        ),
    ] = "density",
    framework: Annotated[
        str | None,
        typer.Option(metavar="S[,…]", help="Elements that sites are fixed to. Default: all others."),
    ] = None,
    residence: Annotated[
        float, typer.Option(help="Time in ps that an ion must stay at a site; less is rattling.")
    ] = 0.2,
    core: Annotated[
        float,
        typer.Option(help="Radius within which an ion is at a site, in halves of the way to the next site."),
    ] = 0.6,
    apart: Annotated[
        float, typer.Option(help="Smallest distance of two sites in Å, for density and voronoi.")
    ] = 1.0,
    occupied: Annotated[
        float, typer.Option(help="Smallest density of a site, in parts of the largest, for density.")
    ] = 0.05,
    window: Annotated[
        float, typer.Option(help="Time in ps within which hops may belong to one string.")
    ] = 1.0,
    alone: Annotated[
        float, typer.Option(help="Distance in Å within which no other ion hops, for --export.")
    ] = 6.0,
    discard: Annotated[float, typer.Option(help="Production time left out at the start, in ps.")] = 0.0,
    export: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write hops that happen alone as extended XYZ, for `superion neb`."
        ),
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="Hops to export, the most frequent first.")] = 10,
    figure: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw rates and free energies as FILE.png and FILE.svg."),
    ] = None,
    json: Json = None,
    *,
    following: Following,
) -> None:
    """Sites, stays and hops of ions: rates with 95 % intervals or a bound, free energies, strings."""
    from superion.analysis.hops import HopSettings, exported, find_hops, isolated
    from superion.results import write_result
    from superion.settings_file import validate
    from superion.simulation.trajectory import write_frames_of

    for output in (json, figure, export):
        if output:
            check_output(output)
    chosen = {
        "species": species,
        "sites": sites,
        "framework": framework and [word.strip() for word in framework.split(",")],
        "residence": residence,
        "core": core,
        "apart": apart,
        "occupied": occupied,
        "window": window,
        "alone": alone,
        "discard": discard,
    }
    settings = validate(chosen, HopSettings, remedy="see `superion hops --help`.")
    found = find_hops(following.open(runs), settings)
    for line in lines(found.result):
        typer.echo(line)
    if json:
        write_result(json, found.result)
    if figure:
        with drawing():
            from superion.report.figure_hops import draw_hops
        draw_hops(found.result, figure.with_suffix(""))
    if export:
        numbers = isolated(found, alone, window / found.frames.step, count)
        if numbers:
            write_frames_of(exported(found, numbers), export)
            typer.echo(f"{len(numbers)} hops written to {export}: superion neb MODEL {export} -o DIR")
        else:
            typer.echo(
                f"no hop happens alone within {alone:g} Å and {window:g} ps: nothing was exported; a smaller "
                "--alone or --window allows others"
            )


def lines(found: HopsResult) -> list[str]:
    """What a result says, line by line."""
    text = [
        f"{found.species}: {found.status}, {found.hops} hops of {found.ions} ions between "
        f"{len(found.site_places)} sites in {found.length_ps:.4g} ps at {found.temperature_K:.0f} K",
        _rate("rate of an ion", found.rate_per_ps, found.rate_interval_per_ps, found.rate_bound_per_ps),
    ]
    for kind in found.kinds:
        stay = "no ion left" if kind.residence_ps is None else f"ions stay {kind.residence_ps:.3g} ps"
        text.append(f"{kind.name}: {kind.sites} sites, {kind.occupation:.3g} ions each, {stay}")
    for jump in found.jumps[:SHOWN]:
        name = f"{jump.origin} → {jump.target}, {jump.length_A:.2f} Å, {jump.hops} hops"
        line = _rate(name, jump.rate_per_ps, jump.rate_interval_per_ps, jump.rate_bound_per_ps)
        if jump.bottleneck_eV is not None:
            line += f"; bottleneck {'≥ ' if jump.bottleneck_is_bound else ''}{jump.bottleneck_eV:.3f} eV"
        if jump.effective_barrier_eV is not None:
            line += f"; effective barrier {jump.effective_barrier_eV:.3f} eV"
        text.append(line)
    if len(found.jumps) > SHOWN:
        text.append(f"{len(found.jumps) - SHOWN} other types of hops, all in --json")
    if found.jump_diffusion_cm2_per_s is not None and found.jump_diffusion_interval_cm2_per_s:
        low, high = found.jump_diffusion_interval_cm2_per_s
        text.append(f"jump diffusion {found.jump_diffusion_cm2_per_s:.3g} ({low:.3g} to {high:.3g}) cm²/s")
    if found.correlation_factor is not None and found.correlation_interval:
        low, high = found.correlation_interval
        text.append(f"correlation factor {found.correlation_factor:.3g} ({low:.3g} to {high:.3g})")
    if found.attempt_frequency_THz is not None:
        text.append(f"attempt frequency {found.attempt_frequency_THz:.3g} THz")
    ways = ("nowhere", "along one direction", "along two directions", "along all directions")
    text.append(f"hops lead through the crystal {ways[found.percolation]}")
    if found.followed_p is not None and found.hops:
        text.append(
            f"{found.followed} hops fill a site just left, {found.followed_by_chance:.3g} by chance "
            f"(p = {found.followed_p:.2g})"
        )
    return text + [f"note: {note}" for note in found.notes]


def _rate(name: str, value: float | None, interval: list[float] | None, bound: float) -> str:
    if value is None or interval is None:
        return f"{name}: < {bound:.3g} 1/ps (95 % upper bound)"
    return f"{name}: {value:.3g} ({interval[0]:.3g} to {interval[1]:.3g}) 1/ps"
