"""`superion fit` and `superion evaluate`."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from superion.cli.options import Device, Keys, Precision, parse_charges

if TYPE_CHECKING:
    from collections.abc import Mapping


def fit_model(
    train: Annotated[list[Path], typer.Argument(metavar="TRAIN...", help="Files with labelled structures.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Model file to write (.safetensors).")],
    preset: Annotated[
        str,
        typer.Option(
            help="gap: local terms and short-range repulsion; es-gap: the same with electrostatics."
        ),
    ] = "gap",
    test: Annotated[Path | None, typer.Option(help="File with labelled structures to test on.")] = None,
    config: Annotated[
        Path | None, typer.Option(help="Settings of the fit as YAML; `superion schema fit` lists them.")
    ] = None,
    charges: Annotated[
        str | None,
        typer.Option(help="es-gap: charge of each element in e. Default: Li=0.445,P=2.225,S=-0.890."),
    ] = None,
    screening: Annotated[
        float | None,
        typer.Option(help="es-gap: decay of the overlap of two charge densities in 1/Å. Default: 2.0."),
    ] = None,
    repulsion: Annotated[
        bool, typer.Option(help="Repel atoms that come closer than those in TRAIN ever do.")
    ] = True,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Seed of the choice of sparse points. Default: 0.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Threads that build the design matrix. Default: CPU cores.")
    ] = None,
    executor: Annotated[
        str | None,
        typer.Option(
            metavar="WHERE",
            help="Reduce parts of the data elsewhere: processes:4, or dask://HOST:PORT, the scheduler of a "
            "Dask cluster (`pip install 'superion[dask]'`), or threads:4. Default: here, with --workers.",
        ),
    ] = None,
    key: Keys = None,
    json: Annotated[
        Path | None,
        typer.Option(
            "--json",
            metavar="METRICS",
            help="Write errors as JSON, under `train` and `test` (null without --test): energy_rmse_per_atom "
            "(eV), force_rmse (eV/Å), stress_rmse (eV/Å³), the same as mae, force_rmse_by_species, "
            "charge_rmse (e), charge_rmse_by_species, dipole_mae (of the magnitude, e·Å), "
            "dipole_vector_error (mean length of the difference, e·Å; clusters only), charges "
            "(mean, std, min, max by species, in e). Null: what no frame has a label for, or "
            "the model does not predict.",
        ),
    ] = None,
) -> None:
    """Fit a potential to labelled structures and print its errors."""
    from superion.files import sha256, write_json
    from superion.potentials import FitSettings, Potential, estimate_memory, fit
    from superion.potentials.executors import open_executor
    from superion.structures import require_labels
    from superion.study.config import ElectrostaticsSettings, cpu_count
    from superion.study.data import doubts, read_files
    from superion.study.presets import fixed_terms
    from superion.study.provenance import NUMERICAL, versions
    from superion.study.settings_file import read_settings, validate

    settings = read_settings(config, FitSettings) if config else FitSettings()
    if seed is not None:
        settings = settings.model_copy(update={"seed": seed})
    given: dict[str, Any] = {} if charges is None else {"charges": parse_charges(charges)}
    given |= {} if screening is None else {"screening": screening}
    if given and preset == "gap":
        typer.echo(f"warning: --{' and --'.join(given)} have no effect on the preset gap.", err=True)
    electrostatics = validate(given, ElectrostaticsSettings, remedy="see `superion fit --help`.")
    frames = read_files(train, key or ())
    require_labels(frames)
    tested = read_files([test], key or ()) if test else []
    for doubt in doubts(frames, tested):
        typer.echo(f"warning: {doubt}", err=True)
    terms = fixed_terms(preset, frames, electrostatics, repulsion=repulsion)
    threads = workers or cpu_count()
    memory = estimate_memory(settings, frames, 1 if executor else threads)
    typer.echo(f"The fit will use up to {memory / 1e9:.1f} GB of memory.", err=True)
    with open_executor(executor) if executor else nullcontext((None, threads)) as (pool, count):
        fitted = fit(frames, settings, {preset: terms}, workers=count, executor=pool, progress=True)
    provenance = {
        "settings": {
            "preset": preset,
            "fit": settings.model_dump(mode="json"),
            "repulsion": repulsion,
            "electrostatics": electrostatics.identity() if preset == "es-gap" else None,
        },
        "data": {path.name: sha256(path) for path in train},
        "training_frames": len(frames),
        "versions": versions(NUMERICAL),
    }
    potential = Potential(fitted[preset], provenance)
    potential.save(output)
    metrics = {
        "train": _metrics(potential, frames, "training set"),
        "test": _metrics(potential, tested, "test set") if test else None,
    }
    _print(metrics)
    if json:
        write_json(json, metrics)


def evaluate(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Model file.")],
    frames: Annotated[Path, typer.Argument(metavar="FRAMES", help="File with structures, labelled or not.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PREDICTIONS",
            help="Write the structures as extended XYZ with superion_energy (eV), superion_forces (eV/Å), "
            "superion_stress (eV/Å³) and, where the model has them, superion_charges (e).",
        ),
    ] = None,
    device: Device = "cpu",
    key: Keys = None,
    json: Annotated[
        Path | None,
        typer.Option(
            "--json",
            metavar="METRICS",
            help="Write errors as JSON with the keys of `superion fit` under `test`; `train` is null.",
        ),
    ] = None,
    precision: Precision = "float64",
) -> None:
    """Predict structures with a model and print its errors where there are labels."""
    from superion.analysis.accuracy import errors
    from superion.files import write_json
    from superion.potentials import Potential
    from superion.study.data import read_files
    from superion.study.evaluate import predict, write_predictions

    potential = Potential.load(model).with_precision(precision)
    structures = read_files([frames], key or ())
    found = predict(potential, structures, device=device, progress=True)
    if output:
        write_predictions(output, structures, found)
    metrics = {"train": None, "test": errors(structures, found)}
    _print(metrics)
    if json:
        write_json(json, metrics)


def _metrics(potential: Any, frames: list[Any], what: str) -> dict[str, Any]:
    from superion.analysis.accuracy import errors
    from superion.study.evaluate import predict

    return errors(frames, predict(potential, frames, what, progress=True))


def _print(metrics: Mapping[str, Mapping[str, Any] | None]) -> None:
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
        line = f"{part}: {values['frames']} frames, RMSE {', '.join(shown) or 'unknown (no labels)'}"
        if values["dipole_mae"] is not None:
            line += (
                f"; dipole {values['dipole_mae']:.4g} e·Å (mean error of the magnitude), "
                f"{values['dipole_vector_error']:.4g} e·Å (of the vector)"
            )
        typer.echo(line)
        if values["charges"] is not None:
            typer.echo(f"{part}: {written(values['charges'])}")
