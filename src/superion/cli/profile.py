"""`superion profile`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from superion.cli.electric import Discard
from superion.cli.options import Json, Reading, check_output, drawing, load_model, reads_files
from superion.cli.trajectory_options import TRAJECTORY, Following, reads_trajectories
from superion.errors import InputError

if TYPE_CHECKING:
    from ase import Atoms

    from superion.analysis.profile_result import ProfileResult
    from superion.simulation import Trajectory

SURROUNDINGS = ("conducting", "vacuum")


@reads_trajectories
@reads_files
def show_profile(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="RUN|STRUCTURE",
            help=f"A structure file, whose frames are averaged; or a trajectory. {TRAJECTORY}.",
        ),
    ],
    model: Annotated[Path, typer.Option(metavar="MODEL", help="Model file with charges.")],
    axis: Annotated[
        str,
        typer.Option(help="x, y, z; or a, b, c: the normal of the plane of the other two cell axes."),
    ] = "z",
    width: Annotated[
        float,
        typer.Option(
            help="Running mean over so many Å: a period of the crystal takes out its planes of atoms."
        ),
    ] = 0.0,
    smoothing: Annotated[
        float, typer.Option(help="Smear all charges by a normal distribution of this standard deviation, Å.")
    ] = 0.0,
    region: Annotated[
        str | None, typer.Option(metavar="LOW:HIGH", help="Mean field between these heights in Å.")
    ] = None,
    surroundings: Annotated[
        str,
        typer.Option(help="conducting: no mean field, as in dynamics; vacuum: no field left of the slab."),
    ] = "conducting",
    layers: Annotated[
        int | None, typer.Option(min=2, max=1_000_000, help="Default: 0.1 Å each, at least 400.")
    ] = None,
    discard: Discard = 0.0,
    every: Annotated[int, typer.Option(min=1, help="Take each n-th frame.")] = 1,
    blocks: Annotated[int, typer.Option(min=2, help="Blocks for error bars.")] = 10,
    figure: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw the curves as FILE.png and FILE.svg.")
    ] = None,
    json: Json = None,
    *,
    reading: Reading,
    following: Following,
) -> None:
    """Charge density, electric field and potential across a slab, averaged over planes and frames."""
    from superion.analysis.charge_profile import analyse
    from superion.results import write_result

    for output in (json, figure):
        if output:
            check_output(output)
    if surroundings not in SURROUNDINGS:
        raise InputError(
            f"unknown surroundings {surroundings!r}.", remedy=f"write one of {', '.join(SURROUNDINGS)}."
        )
    bounds = parse_region(region) if region is not None else None
    potential = load_model(model)
    frames, trajectory = _frames(source, discard, every, reading, following)
    result = analyse(
        potential,
        frames,
        trajectory=trajectory,
        axis=axis,
        layers=layers,
        smoothing=smoothing,
        window=width,
        surroundings=surroundings,  # type: ignore[arg-type]
        region=bounds,
        blocks=blocks,
        progress=True,
    )
    _print(result)
    if json:
        write_result(json, result)
    if figure:
        with drawing():
            from superion.report.figure_profile import draw_profile
        draw_profile(result, figure.with_suffix(""))


def parse_region(text: str) -> tuple[float, float]:
    """`10:20` as two heights in Å; InputError if it cannot be understood."""
    try:
        low, high = (float(part) for part in text.split(":"))
    except ValueError:
        raise InputError(
            f"cannot understand --region {text!r}.", remedy="write two heights in Å: --region 10:20."
        ) from None
    return low, high


def _frames(
    source: Path, discard: float, every: int, reading: Reading, following: Following
) -> tuple[list[Atoms], Trajectory | None]:
    """Structures, and the trajectory that they are of, if it is one."""
    from superion.simulation import to_ase
    from superion.structures import read_frames

    run = source.is_dir() and not any(source.rglob("type.raw"))  # not a folder of DeePMD-kit
    if run or discard or following.said_anything:
        needed = ("timestep",) if discard else ()
        found = following.open(source, needed=needed, unwrap=False).after(discard).every(every)
        return to_ase(found), found
    foreign = reading.foreign()
    frames = read_frames(source, foreign, f"::{every}")
    foreign.check()
    return frames, None


def _print(result: ProfileResult) -> None:
    low, high = min(result.potential_V), max(result.potential_V)
    typer.echo(
        f"{result.frames} frames, {result.thickness_A:.5g} Å along {result.axis}, "
        f"{result.surroundings} surroundings, applied field {result.applied_V_per_A:.4g} V/Å"
    )
    typer.echo(
        f"potential from {low:.4g} to {high:.4g} V; {result.step_V:+.4g} V from the lower to the upper end"
    )
    for note in result.notes:
        typer.echo(f"note: {note}")
    part = result.region
    if part is None:
        return
    error = "" if part.error_V_per_A is None else f" ± {part.error_V_per_A:.2g}"
    typer.echo(
        f"mean field from {part.low_A:.5g} to {part.high_A:.5g} Å: {part.field_V_per_A:.5g}{error} "
        f"V/Å, spread {part.spread_V_per_A:.2g} V/Å"
    )
    typer.echo("as a vector: --field " + ",".join(f"{value:.6g}" for value in part.vector_V_per_A))
    for note in part.notes:
        typer.echo(f"note: {note}")
