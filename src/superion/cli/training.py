"""`superion select` and `superion train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from superion.cli.options import Json, Keys
from superion.errors import InputError

SETTINGS = "training.yaml"
"""By this file a training folder is known."""


def select_frames(
    pool: Annotated[list[Path], typer.Argument(metavar="POOL...", help="Files with candidate structures.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Extended-XYZ file of the chosen frames.")],
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="Frames to choose.")],
    method: Annotated[
        str,
        typer.Option(
            help="variance, committee, similarity, farthest, cur, d-optimal, extrapolation, pca-grid or "
            "random; variance and d-optimal need --model, committee several."
        ),
    ] = "similarity",
    train: Annotated[
        list[Path] | None, typer.Option(help="Frames trained on so far. May be repeated.")
    ] = None,
    model: Annotated[list[Path] | None, typer.Option(help="Model file. May be repeated.")] = None,
    threshold: Annotated[
        float | None,
        typer.Option(help="similarity: environments more similar than this are known. Default: 0.999."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of random choices.")] = 0,
    key: Keys = None,
    json: Json = None,
) -> None:
    """Choose the frames of a pool that are most worth a label; labels of the pool are not looked at."""
    import numpy as np
    from rich.console import Console
    from rich.table import Table

    from superion.files import write_json
    from superion.potentials import Potential
    from superion.structures.duplicates import frame_name
    from superion.study.data import read_files
    from superion.training.frames import write_frames
    from superion.training.select import select

    if threshold is not None and not 0 < threshold < 1:
        raise InputError(
            f"--threshold is {threshold}; expected a number between 0 and 1.", remedy="try 0.999."
        )
    frames = read_files(pool, key or ())
    found = select(
        method,
        frames,
        read_files(train or [], key or ()),
        [Potential.load(path) for path in model or ()],
        count=count,
        rng=np.random.default_rng(seed),
        threshold=threshold,
    )
    names = [frame_name(frames[k], int(k)) for k in found.indices]
    table = Table("rank", "frame", f"score ({method})")
    for rank, (name, score) in enumerate(zip(names, found.scores, strict=True), start=1):
        table.add_row(str(rank), name.replace("[", r"\["), f"{score:.4g}")
    Console().print(table)
    if len(names) < count:
        typer.echo(f"note: {len(names)} of {count}: every other frame is as good as known.")
    write_frames(output, [frames[k] for k in found.indices])
    if json:
        chosen = [
            {"index": int(k), "frame": name, "score": float(score) if np.isfinite(score) else None}
            for k, name, score in zip(found.indices, names, found.scores, strict=True)
        ]
        write_json(json, {"method": method, "chosen": chosen})


def train(
    training: Annotated[
        Path,
        typer.Argument(
            metavar="TRAINING", help="Training YAML, or a training folder to continue with its own settings."
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="DIR", help="Training folder. Default: the name of the training."
        ),
    ] = None,
) -> None:
    """Explore, select, label, clean and refit, generation after generation, or go on with it."""
    from superion.training.run import run_training

    typer.echo(f"training: {run_training(training, output)}")


def show_training(folder: Path) -> None:
    """Print the steps of a training, its labels, and about how long it may still take."""
    from rich.console import Console
    from rich.table import Table

    from superion.training.status import training_status

    found = training_status(folder)
    table = Table("step", "status", "seconds", "note")
    for row in found.rows:
        seconds = "" if row.seconds is None else f"{row.seconds:.1f}"
        table.add_row(row.step, row.status, seconds, row.note.replace("[", r"\["))
    Console().print(table)
    typer.echo(f"labels: {found.labels} of {found.budget}")
    if found.ended:
        typer.echo(f"ended: {found.ended}")
        return
    typer.echo(f"{'working' if found.running else 'stopped'} in generation {found.generation}")
    if found.seconds_left is not None:
        hours, minutes = divmod(round(found.seconds_left / 60), 60)
        typer.echo(f"at most {found.generations} generations: about {hours} h {minutes:02d} min left")
