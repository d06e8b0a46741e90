"""`superion transport`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from superion.cli.options import Json
from superion.cli.trajectory_options import TRAJECTORY, Following, reads_trajectories, show

if TYPE_CHECKING:
    from superion.analysis import TransportResult


@reads_trajectories
def show_transport(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN...",
            help=f"{TRAJECTORY}; several are parts of one run, each going on from the last.",
        ),
    ],
    species: Annotated[str, typer.Option(help="Mobile element.")] = "Li",
    charge: Annotated[
        float | None,
        typer.Option(help="Formal charge of the mobile ion in e. Default: its usual oxidation state."),
    ] = None,
    discard: Annotated[float, typer.Option(help="Production time left out at the start, in ps.")] = 0.0,
    hop_length: Annotated[
        float,
        typer.Option(help="Distance of neighbouring sites in Å; cages of twice its square are allowed for."),
    ] = 3.0,
    diffusive_from: Annotated[
        float | None,
        typer.Option(metavar="PS", help="Use only motion slower than this, in ps. Default: what is found."),
    ] = None,
    reference: Annotated[
        str, typer.Option(help="What stands still: the centre of mass of the system or framework, or none.")
    ] = "system",
    replicas: Annotated[
        bool, typer.Option("--replicas", help="The runs are independent ones of one crystal: average them.")
    ] = False,
    json: Json = None,
    *,
    following: Following,
) -> None:
    """Diffusion coefficient and conductivities of one species, with 95 % intervals or a bound."""
    from superion.analysis.conductivity import conductivity
    from superion.analysis.transport_settings import TransportSettings
    from superion.results import write_result
    from superion.settings_file import validate
    from superion.simulation.opening import open_runs

    chosen = {
        "species": species,
        "charge": charge,
        "discard_ps": discard,
        "hop_length": hop_length,
        "diffusive_from_ps": diffusive_from,
        "reference": reference,
    }
    settings = validate(chosen, TransportSettings, remedy="see `superion transport --help`.")
    needed = ("timestep", "temperature")
    trajectory, count = open_runs(runs, replicas=replicas, needed=needed, progress=True, **following.said())
    show(trajectory)
    found = conductivity(trajectory, settings, replicas=count)
    for line in lines(found):
        typer.echo(line)
    if json:
        write_result(json, found)


def lines(found: TransportResult) -> list[str]:
    """What a result says, line by line."""
    many = "" if found.replicas == 1 else f"{found.replicas} x "
    from superion.analysis.pace import IMPOSSIBLE

    text = [f"{found.species}: {found.status}, {many}{found.length:.4g} ps at {found.temperature:.0f} K"]
    text.append(_quantity(found, "diffusion", "diffusion", "cm²/s"))
    text.append(_quantity(found, "conductivity", "conductivity (Nernst–Einstein)", "mS/cm"))
    if found.collective_conductivity is None or found.collective_interval is None:
        text.append(f"conductivity (collective): not known, {found.collective_reason}")
    else:
        low, high = found.collective_interval
        why = f", {found.collective_reason}" if found.collective_reason else ""
        text.append(
            f"conductivity (collective) {found.collective_conductivity:.3g} ({low:.3g} to {high:.3g}) "
            f"mS/cm{why}"
        )
    if found.haven_ratio is not None and found.haven_interval is not None:
        low, high = found.haven_interval
        text.append(f"Haven ratio {found.haven_ratio:.3g} ({low:.3g} to {high:.3g})")
    if found.diffusive_from is not None and found.diffusion is not None:
        text.append(f"diffusive from {found.diffusive_from:.2g} ps on")
    reasons = () if found.status == "converged" else (found.reason,)
    notes = sorted((*reasons, *found.notes), key=lambda note: not note.startswith(IMPOSSIBLE))
    return text + [f"note: {note}" for note in notes]


def _quantity(found: TransportResult, name: str, shown: str, unit: str) -> str:
    value, interval = getattr(found, name), getattr(found, f"{name}_interval")
    if value is None or interval is None:
        return f"{shown} < {getattr(found, f'{name}_bound'):.3g} {unit} (95 % upper bound)"
    return f"{shown} {value:.3g} ({interval[0]:.3g} to {interval[1]:.3g}) {unit}"
