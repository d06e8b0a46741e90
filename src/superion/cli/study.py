"""`superion run`, `superion status`, `superion report` and `superion schema`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Folder = Annotated[Path, typer.Argument(metavar="STUDY", help="Study folder.")]


def run(
    study: Annotated[
        Path,
        typer.Argument(
            metavar="STUDY", help="Study YAML, or a study folder to continue with its own settings."
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="Study folder. Default: the name of the study."),
    ] = None,
) -> None:
    """Run a study, or continue it: only missing or outdated steps are computed."""
    from superion.study import run_study

    folder = run_study(study, output)
    typer.echo(f"report: {folder / 'report.html'}")


def show_status(
    study: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of a study, training, or labels.")],
) -> None:
    """Show how much of a study, training or label store is done, and about how long the rest will take."""
    from superion.cli.label import store_status
    from superion.cli.training import SETTINGS, show_training
    from superion.reference.store import NAME
    from superion.study import status
    from superion.terminal import PlainConsole

    if (study / NAME).exists():
        store_status(study)
        return
    if (study / SETTINGS).exists():
        show_training(study)
        return
    found = status(study)
    PlainConsole().print(found.table())
    if found.next is None:
        typer.echo("all steps are done")
        return
    verb = "working on" if found.running else "next"
    typer.echo(f"{verb}: {found.next}")
    if found.seconds_left:
        hours, minutes = divmod(round(found.seconds_left / 60), 60)
        typer.echo(f"dynamics: about {hours} h {minutes:02d} min left")


def report(study: Folder) -> None:
    """Write the report of a study or a training from the results in its folder, also while it runs."""
    from superion.active_learning.report import write_training_report
    from superion.cli.training import SETTINGS
    from superion.errors import InputError
    from superion.files import locked
    from superion.report import write_report

    if not study.is_dir():
        raise InputError("no such study folder.", file=study, remedy="give a folder made by `superion run`.")
    if (study / SETTINGS).exists():
        typer.echo(f"report: {write_training_report(study)}")
        return
    with locked(study):
        typer.echo(f"report: {write_report(study)}")


def print_schema(
    what: Annotated[
        str,
        typer.Argument(
            help="study, active-learning: the YAML file; fit: the settings of a fit; label: a labeller; "
            "executor: where work is done, as a file for --executor and --parallel."
        ),
    ] = "study",
    preset: Annotated[
        str | None,
        typer.Option(help="fit: of this preset alone. Default: gap, and all others under `presets`."),
    ] = None,
) -> None:
    """Print the JSON schema of a settings file: every key with its unit and default."""
    import json

    from pydantic import BaseModel

    from superion.active_learning.config import TrainSettings
    from superion.active_learning.config import schema as learning_schema
    from superion.errors import InputError, suggest
    from superion.potentials import FitSettings
    from superion.recipes.registry import FIT_PRESETS, fit_preset
    from superion.reference import LabellerSettings
    from superion.study import StudySettings, schema
    from superion.work.executors import ExecutorSettings

    models: dict[str, type[BaseModel]] = {
        "study": StudySettings,
        "active-learning": TrainSettings,
        "fit": FitSettings,
        "label": LabellerSettings,
        "executor": ExecutorSettings,
    }
    what = "active-learning" if what == "training" else what  # its name in older versions
    if what not in models:
        raise InputError(
            f"there is no schema {what!r}.{suggest(what, models)}", remedy=f"use one of {', '.join(models)}."
        )
    if preset is not None and what != "fit":
        raise InputError(f"--preset has no effect on the schema {what!r}.", remedy="use it with fit.")
    found = (fit_preset(preset).settings if preset else models[what]).model_json_schema()
    if what == "study":
        found = schema()
    if what == "active-learning":
        found = learning_schema()
    if what == "fit" and preset is None:
        recipes = FIT_PRESETS.working()
        others = {name: p.settings for name, p in recipes.items() if p.settings is not models[what]}
        found["presets"] = {name: model.model_json_schema() for name, model in others.items()}
    typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
