"""`superion select`, `superion active-learning` and `superion compare-selectors`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from superion.cli.options import (
    ChargedCells,
    Json,
    Reading,
    load_model,
    reads_files,
)
from superion.errors import InputError

SETTINGS = "training.yaml"
"""By this file a training folder is known."""


@reads_files
def select_frames(
    pool: Annotated[list[Path], typer.Argument(metavar="POOL...", help="Files with candidate structures.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Extended-XYZ file of the chosen frames.")],
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="Frames to choose.")],
    method: Annotated[
        str,
        typer.Option(
            help="variance, committee, similarity, farthest, cur, d-optimal, extrapolation, pca-grid or "
            "random, or what an installed package brings; variance and d-optimal need --model, committee "
            "several."
        ),
    ] = "similarity",
    train: Annotated[
        list[Path] | None, typer.Option(help="Frames trained on so far. May be repeated.")
    ] = None,
    model: Annotated[
        list[Path] | None,
        typer.Option(help="Model file; committee: any model, also a settings file. May be repeated."),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(help="similarity: environments more similar than this are known. Default: 0.999."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of random choices.")] = 0,
    charged_cells: ChargedCells = None,
    json: Json = None,
    *,
    reading: Reading,
) -> None:
    """Choose the frames of a pool that are most worth a label; labels of the pool are not looked at."""
    import numpy as np
    from rich.table import Table

    from superion.active_learning.frames import write_frames
    from superion.active_learning.results import SelectedFrame, Selection
    from superion.active_learning.select import select
    from superion.results import write_result
    from superion.structures.duplicates import frame_name
    from superion.terminal import PlainConsole

    if threshold is not None and not 0 < threshold < 1:
        raise InputError(
            f"--threshold is {threshold}; expected a number between 0 and 1.", remedy="try 0.999."
        )
    frames, known = reading.files(pool, train or [])
    found = select(
        method,
        frames,
        known,
        [load_model(path, charged_cells) for path in model or ()],
        count=count,
        rng=np.random.default_rng(seed),
        threshold=threshold,
    )
    names = [frame_name(frames[k], int(k)) for k in found.indices]
    table = Table("rank", "frame", f"score ({method})")
    for rank, (name, score) in enumerate(zip(names, found.scores, strict=True), start=1):
        table.add_row(str(rank), name, f"{score:.4g}")
    PlainConsole().print(table)
    if len(names) < count:
        typer.echo(f"note: {len(names)} of {count}: every other frame is as good as known.")
    write_frames(output, [frames[k] for k in found.indices])
    if json:
        chosen = [
            SelectedFrame(index=int(k), frame=name, score=float(score) if np.isfinite(score) else None)
            for k, name, score in zip(found.indices, names, found.scores, strict=True)
        ]
        write_result(json, Selection(method=method, chosen=chosen))


def learn(
    settings: Annotated[
        Path,
        typer.Argument(
            metavar="SETTINGS",
            help="YAML file, or a folder of active learning to continue with its own settings. It may name "
            "code to run (labels.labeller, labels.executor, models.NAME.open): use your own only.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="DIR", help="Folder of all results. Default: the name in the settings."
        ),
    ] = None,
) -> None:
    """Explore, select, label, clean and refit, generation after generation; or continue."""
    from superion.active_learning.run import run_training

    folder = run_training(settings, output)
    typer.echo(f"training: {folder}")
    if (folder / "report.html").exists():
        typer.echo(f"report: {folder / 'report.html'}")


def show_training(folder: Path) -> None:
    """Print the steps of a training, its labels, and about how long it may still take."""
    from rich.table import Table

    from superion.active_learning.status import training_status
    from superion.terminal import PlainConsole

    found = training_status(folder)
    table = Table("step", "status", "done", "seconds", "note")
    for row in found.rows:
        seconds = "" if row.seconds is None else f"{row.seconds:.1f}"
        done = "" if row.fraction is None else f"{100 * row.fraction:.0f} %"
        table.add_row(row.step, row.status, done, seconds, row.note)
    PlainConsole().print(table)
    store = f"; in the store {found.made}, failed {found.failed}" if found.made or found.failed else ""
    store += f"; left out {found.rejected}" if found.rejected else ""
    typer.echo(f"labels: {found.labels} of {found.budget} asked for{store}")
    if found.ended:
        typer.echo(f"ended: {found.ended}")
        return
    typer.echo(f"{'working' if found.running else 'stopped'} in generation {found.generation}")
    if found.seconds_left is not None:
        hours, minutes = divmod(round(found.seconds_left / 60), 60)
        typer.echo(f"at most {found.generations} generations: about {hours} h {minutes:02d} min left")


@reads_files
def compare(
    frames: Annotated[list[Path], typer.Argument(metavar="FRAMES...", help="Files of labelled frames.")],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="DIR", help="Folder for comparison.json, .png and .svg."),
    ],
    test: Annotated[list[str], typer.Option(help="Trajectory to test on. May be repeated.")],
    method: Annotated[
        list[str] | None,
        typer.Option(
            help="Method of `superion select`. May be repeated. Default: all that the preset can serve."
        ),
    ] = None,
    initial: Annotated[int, typer.Option(help="Frames drawn at random to begin with.")] = 5,
    step: Annotated[int, typer.Option(help="Frames added at a time.")] = 5,
    budget: Annotated[int, typer.Option(help="Labels at the end.")] = 25,
    repeats: Annotated[int, typer.Option(help="Draws of the initial frames.")] = 3,
    preset: Annotated[str, typer.Option(help="What is fitted, as of `superion fit`.")] = "gap",
    config: Annotated[
        Path | None,
        typer.Option(help="Settings of the preset as YAML; `superion schema fit --preset NAME` lists them."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything random.")] = 0,
    *,
    reading: Reading,
) -> None:
    """Compare selectors with one label budget, on frames that have labels already."""
    import numpy as np

    from superion.active_learning.compare import CompareSettings, compare_selectors
    from superion.recipes.base import Job, Options
    from superion.recipes.registry import fit_preset
    from superion.results import write_result
    from superion.settings_file import read_settings, validate
    from superion.structures import require_labels, split_by_trajectory
    from superion.study.config import cpu_count

    given = {
        "methods": method,
        "initial": initial,
        "step": step,
        "budget": budget,
        "repeats": repeats,
        "seed": seed,
    }
    settings = validate(
        {k: v for k, v in given.items() if v is not None},
        CompareSettings,
        remedy="see `superion compare-selectors --help`.",
    )
    recipe = fit_preset(preset)
    (known,) = reading.files(frames)
    require_labels(known)
    pool, held = split_by_trajectory(known, test=test)
    chosen = recipe.completed(read_settings(config, recipe.settings) if config else recipe.settings(), pool)
    job = Job(recipe, chosen, Options(workers=cpu_count()))
    result = compare_selectors(pool, held, job, settings)
    output.mkdir(parents=True, exist_ok=True)
    write_result(output / "comparison.json", result)
    for name, found in result.methods.items():
        last = 1000 * np.array(found.force_rmse, dtype=float)[:, -1]
        typer.echo(f"{name}: force RMSE {last.mean():.4g} meV/Å after {budget} labels ({len(last)} repeats)")
    try:
        from superion.active_learning.report.figures import draw_comparison
    except ImportError as error:
        typer.echo(f"note: no figure ({error}); install it: pip install 'superion[report]'.")
        return
    draw_comparison(result, output)
