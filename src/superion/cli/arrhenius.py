"""`superion arrhenius`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from superion.cli.options import Json
from superion.cli.trajectory_options import TRAJECTORY, Following, reads_trajectories
from superion.errors import InputError

if TYPE_CHECKING:
    from superion.analysis.arrhenius_result import ArrheniusResult
    from superion.simulation import Trajectory


@reads_trajectories
def show_arrhenius(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN...",
            help=f"{TRAJECTORY}; or results of `superion transport --json`, at two or more temperatures.",
        ),
    ],
    species: Annotated[str, typer.Option(help="Mobile element.")] = "Li",
    charge: Annotated[
        float | None,
        typer.Option(help="Formal charge of the mobile ion in e. Default: its usual oxidation state."),
    ] = None,
    discard: Annotated[float, typer.Option(help="Time left out at the start of every run, in ps.")] = 0.0,
    hop_length: Annotated[float, typer.Option(help="Distance of neighbouring sites in Å.")] = 3.0,
    quantity: Annotated[
        str,
        typer.Option(
            help="What is fitted: conductivity (σT of independent ions), collective (σT with their "
            "correlation), "
            "diffusion (D)."
        ),
    ] = "conductivity",
    temperatures: Annotated[
        str | None,
        typer.Option(
            metavar="K,K,...", help="Temperatures in K of the runs, in their order, where files do not say."
        ),
    ] = None,
    extrapolate: Annotated[
        str, typer.Option(metavar="K,K,...", help="Temperatures in K at which values are asked for.")
    ] = "300",
    experiment: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="CSV with columns composition and conductivity (S/cm): measurements to compare with.",
        ),
    ] = None,
    figure: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw runs, line and measurements: .png and .svg.")
    ] = None,
    json: Json = None,
    *,
    following: Following,
) -> None:
    """Activation energy and prefactor from runs at several temperatures, with 95 % intervals."""
    from superion.analysis.arrhenius import ArrheniusSettings, arrhenius
    from superion.analysis.arrhenius_runs import read_runs
    from superion.analysis.measured import measured
    from superion.analysis.transport_settings import TransportSettings
    from superion.results import write_result
    from superion.settings_file import validate
    from superion.simulation import open_trajectory

    if following.temperature is not None:
        raise InputError(
            "--temperature is of one run.",
            remedy="give one for each run, in their order: --temperatures 600,800.",
        )
    remedy = "see `superion arrhenius --help`."
    chosen = {"species": species, "charge": charge, "discard_ps": discard, "hop_length": hop_length}
    transport = validate(chosen, TransportSettings, remedy=remedy)
    targets = _numbers(extrapolate, "--extrapolate")
    settings = validate({"quantity": quantity, "extrapolate": targets}, ArrheniusSettings, remedy=remedy)

    def opened(path: Path, kelvin: float | None) -> Trajectory:
        said = following.said() | {"temperature": kelvin}
        return open_trajectory(path, needed=("timestep", "temperature"), progress=True, **said)

    given = [] if temperatures is None else _numbers(temperatures, "--temperatures")
    results, names, notes, composition = read_runs(runs, given, opened, transport)
    found = arrhenius(results, settings, names, composition)
    found = found.with_values(notes=(*notes, *found.notes))
    if experiment is not None:
        if not composition:
            raise InputError(
                "results of transport do not say which crystal they are of, which --experiment needs.",
                remedy="give at least one trajectory among the runs, or leave --experiment out.",
            )
        found = found.with_values(measured=measured(experiment, composition))
        if not found.measured:
            found = found.with_values(
                notes=(*found.notes, f"{experiment} has no conductivity of {composition}.")
            )
    for line in lines(found):
        typer.echo(line)
    if figure:
        from superion.report.figure_arrhenius import draw_arrhenius

        draw_arrhenius({species: found}, figure)
    if json:
        write_result(json, found)


def _numbers(text: str, option: str) -> list[float]:
    try:
        return [float(word) for word in text.split(",")]
    except ValueError:
        raise InputError(
            f"cannot understand {option} {text!r}.", remedy=f"write temperatures in K: {option} 600,800."
        ) from None


def lines(found: ArrheniusResult) -> list[str]:
    """What a result says, line by line."""
    unit, shown = ("cm²/s", "cm²/s") if found.quantity == "diffusion" else ("S K/cm", "mS/cm")
    text = [f"{found.species}, {found.quantity}: {found.status}, {found.reason.rstrip('.')}"]
    for one in found.points:
        if one.value is not None and one.interval is not None:
            value = f"{one.value:.3g} ({one.interval[0]:.3g} to {one.interval[1]:.3g}) {unit}"
        else:
            value = "not used" if one.bound is None else f"< {one.bound:.3g} {unit}"
        text.append(f"{one.temperature:6.4g} K  {value}  {one.status}  {one.run}")
    if found.activation_energy is not None and found.activation_interval and found.prefactor_interval:
        low, high = found.activation_interval
        text.append(f"activation energy {found.activation_energy:.3g} ({low:.3g} to {high:.3g}) eV")
        low, high = found.prefactor_interval
        text.append(f"prefactor {found.prefactor:.3g} ({low:.3g} to {high:.3g}) {unit}")
    for branch in found.branches:
        (cold, hot), (low, high) = branch.temperatures, branch.activation_interval
        text.append(
            f"activation energy {branch.activation_energy:.3g} ({low:.3g} to {high:.3g}) eV from "
            f"{cold:g} to {hot:g} K"
        )
    if found.activation_bound is not None:
        text.append(f"activation energy > {found.activation_bound:.3g} eV (95 % lower bound)")
    for other in found.extrapolated:
        if other.value is not None and other.interval is not None:
            low, high = other.interval
            text.append(
                f"at {other.temperature:g} K {other.value:.3g} ({low:.3g} to {high:.3g}) {shown}, "
                f"{other.spans:.2g} times the range of the runs away"
            )
    for measure in found.measured:
        text.append(
            f"measured: {measure.conductivity:.3g} mS/cm at {measure.temperature:g} K ({measure.source})"
        )
    return text + [f"note: {note}" for note in found.notes]
