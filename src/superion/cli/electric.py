"""`superion dielectric` and `superion infrared`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from superion.cli.options import Json, load_charges
from superion.cli.trajectory_options import Following, reads_trajectories
from superion.errors import InputError

Discard = Annotated[float, typer.Option(help="Production time left out at the start, in ps.")]


@reads_trajectories
def show_dielectric(
    folders: Annotated[
        list[Path],
        typer.Argument(
            metavar="DIR...|FILE",
            help="Trajectory folders of runs with --field or --displacement; or frames with REF_dipole along "
            "one path, as `superion wannier` writes them; or, with --model, any trajectory.",
        ),
    ],
    model: Annotated[
        Path | None,
        typer.Option(
            metavar="MODEL", help="Model file with charges: dipoles of trajectories without any of their own."
        ),
    ] = None,
    epsilon_inf: Annotated[
        float | None,
        typer.Option(help="Electronic dielectric constant beside the charges. Default: that of the runs."),
    ] = None,
    discard: Annotated[
        float | None,
        typer.Option(
            help="Production time left out at the start, in ps. Default: until the dipole fluctuates about "
            "one mean."
        ),
    ] = None,
    blocks: Annotated[int, typer.Option(help="Blocks for error bars.")] = 10,
    json: Json = None,
    *,
    following: Following,
) -> None:
    """Static dielectric constant from the fluctuations of each run, and from runs at different fields."""
    from superion.analysis.field_runs import analyse, of_charges, of_labels
    from superion.results import write_result

    if epsilon_inf is not None and not 1 <= epsilon_inf <= 1e6:
        raise InputError(f"--epsilon-inf must be at least 1 and no more than 1e6, found {epsilon_inf}.")
    if model is not None:
        charges = load_charges(model)
        paths = [(path, following.open(path)) for path in folders]
        found = of_charges(paths, charges, epsilon_inf=epsilon_inf or 1.0, blocks=blocks, discard=discard)
    elif folders[0].is_file():
        kelvin = needed(following.temperature, "--temperature", folders[0])
        without("frames of one file", folders[0], discard=discard, further_runs=folders[1:])
        found = of_labels(folders[0], kelvin, epsilon_inf=epsilon_inf or 1.0, blocks=blocks)
    else:
        runs = [(folder, following.open(folder)) for folder in folders]
        found = analyse(runs, epsilon_inf=epsilon_inf, blocks=blocks, discard=discard)
    for run in found.runs:
        typer.echo(
            f"{run.run}: {run.epsilon:.4g} ± {run.error:.2g} from fluctuations; "
            + ", ".join(
                f"{axis}{axis} {run.tensor[k][k]:.4g} ± {run.tensor_error[k][k]:.2g}"
                for k, axis in enumerate("xyz")
            )
        )
        if run.start_frame:
            time = "" if run.start_ps is None else f", {run.start_ps:.3g} ps"
            typer.echo(
                f"the first {run.start_frame} frames{time} are left out"
                + ("" if discard is not None else ": the dipole still relaxes there (--discard to choose)")
            )
        for note in run.notes:
            typer.echo(f"note: {note}")
    part = found.response
    if part is not None:
        typer.echo(f"{part.epsilon:.4g} ± {part.error:.2g} from {part.constant}")
        for note in part.notes:
            typer.echo(f"note: {note}")
    if json:
        write_result(json, found)


@reads_trajectories
def show_infrared(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR|FILE",
            help="Trajectory folder; or frames with REF_dipole along one path, as `superion wannier` writes; "
            "or, with --model, any trajectory.",
        ),
    ],
    model: Annotated[
        Path | None,
        typer.Option(
            metavar="MODEL", help="Model file with charges; not needed for a run with --field, even 0,0,0."
        ),
    ] = None,
    resolution: Annotated[float, typer.Option(help="Width of a sharp line in 1/cm.")] = 10.0,
    charge_scale: Annotated[
        float, typer.Option(help="With --model: factor from its charges to those that light acts on.")
    ] = 1.0,
    discard: Discard = 0.0,
    json: Json = None,
    *,
    following: Following,
) -> None:
    """Infrared absorption: wavenumbers and intensities of the strongest lines; with --json the spectrum."""
    from dataclasses import replace

    import numpy as np

    from superion.analysis.electric_result import InfraredResult
    from superion.analysis.field_runs import labelled_dipoles
    from superion.analysis.infrared import InfraredSettings, infrared, spectrum_of
    from superion.results import write_result

    if folder.is_file() and model is None:
        fs = needed(following.timestep, "--timestep", folder)
        kelvin = needed(following.temperature, "--temperature", folder)
        without("frames of a file without --model", folder, discard=discard)
        dipoles, volume = labelled_dipoles(folder)
        current = np.diff(dipoles, axis=0) / fs
        spectrum = infrared(current, fs, kelvin, resolution=resolution, differences=True)
        spectrum = replace(spectrum, volume=volume)
    else:
        charges = None if model is None else load_charges(model)
        trajectory = following.open(folder, velocities=True)
        settings = InfraredSettings(resolution, charge_scale, discard)
        spectrum = spectrum_of(trajectory, settings, charges)
    height = spectrum.absorption
    inner = np.flatnonzero((height[1:-1] > height[:-2]) & (height[1:-1] >= height[2:])) + 1
    peaks = sorted(inner[np.argsort(height[inner])][::-1][:10].tolist())
    typer.echo(
        f"resolution {spectrum.resolution:.3g} 1/cm, {len(spectrum.segments)} segments, "
        f"{spectrum.temperature:.0f} K"
    )
    for k in peaks:
        low, high = (spectrum.wavenumber[k] + side * 2 * spectrum.resolution for side in (-1, 1))
        value, error = spectrum.intensity(low, high)
        typer.echo(
            f"{spectrum.wavenumber[k]:8.1f} 1/cm  {height[k]:.3g} ± {spectrum.error[k]:.2g} Å², "
            f"{value:.3g} ± {error:.2g} km/mol within ± {2 * spectrum.resolution:.3g} 1/cm"
        )
    notes = spectrum.notes()
    for note in notes:
        typer.echo(f"note: {note}")
    if json:
        volume = spectrum.volume
        content = InfraredResult(
            wavenumber_per_cm=spectrum.wavenumber.tolist(),
            absorption_A2=height.tolist(),
            error_A2=spectrum.error.tolist(),
            resolution_per_cm=spectrum.resolution,
            temperature_K=spectrum.temperature,
            notes=notes,
            conductivity_S_per_cm=spectrum.conductivity(volume).tolist() if volume > 0 else None,
        )
        write_result(json, content)


def needed(value: float | None, option: str, path: Path) -> float:
    """A positive number that frames of a file do not hold; InputError without it."""
    if value is None or not 1e-6 <= value <= 1e9:
        raise InputError(
            f"frames of a file need {option}, a positive number.",
            file=path,
            remedy="say it; or, of a trajectory without dipoles, name the model with charges (--model FILE).",
        )
    return value


def without(what: str, path: Path, **options: Any) -> None:
    """InputError for options that have no effect here."""
    given = [name.replace("_", "-") for name, value in options.items() if value]
    if given:
        raise InputError(f"{given[0]} has no effect with {what}.", file=path, remedy="leave it out.")
