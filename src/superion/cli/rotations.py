"""`superion rotations`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from superion.cli.options import Json, check_output, drawing
from superion.cli.trajectory_options import TRAJECTORY, Following, reads_trajectories

if TYPE_CHECKING:
    from superion.analysis.rotations import RotationsResult


@reads_trajectories
def show_rotations(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN...", help=f"{TRAJECTORY}; several are parts of one run, each going on from the last."
        ),
    ],
    species: Annotated[str, typer.Option(help="Mobile element.")] = "Li",
    turn: Annotated[
        float, typer.Option(help="Degrees beyond which an anion has turned; less is libration.")
    ] = 45.0,
    residence: Annotated[
        float, typer.Option(help="Time in ps that it must stay in the new orientation.")
    ] = 0.3,
    window: Annotated[
        float, typer.Option(help="Time in ps between a turn and a hop that go together.")
    ] = 1.0,
    near: Annotated[
        float, typer.Option(help="Distance in Å of the centre of an anion from a hop beside it.")
    ] = 4.5,
    sites: Annotated[
        str,
        typer.Option(metavar="density|voronoi|FILE", help="Sites of hops, as `superion hops` has them."),
    ] = "density",
    discard: Annotated[float, typer.Option(help="Production time left out at the start, in ps.")] = 0.0,
    shuffles: Annotated[int, typer.Option(help="Shuffled runs; they limit how small p can be.")] = 499,
    figure: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw correlation functions and coupling as FILE.png, FILE.svg."),
    ] = None,
    json: Json = None,
    *,
    following: Following,
) -> None:
    """Turns and librations of anions, and whether ions hop when and where they turn (the paddle wheel)."""
    from superion.analysis.rotations import RotationSettings, rotations
    from superion.results import write_result
    from superion.settings_file import validate

    for output in (json, figure):
        if output:
            check_output(output)
    chosen = {
        "species": species,
        "turn": turn,
        "residence": residence,
        "window": window,
        "near": near,
        "sites": sites,
        "discard": discard,
        "shuffles": shuffles,
    }
    settings = validate(chosen, RotationSettings, remedy="see `superion rotations --help`.")
    found = rotations(following.open(runs), settings)
    for line in lines(found):
        typer.echo(line)
    if json:
        write_result(json, found)
    if figure:
        with drawing():
            from superion.report.figure_rotations import draw_rotations
        draw_rotations(found, figure.with_suffix(""))


def lines(found: RotationsResult) -> list[str]:
    """What a result says, line by line."""
    text = [f"{found.length_ps:.4g} ps at {found.temperature_K:.0f} K"]
    for one in found.anions:
        if one.rate_per_ps is None or one.rate_interval_per_ps is None:
            value = f"< {one.rate_bound_per_ps:.3g} 1/ps (95 % upper bound)"
        else:
            low, high = one.rate_interval_per_ps
            value = f"{one.rate_per_ps:.3g} ({low:.3g} to {high:.3g}) 1/ps"
        mean = "" if one.mean_turn_degrees is None else f", by {one.mean_turn_degrees:.0f}° in the mean"
        text.append(
            f"{one.name}: {one.turns} turns of {one.anions} anions{mean}: {value}; librations of "
            f"{one.libration_degrees:.1f}°"
        )
    for name, time in (("C1", found.first_relaxation_ps), ("C2", found.second_relaxation_ps)):
        longest = found.lags_ps[-1]
        fall = f"falls to 1/e in {time:.3g} ps" if time else f"does not fall to 1/e within {longest:.3g} ps"
        text.append(f"{name} {fall}")
    if found.p is None:
        text.append("turns and hops: none beside each other")
    else:
        text.append(
            f"{found.pairs} pairs of a turn and a hop beside it, {found.pairs_by_chance:.3g} by chance "
            f"(p = {found.p:.2g})"
        )
    return text + [f"note: {note}" for note in found.notes]
