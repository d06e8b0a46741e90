"""`superion fit`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from superion.cli.model import print_metrics, print_tuning, print_worst
from superion.cli.options import (
    ChargedCells,
    Device,
    Reading,
    parse_electrostatics,
    parse_seconds,
    reads_files,
)

TUNING = ".tuning.json"
"""Ending of the file that keeps what `--tune` tried, instead of that of the model."""


@reads_files
def fit_model(
    train: Annotated[list[Path], typer.Argument(metavar="TRAIN...", help="Files with labelled structures.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Model file to write (.safetensors).")],
    preset: Annotated[
        str,
        typer.Option(
            help="What is fitted. Gaussian processes: gap (local), es-gap (on top of electrostatics), "
            "qeq-gap (of charge equilibration), kqeq-gap (of kernel charge equilibration). Charges and "
            "dipoles alone: kqeq. Neural networks: 2g (local), 3g, cent, 4g, latent-charges. Force field: "
            "polarizable. And what installed packages bring (CONTRIBUTING.md)."
        ),
    ] = "gap",
    test: Annotated[Path | None, typer.Option(help="File with labelled structures to test on.")] = None,
    test_fraction: Annotated[
        float | None,
        typer.Option(
            help="Test on this fraction of TRAIN instead: whole trajectories, or the last block of each; "
            "never frames drawn at random, whose neighbours would be trained on."
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="Settings of the preset as YAML; `superion schema fit --preset NAME` lists them."),
    ] = None,
    quality: Annotated[
        str | None,
        typer.Option(
            help="Gaussian processes: defaults by name. fast; learned: channels weighted by a first fit, "
            "so that forces err less in dynamics as fast, after a fit twice as long; fine: the same and a "
            "second block to 7 Å, dynamics and fit half as fast. What --config gives stands. Default: fast."
        ),
    ] = None,
    charges: Annotated[
        str | None,
        typer.Option(
            help="es-gap: charge of each element in e, qeq (charge equilibration), or a model file whose "
            "electrostatics is taken. Default: Li=0.445,P=2.225,S=-0.890."
        ),
    ] = None,
    screening: Annotated[
        float | None,
        typer.Option(help="es-gap: decay of the overlap of two charge densities in 1/Å. Default: 2.0."),
    ] = None,
    charged_cells: ChargedCells = None,
    repulsion: Annotated[
        bool, typer.Option(help="Repel atoms that come closer than those in TRAIN ever do.")
    ] = True,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Seed of sparse points or first weights. Default: 0.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Threads that build the design matrix. Default: CPU cores.")
    ] = None,
    executor: Annotated[
        str | None,
        typer.Option(
            metavar="WHERE",
            help="Reduce parts of the data elsewhere: processes:4 (or 4), threads:4, serial; "
            "dask://HOST:PORT, the scheduler of a Dask cluster (`pip install 'superion[dask]'`), or a "
            "settings file (.yaml; `superion schema executor`). Default: here, with --workers.",
        ),
    ] = None,
    device: Device = "cpu",
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Neural networks: file that keeps the training, and from which it continues after a kill.",
        ),
    ] = None,
    tune: Annotated[
        bool,
        typer.Option(
            help="Gaussian processes: first choose quality, sigmas, sparse points, Gaussians and cutoffs, by "
            "forces of left-out trajectories of TRAIN. What was tried is kept in the model, and beside it "
            "(.tuning.json), from which an interrupted search goes on."
        ),
    ] = False,
    tune_time: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Begin no further settings that would end after this time, such as 90s, 10m or 2h; those "
            "given are always tried. The last fit comes on top. Default: 10m.",
        ),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="Correct this model instead of starting from nothing: a settings file (.yaml; `superion "
            "schema label`), the name of a labeller, or a model file. What it says of each frame is kept in "
            "OUTPUT.base. OUTPUT.yaml opens the sum in all commands.",
        ),
    ] = None,
    json: Annotated[
        Path | None,
        typer.Option(
            "--json",
            metavar="METRICS",
            help="Write errors as JSON, under `train` and `test` (null without --test): energy_rmse_per_atom "
            "(eV), force_rmse (eV/Å), stress_rmse (eV/Å³), the same as mae, force_rmse_by_species, "
            "charge_rmse (e), charge_rmse_by_species, dipole_mae (of the magnitude, e·Å), "
            "dipole_vector_error (mean length of the difference, e·Å; clusters only), charges "
            "(mean, std, min, max by species, in e). `worst_frames`: of both. `long_range`: the check of "
            "charges that were fitted, with `remarks`; null for other presets. Null: what no frame has a "
            "label for, or the model does not predict.",
        ),
    ] = None,
    *,
    reading: Reading,
) -> None:
    """Fit a potential to labelled structures and print its errors."""
    import numpy as np
    import yaml

    from superion.analysis.accuracy import errors, worst_frames
    from superion.analysis.accuracy_result import Metrics
    from superion.calculations.evaluation import comparable, predict
    from superion.errors import InputError
    from superion.files import is_model, write_atomic
    from superion.model import terms_of
    from superion.recipes.electrostatics import ElectrostaticsSettings
    from superion.recipes.fit import fit
    from superion.recipes.long_range import check_long_range
    from superion.recipes.registry import fit_preset
    from superion.results import write_result
    from superion.settings_file import read_yaml, validate
    from superion.structures import require_labels
    from superion.structures.candidates import require_mapped
    from superion.structures.dataset import doubts
    from superion.structures.split import hold_out
    from superion.work.executors import check_executor

    limit = parse_seconds(tune_time or "10m", "--tune-time") if tune else None
    if tune_time is not None and not tune:
        raise InputError("--tune-time says how long --tune may take.", remedy="add --tune, or leave it out.")
    if executor is not None:
        check_executor(executor)
    recipe = fit_preset(preset)
    chosen = read_yaml(config) if config else {}
    if quality is not None:
        chosen = recipe.of_quality(chosen, quality)
    settings = validate(chosen, recipe.settings, config)
    given: dict[str, Any] = {} if charges is None else parse_electrostatics(charges)
    given |= {} if screening is None else {"screening": screening}
    given |= {} if charged_cells is None else {"charged_cells": charged_cells}
    electrostatics = validate(given, ElectrostaticsSettings, remedy="see `superion fit --help`.")
    named = {
        "charges": charges,
        "screening": screening,
        "charged-cells": charged_cells,
        "workers": workers,
        "executor": executor,
        "checkpoint": checkpoint,
        "device": None if device == "cpu" else device,
    }
    idle = [f"--{name}" for name, value in named.items() if value is not None and name not in recipe.reads]
    if idle:
        typer.echo(f"warning: {' and '.join(idle)} have no effect on the preset {preset}.", err=True)
    if test and test_fraction is not None:
        raise InputError("--test and --test-fraction are two answers to one question.", remedy="give one.")
    frames, tested = reading.files(train, [test] if test else [])
    if test_fraction is not None:
        frames, tested, how = hold_out(frames, test_fraction, np.random.default_rng(seed or 0))
        typer.echo(f"tested on {how}", err=True)
    if recipe.potential:
        require_labels(frames)
        require_mapped(tested)
    for doubt in doubts(frames, tested):
        typer.echo(f"warning: {doubt}", err=True)
    potential = fit(
        frames,
        preset,
        settings,
        electrostatics=electrostatics,
        repulsion=repulsion,
        charged_cells=charged_cells,
        seed=seed,
        workers=workers,
        executor=executor,
        device=device,
        checkpoint=checkpoint,
        files=train,
        base=base,
        base_store=None if base is None or is_model(base) else output.with_suffix(".base"),
        tune=limit,
        tuning=output.with_suffix(TUNING),
        progress=True,
    )
    potential.save(output)
    if base is not None and any(term.kind == "base" for term in terms_of(potential)):
        together = output.with_suffix(".yaml")
        engine = str(Path(base).resolve()) if Path(base).is_file() else base
        write_atomic(together, yaml.safe_dump({"model": output.name, "base": engine}, sort_keys=False))
        typer.echo(f"{together} opens the sum of {base} and its correction", err=True)
    if limit is not None:
        print_tuning(potential.provenance["tune"])
    metrics: dict[str, Any] = {"train": None, "test": None}
    worst: dict[str, list[dict[str, Any]] | None] = {"train": None, "test": None}
    for part, structures in (("train", frames), ("test", tested)):
        if structures:
            found = predict(potential, structures, f"{part} set", progress=True)
            metrics[part] = errors(comparable(potential, structures), found)
            worst[part] = worst_frames(comparable(potential, structures), found)
    print_metrics(metrics)
    for term in terms_of(potential):
        if calibration := getattr(term, "calibration", None):
            typer.echo(f"predicted force deviations: {calibration}")
    print_worst(worst)
    own = getattr(settings, "potential", None)  # of neural potentials
    check = check_long_range(potential, frames, own) if recipe.learns_charges else None
    for remark in check.remarks if check else ():
        typer.echo(f"warning: {remark}.", err=True)
    if json:
        write_result(json, Metrics.model_validate(metrics | {"worst_frames": worst, "long_range": check}))
