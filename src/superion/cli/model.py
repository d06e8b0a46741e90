"""`superion evaluate`, and how errors are shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from superion.cli.options import (
    AnyModel,
    ChargedCells,
    Device,
    Precision,
    Reading,
    load_model,
    reads_files,
)

if TYPE_CHECKING:
    from collections.abc import Mapping


@reads_files
def evaluate(
    model: AnyModel,
    frames: Annotated[Path, typer.Argument(metavar="FRAMES", help="File with structures, labelled or not.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PREDICTIONS",
            help="Write the structures as extended XYZ with superion_energy (eV), superion_forces (eV/Å), "
            "superion_stress (eV/Å³) and, where the model has them, superion_charges (e) and, of clusters, "
            "superion_dipole (e·Å).",
        ),
    ] = None,
    device: Device = "cpu",
    json: Annotated[
        Path | None,
        typer.Option(
            "--json",
            metavar="METRICS",
            help="Write errors as JSON with the keys of `superion fit` under `test`; `train` is null.",
        ),
    ] = None,
    precision: Precision = "float64",
    charged_cells: ChargedCells = None,
    *,
    reading: Reading,
) -> None:
    """Predict structures with a model and print its errors where there are labels."""
    from superion.analysis.accuracy import errors, shifted_energy_error
    from superion.analysis.accuracy_result import Metrics
    from superion.calculations.evaluation import comparable, predict, write_predictions
    from superion.errors import InputError, ModelError
    from superion.results import write_result
    from superion.structures.candidates import require_mapped

    potential = load_model(model, charged_cells).with_precision(precision)
    (structures,) = reading.files([frames])
    try:
        require_mapped(structures)
    except InputError as error:  # predictions need no labels
        typer.echo(f"note: {error}", err=True)
    found = predict(potential, structures, device=device, progress=True)
    if output:
        write_predictions(output, structures, found)
    metrics: dict[str, dict[str, Any] | None] = {
        "train": None,
        "test": errors(comparable(potential, structures), found),
    }
    print_metrics(metrics)
    if "external" in potential.provenance and metrics["test"] is not None:
        shifted = shifted_energy_error(comparable(potential, structures), found)
        metrics["test"]["energy_rmse_per_atom_shifted"] = shifted
        if shifted is not None:
            typer.echo(
                f"note: the zero of energy of {model} may be another one than that of the labels; beside a "
                f"shift of each element, RMSE energy {1000 * shifted:.4g} meV/atom"
            )
    if any("REF_bec" in atoms.arrays for atoms in structures):
        from superion.electrostatics import born_errors

        try:
            response = potential.response
        except ModelError as error:
            response = None
            typer.echo(f"note: Born charges are not compared: {error.problem}")
        born = None if response is None else born_errors(structures, response)
        metrics["test"] = {**(metrics["test"] or {}), "born_charges": born}
        if born is not None:
            typer.echo(
                f"test: Born charges of {born['frames']} frames, RMSE {born['born_rmse']:.4g} e; label = "
                f"{born['born_slope']:.4g} x prediction; sum rule broken by {born['sum_rule']:.1e} e"
            )
    if json:
        write_result(json, Metrics.model_validate(metrics))


def print_metrics(metrics: Mapping[str, Mapping[str, Any] | None]) -> None:
    """One line of errors per set, and one of charges by species where the model has charges."""
    from superion.analysis.charges import written

    quantities = (
        ("energy", "energy_rmse_per_atom", 1000.0, "meV/atom"),
        ("forces", "force_rmse", 1000.0, "meV/Å"),
        ("stress", "stress_rmse", 1000.0, "meV/Å³"),
        ("charges", "charge_rmse", 1.0, "e"),
    )
    for part, values in metrics.items():
        if values is None:
            continue
        shown = [
            f"{name} {factor * values[key]:.4g} {unit}"
            for name, key, factor, unit in quantities
            if values[key] is not None
        ]
        said = [f"RMSE {', '.join(shown)}"] if shown else []
        if values["dipole_mae"] is not None:
            said.append(
                f"dipole {values['dipole_mae']:.4g} e·Å (mean error of the magnitude), "
                f"{values['dipole_vector_error']:.4g} e·Å (of the vector)"
            )
        typer.echo(f"{part}: {values['frames']} frames, {'; '.join(said) or 'RMSE unknown (no labels)'}")
        if values["charges"] is not None:
            typer.echo(f"{part}: {written(values['charges'])}")
            for doubt in values["charges"]["doubts"]:
                typer.echo(f"warning: {part}: {doubt}", err=True)


def print_worst(worst: Mapping[str, list[dict[str, Any]] | None]) -> None:
    """A table of the worst frames of each set."""
    from rich.table import Table

    from superion.terminal import PlainConsole

    table = Table("set", "worst frames", "energy (meV/atom)", "force RMSE (meV/Å)", "largest on atom (eV/Å)")
    for part, rows in worst.items():
        for row in rows or ():
            energy, force = row["energy_error_per_atom"], row["force_rmse"]
            table.add_row(
                part,
                row["frame"],
                "–" if energy is None else f"{1000 * energy:+.3g}",
                "–" if force is None else f"{1000 * force:.3g}",
                "–" if force is None else f"{row['force_error']:.3g} ({row['atom']})",
            )
    if table.row_count:
        PlainConsole().print(table)


def print_tuning(record: Mapping[str, Any]) -> None:
    """A table of the settings that were tried, and what was chosen, as a model records it."""
    from rich.table import Table

    from superion.recipes.tuning import FitTuning
    from superion.terminal import PlainConsole

    found = FitTuning.model_validate(record)
    head, *rows = (found.table.columns, *found.table.rows)
    table = Table(*head)
    for row in rows:
        shown = [
            cell if isinstance(cell, str) else "" if cell is None else f"{cell:.4g}" for cell in row[:-1]
        ]
        table.add_row(*shown, "*" if row[-1] else "")
    PlainConsole().print(table)
    if not found.complete:
        typer.echo(
            "note: time did not suffice for all settings; the same command with a longer --tune-time goes on."
        )
